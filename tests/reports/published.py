"""Pages as tests read them, and a warehouse whose marts are built by dbt from nothing and published."""

from __future__ import annotations

import logging
from html.parser import HTMLParser

import company
from dbt_common.events.event_manager_client import get_event_manager

from touchstone.dbt import run_dbt
from touchstone.warehouse import ledger
from touchstone.warehouse.publish import publish

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Text, ids and tags of a page; refuses elements that are not closed in order."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.source = source
        self.open: list[str] = []
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.images: list[str] = []
        self.sections: dict[str, list[str]] = {}
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.add(tag)
        if "id" in values:
            self.ids.append(values["id"])
        if values.get("role") == "img":
            self.images.append(values["aria-label"])
        if tag == "section":
            self.sections[values["id"]] = []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)
            if "section" in self.open:
                list(self.sections.values())[-1].append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def section(self, name: str) -> str:
        return " ".join(" ".join(self.sections[name]).split())


def publish_nothing() -> None:
    """Build and publish the marts of a warehouse that holds nothing."""
    with ledger.step("publish", as_of=company.AS_OF) as run:
        for command, selector in (("build", "staging"), ("run", "core"), ("run", "facts"), ("run", "marts")):
            run_dbt(command, selector=selector, as_of=company.AS_OF, ledger_id=run.run_id)
            close_log_of_dbt()
        publish(run.run_id, company.AS_OF)


def close_log_of_dbt() -> None:
    """dbt leaves its log open for the garbage collector, which warns; here a warning is an error."""
    for logger in get_event_manager().loggers:
        for handler in getattr(logger, "_python_logger", logging.root).handlers:
            if isinstance(handler, logging.FileHandler):
                handler.close()

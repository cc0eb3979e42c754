"""A small template grammar: `{a|b}` picks one of the alternatives (they nest), `<name>` is filled from the case."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

import yaml

from touchstone.errors import ConfigurationError

_Node = str | tuple[str, Any]  # plain text, ("slot", name) or ("pick", list of sequences)
Template = list[_Node]


def compile_template(text: str) -> Template:
    """The template's parts in order.

    Raises:
        ConfigurationError: A brace is not closed or not opened.
    """
    sequence, rest = _sequence(text, 0, top=True)
    if rest != len(text):
        raise ConfigurationError("unbalanced braces in a sample phrase", text, "Close every { with a }.")
    return sequence


def _sequence(text: str, position: int, *, top: bool) -> tuple[Template, int]:
    sequence: Template = []
    plain = ""
    while position < len(text):
        character = text[position]
        if character in "|}" and not top:
            break
        if character == "{":
            options = []
            while True:
                option, position = _sequence(text, position + 1, top=False)
                options.append(option)
                if position >= len(text):
                    raise ConfigurationError("unbalanced braces in a sample phrase", text, "Close every { with a }.")
                if text[position] == "}":
                    break
            sequence += [plain, ("pick", options)]
            plain = ""
        elif character == "<":
            end = text.index(">", position)
            sequence += [plain, ("slot", text[position + 1 : end])]
            plain, position = "", end
        else:
            plain += character
        position += 1
    return [*sequence, plain], position


def render(template: Template, rng: random.Random, slots: Mapping[str, Any]) -> str:
    """The text of a template; a slot that holds a list of templates is rendered anew at each place."""
    parts = []
    for node in template:
        if isinstance(node, str):
            parts.append(node)
        elif node[0] == "pick":
            parts.append(render(rng.choice(node[1]), rng, slots))
        else:
            value = slots[node[1]]
            parts.append(render(rng.choice(value), rng, slots) if isinstance(value, list) else value)
    return "".join(parts)


def lines(text: str) -> list[Template]:
    """The templates of a block, one a line; `\\n` in a line is a line break, empty lines are skipped."""
    return [compile_template(line.replace("\\n", "\n")) for line in text.splitlines() if line.strip()]


@lru_cache(maxsize=1)
def world() -> dict[str, Any]:
    """The firm's cast as world.yml states it."""
    return _load("world")


@lru_cache(maxsize=1)
def common() -> dict[str, list[Template]]:
    """Phrases that belong to no topic, by name; the customers' names start with `customer_`."""
    phrases = {f"customer_{name}": lines(text) for name, text in _load("customers").items()}
    for book in ("agents", "machines"):
        phrases |= {name: lines(text) for name, text in _load(book).items()}
    return phrases


@lru_cache(maxsize=1)
def topics() -> dict[str, dict[str, list[Template]]]:
    """Phrases of each topic, by name."""
    books = ("topics_billing", "topics_technical", "topics_access")
    found = {topic: block for book in books for topic, block in _load(book).items()}
    missing = set(world()["topics"]) ^ set(found)
    if missing:
        raise ConfigurationError("sample topics without phrases or without a place in world.yml", sorted(missing))
    return {topic: {name: lines(text) for name, text in block.items()} for topic, block in found.items()}


@lru_cache(maxsize=1)
def languages() -> dict[str, dict[str, Any]]:
    """Phrases of the languages beside English: `nouns` by topic, the rest for all topics."""
    return {
        language: {
            name: {topic: lines(noun) for topic, noun in block.items()} if name == "nouns" else lines(block)
            for name, block in book.items()
        }
        for language, book in _load("languages").items()
    }


def _load(book: str) -> Any:
    path = resources.files("touchstone.sample").joinpath("phrases", f"{book}.yml")
    return yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506

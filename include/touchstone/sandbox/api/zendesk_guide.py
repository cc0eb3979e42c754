"""Zendesk's help centre: articles as they read now, without their earlier versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np

from touchstone.sandbox.api import exports, ids
from touchstone.sandbox.api.calls import Answer, Call, tainted
from touchstone.sandbox.api.options import Drift
from touchstone.sandbox.api.timeline import Entry, Timeline
from touchstone.sandbox.model import Company


class Guide:
    """The articles; an archived one is gone from export and list, without a word."""

    def __init__(self, company: Company, base: str) -> None:
        self._base = base
        self._articles = sorted(company.articles, key=lambda one: ids.number(one.article_id))
        self._sections = sorted({one.section for one in self._articles})
        self._timeline = Timeline(
            (
                ids.zendesk_id(one.article_id),
                sorted({one.created_at, *(version.edited_at for version in one.versions)}),
            )
            for one in self._articles
        )
        self._founded = min((one.created_at for one in self._articles), default=company.until)

    def export(self, call: Call) -> Answer:
        """Articles by the time of their last change; `next_page` is null at the end and nothing else says so."""
        return exports.records_by_time(
            call,
            "/api/v2/help_center/incremental/articles.json",
            self._timeline,
            "articles",
            lambda entries: self._shown(entries, call),
            self._keep(call.now),
            ends_silently=True,
        )

    def articles(self, call: Call) -> Answer:
        keep = self._keep(call.now)
        found = [place for place, one in enumerate(self._articles) if keep[place] and one.created_at <= call.now]
        rows = [self._article(place, call.now, call.traps.drift) for place in found]
        path = "/api/v2/help_center/articles.json"
        shown, envelope = exports.listed(call, path, "articles", rows, lambda row: row["id"])
        return Answer({"articles": shown, **envelope})

    def sections(self, call: Call) -> Answer:
        rows = [
            {
                "id": ids.SECTIONS + index,
                "name": name,
                "locale": "en-us",
                "created_at": self._founded,
                "updated_at": self._founded,
            }
            for index, name in enumerate(self._sections)
        ]
        path = "/api/v2/help_center/sections.json"
        shown, envelope = exports.listed(call, path, "sections", rows, lambda row: row["id"])
        return Answer({"sections": shown, **envelope})

    def _keep(self, now: datetime) -> np.ndarray:
        return np.array([one.archived_at is None or one.archived_at > now for one in self._articles], dtype=bool)

    def _shown(self, entries: list[Entry], call: Call) -> list[dict[str, Any]]:
        return [self._article(place, call.now, call.traps.drift) for _, place in entries]

    def _article(self, place: int, now: datetime, drift: Drift) -> dict[str, Any]:
        one = self._articles[place]
        version = [version for version in one.versions if version.edited_at <= now][-1]
        article_id = ids.zendesk_id(one.article_id)
        body = tainted(version.body, article_id) if drift.nul_and_surrogates else version.body
        article = {
            "id": article_id,
            "url": f"{self._base}/api/v2/help_center/articles/{article_id}.json",
            "html_url": f"{self._base}/hc/{one.locale}/articles/{article_id}",
            "author_id": ids.zendesk_id(version.editor_id) if version.editor_id else ids.SYSTEM_USER,
            "title": version.title,
            "name": version.title,
            "body": body,
            "locale": one.locale,
            "source_locale": one.locale,
            "section_id": ids.SECTIONS + self._sections.index(one.section),
            "draft": False,
            "outdated": False,
            "promoted": False,
            "position": 0,
            "vote_sum": 0,
            "vote_count": 0,
            "label_names": [one.topic],
            "created_at": one.created_at,
            "updated_at": version.edited_at,
            "edited_at": version.edited_at,
        }
        return article | {"content_tag_ids": []} if drift.new_field else article

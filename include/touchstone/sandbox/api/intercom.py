"""Intercom: conversations by search and id, contacts, companies by scroll, admins, teams, tags and articles."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from touchstone.sandbox.api import ids
from touchstone.sandbox.api.calls import Answer, Call, Endpoint, Refusal, html, tainted
from touchstone.sandbox.api.intercom_conversations import Conversations
from touchstone.sandbox.api.intercom_ids import intercom_id
from touchstone.sandbox.api.intercom_people import WORKSPACE, People
from touchstone.sandbox.api.intercom_search import epoch, error, numbered, refused
from touchstone.sandbox.api.limits import Limit
from touchstone.sandbox.api.options import SandboxOptions
from touchstone.sandbox.model import Article, Company

VERSION = "2.15"
# 10,000 a minute, counted in windows of ten seconds
APP = Limit("intercom.app", 1666, 10.0)
_ANY = (APP,)
LISTED_ARTICLES = 50


class Intercom:
    """The company's workspace."""

    prefix = "/intercom"

    def __init__(self, company: Company, options: SandboxOptions) -> None:
        self._people = People(company)
        self._conversations = Conversations(company, self._people)
        self._articles = {intercom_id(one.article_id): one for one in company.articles}

    def endpoints(self) -> list[Endpoint]:
        people, conversations = self._people, self._conversations
        table = (
            ("me", "GET", "/me", self.me),
            ("conversations_search", "POST", "/conversations/search", conversations.search),
            ("conversations", "GET", "/conversations", conversations.list),
            ("conversation", "GET", "/conversations/{id}", conversations.conversation),
            ("contacts_search", "POST", "/contacts/search", people.search),
            ("contacts", "GET", "/contacts", people.contacts),
            ("contact", "GET", "/contacts/{id}", people.contact),
            ("companies_scroll", "GET", "/companies/scroll", people.scroll),
            ("company", "GET", "/companies/{id}", people.company),
            ("admins", "GET", "/admins", people.admins),
            ("teams", "GET", "/teams", people.teams),
            ("tags", "GET", "/tags", conversations.tags),
            ("articles", "GET", "/articles", self.articles),
            ("article", "GET", "/articles/{id}", self.article),
        )
        return [Endpoint(f"intercom.{name}", method, path, handler, _ANY) for name, method, path, handler in table]

    # --- manners

    def authorise(self, call: Call) -> None:
        if call.bearer() != call.credentials.intercom.token:
            raise Refusal(error(401, "unauthorized", "Access Token Invalid"))
        if call.headers.get("intercom-version") != VERSION:
            raise refused("Requested version does not exist", "intercom_version_invalid")

    def too_many(self, limit: Limit | None, retry_after: float | None) -> Answer:
        answer = error(429, "rate_limit_exceeded", "Exceeded rate limit of 10000 in a minute")
        if retry_after is not None:
            answer.headers |= _reset(retry_after)
        return answer

    def budget(self, limit: Limit, remaining: int) -> dict[str, str]:
        stated = {"X-RateLimit-Limit": str(limit.requests), "X-RateLimit-Remaining": str(remaining)}
        return stated | _reset(limit.window)

    def failure(self, status: int) -> Answer:
        self._people.end_scroll()
        if status in (502, 504):
            return html(status, f"{status} Bad Gateway")
        text = "Request failed due to an internal network error. Please restart the scroll operation."
        return error(status, "server_error", text)

    def unknown(self, path: str) -> Answer:
        return error(404, "not_found", "Resource Not Found")

    def me(self, call: Call) -> Answer:
        return Answer(
            {
                "type": "admin",
                "id": "6999999",
                "name": "Operator",
                "email": "operator@intercom.example",
                "email_verified": True,
                "has_inbox_seat": True,
                "app": {
                    "type": "app",
                    "id_code": WORKSPACE,
                    "name": "Sandbox",
                    "created_at": 1_700_000_000,
                    "secure": False,
                    "identity_verification": False,
                    "timezone": "UTC",
                    "region": "EU",
                },
            }
        )

    # --- articles

    def articles(self, call: Call) -> Answer:
        """Articles as they read now, the newest change first; one that was archived is gone."""
        found = [
            (own, {"created_at": epoch(one.created_at), "updated_at": _edited(one, call.now)})
            for own, one in self._articles.items()
            if _is_there(one, call.now)
        ]
        shown, pages, total = numbered(call, found, LISTED_ARTICLES)
        data = [self._article(own, dates, call) for own, dates in shown]
        return Answer({"type": "list", "data": data, "total_count": total, "pages": pages})

    def article(self, call: Call) -> Answer:
        one = self._articles.get(call.path["id"])
        if one is None or not _is_there(one, call.now):
            raise Refusal(error(404, "not_found", "Resource Not Found"))
        dates = {"created_at": epoch(one.created_at), "updated_at": _edited(one, call.now)}
        return Answer(self._article(call.path["id"], dates, call))

    def _article(self, own: str, dates: dict[str, int], call: Call) -> dict[str, Any]:
        one = self._articles[own]
        version = [version for version in one.versions if version.edited_at <= call.now][-1]
        body = tainted(version.body, int(own)) if call.traps.drift.nul_and_surrogates else version.body
        return {
            "type": "article",
            "id": own,
            "workspace_id": WORKSPACE,
            "title": version.title,
            "description": None,
            "body": body,
            "author_id": int(intercom_id(version.editor_id)) if version.editor_id else 6_999_999,
            "state": "published",
            "created_at": dates["created_at"],
            "updated_at": dates["updated_at"],
            "url": f"https://help.example/{one.locale.partition('-')[0]}/articles/{own}-{ids.number(one.article_id)}",
            "parent_id": None,
            "parent_ids": [],
            "parent_type": None,
            "default_locale": one.locale.partition("-")[0],
        }


def _is_there(one: Article, now: datetime) -> bool:
    return one.created_at <= now and (one.archived_at is None or one.archived_at > now)


def _edited(one: Article, now: datetime) -> int:
    return max(epoch(version.edited_at) for version in one.versions if version.edited_at <= now)


def _reset(seconds: float) -> dict[str, str]:
    """When the window ends, in whole seconds since 1970 by the world's clock."""
    return {"X-RateLimit-Reset": str(int(time.time() + seconds))}

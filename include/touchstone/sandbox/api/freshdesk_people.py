"""Freshdesk's contacts, companies, agents and groups, its fields and survey, and the articles of its solutions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from touchstone.sandbox.api.desk import latest
from touchstone.sandbox.api.freshdesk_ids import CATEGORIES, FIELDS, FOLDERS, GROUPS, SURVEY, freshdesk_id
from touchstone.sandbox.api.freshdesk_tickets import ACCEPTED
from touchstone.sandbox.api.vendors import zendesk_organization, zendesk_user
from touchstone.sandbox.model import Account, Agent, Article, Company, Customer
from touchstone.sandbox.state import health_at, plan_at

_FIELDS = (("cf_topic", "Topic"), ("cf_product_area", "Product area"), ("cf_language", "Language"))
PUBLISHED = 2


class People:
    """Who and what the tickets speak of, as it stands at a moment; lists are in the order of ids."""

    def __init__(self, company: Company) -> None:
        self._company = company
        wrote = {one.customer_id for one in company.conversations if one.desk == "zendesk"}
        self._known = [one for one in company.customers if "zendesk" in one.known_to or one.customer_id in wrote]
        self._sections = sorted({one.section for one in company.articles})
        self._founded = min((one.hired_at for one in company.agents), default=company.until)

    # --- people

    def contacts(self, now: datetime) -> list[dict[str, Any]]:
        return [_contact(one) for one in self._known if one.created_at <= now]

    def companies(self, now: datetime) -> list[dict[str, Any]]:
        return [_company(one, now) for one in self._company.accounts if one.created_at <= now]

    def agents(self, now: datetime) -> list[dict[str, Any]]:
        """The agents; one who left is deleted, and listed no more."""
        there = (one for one in self._company.agents if one.hired_at <= now)
        return [self._agent(one, now) for one in there if one.left_at is None or one.left_at > now]

    def _agent(self, one: Agent, now: datetime) -> dict[str, Any]:
        history = [entry for entry in one.teams if entry[0] <= now]
        changed, team, _ = history[-1] if history else one.teams[0]
        return {
            "id": freshdesk_id(one.agent_id),
            "available": True,
            "occasional": False,
            "type": "support_agent",
            "ticket_scope": 1,
            "signature": None,
            "group_ids": [self._group_id(team)],
            "role_ids": [1],
            "contact": {
                "active": True,
                "email": one.email,
                "name": one.name,
                "job_title": None,
                "language": "en",
                "mobile": None,
                "phone": None,
                "time_zone": "UTC",
                "created_at": one.hired_at,
                "updated_at": max(changed, one.hired_at),
            },
            "created_at": one.hired_at,
            "updated_at": max(changed, one.hired_at),
        }

    def _group_id(self, team: str) -> int:
        return GROUPS + self._company.teams.index(team)

    def groups(self, now: datetime) -> list[dict[str, Any]]:
        members: dict[int, list[int]] = {}
        for agent in self.agents(now):
            members.setdefault(agent["group_ids"][0], []).append(agent["id"])
        return [
            {
                "id": self._group_id(team),
                "name": team,
                "description": None,
                "escalate_to": None,
                "unassigned_for": None,
                "agent_ids": members.get(self._group_id(team), []),
                "created_at": self._founded,
                "updated_at": self._founded,
            }
            for team in self._company.teams
        ]

    # --- settings

    def ticket_fields(self, now: datetime) -> list[dict[str, Any]]:
        return [
            {
                "id": FIELDS + index,
                "name": name,
                "label": label,
                "type": "custom_text",
                "default": False,
                "position": index + 1,
                "created_at": self._founded,
                "updated_at": self._founded,
            }
            for index, (name, label) in enumerate(_FIELDS)
        ]

    def surveys(self, now: datetime) -> list[dict[str, Any]]:
        question = {"id": "default_question", "label": "How did we do?", "accepted_ratings": list(ACCEPTED)}
        return [
            {
                "id": SURVEY,
                "title": "Default",
                "active": True,
                "questions": [question | {"default": True}],
                "created_at": self._founded,
                "updated_at": self._founded,
            }
        ]

    # --- solutions

    def categories(self, now: datetime) -> list[dict[str, Any]]:
        times = {"created_at": self._founded, "updated_at": self._founded}
        return [{"id": CATEGORIES, "name": "Help", "description": None, "visible_in_portals": []} | times]

    def folders(self, category_id: int) -> list[dict[str, Any]] | None:
        """The folders of a category, without those that lie in one of them; None where there is no such category."""
        if category_id != CATEGORIES:
            return None
        return [self._folder(index) for index in range(0, len(self._sections), 2)]

    def subfolders(self, folder_id: int) -> list[dict[str, Any]] | None:
        """The folders in a folder: every other section lies in the one before it. None where there is no such folder."""
        index = folder_id - FOLDERS
        if not 0 <= index < len(self._sections):
            return None
        return [self._folder(index + 1)] if self._has_subfolder(index) else []

    def _has_subfolder(self, index: int) -> bool:
        return index % 2 == 0 and index + 1 < len(self._sections)

    def _folder(self, index: int) -> dict[str, Any]:
        return {
            "id": FOLDERS + index,
            "name": self._sections[index],
            "description": None,
            "visibility": 1,
            "sub_folders_count": int(self._has_subfolder(index)),
            "created_at": self._founded,
            "updated_at": self._founded,
        }

    def articles(self, folder_id: int, now: datetime) -> list[dict[str, Any]] | None:
        """The articles of a folder, as they read now."""
        if not 0 <= folder_id - FOLDERS < len(self._sections):
            return None
        section = self._sections[folder_id - FOLDERS]
        return [
            self._article(one, folder_id, now)
            for one in self._company.articles
            if one.section == section and one.created_at <= now and (one.archived_at is None or one.archived_at > now)
        ]

    def all_articles(self, now: datetime) -> list[dict[str, Any]]:
        found = (self.articles(FOLDERS + index, now) or [] for index in range(len(self._sections)))
        return [one for articles in found for one in articles]

    def _article(self, one: Article, folder_id: int, now: datetime) -> dict[str, Any]:
        version = [version for version in one.versions if version.edited_at <= now][-1]
        return {
            "id": freshdesk_id(one.article_id),
            "type": 1,
            "status": PUBLISHED,
            "category_id": CATEGORIES,
            "folder_id": folder_id,
            "agent_id": freshdesk_id(version.editor_id) if version.editor_id else None,
            "title": version.title,
            "description": f"<p>{version.body}</p>",
            "description_text": version.body,
            "tags": [one.topic],
            "seo_data": {},
            "hits": 0,
            "thumbs_up": 0,
            "thumbs_down": 0,
            "language": one.locale,
            "created_at": one.created_at,
            "updated_at": version.edited_at,
        }


def _contact(one: Customer) -> dict[str, Any]:
    own = zendesk_user(one)
    return {
        "id": freshdesk_id(one.customer_id),
        "name": one.name,
        "email": own["email"],
        "other_emails": [],
        "phone": own["phone"],
        "mobile": None,
        "unique_external_id": own["external_id"],
        "company_id": freshdesk_id(one.account_id) if one.account_id else None,
        "view_all_tickets": False,
        "active": True,
        "deleted": False,
        "language": own["locale"],
        "time_zone": "UTC",
        "job_title": None,
        "custom_fields": {},
        "created_at": one.created_at,
        "updated_at": one.created_at,
    }


def _company(one: Account, now: datetime) -> dict[str, Any]:
    own = zendesk_organization(one)
    tier = latest(one.tiers, now)
    return {
        "id": freshdesk_id(one.account_id),
        "name": own["name"],
        "description": None,
        "note": None,
        "domains": own["domain_names"],
        "health_score": health_at(one, now),
        "account_tier": tier[1] if tier else None,
        "renewal_date": None,
        "industry": one.industry,
        "custom_fields": {"crm_id": own["crm_id"], "segment": one.segment, "plan": plan_at(one, now)},
        "created_at": one.created_at,
        "updated_at": max([one.created_at, *(at for at, _ in one.tiers if at <= now)]),
    }

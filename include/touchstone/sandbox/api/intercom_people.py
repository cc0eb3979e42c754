"""Intercom's contacts, companies, admins and teams."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from touchstone.sandbox.api import ids
from touchstone.sandbox.api.calls import Answer, Call, Refusal
from touchstone.sandbox.api.desk import latest
from touchstone.sandbox.api.intercom_ids import TEAMS, hex_number, intercom_id
from touchstone.sandbox.api.intercom_search import Dated, epoch, error, listed, page, parsed, refused
from touchstone.sandbox.api.vendors import intercom_company, intercom_contact
from touchstone.sandbox.model import Account, Agent, Company, Customer
from touchstone.sandbox.state import health_points_at, plan_at

WORKSPACE = "sandbox1"
BASE = "https://api.intercom.example"
LISTED, SCROLLED = 50, 100
_DATES = ("created_at", "updated_at")


class People:
    """Customers as contacts, accounts as companies, agents as admins; bots are in no list."""

    def __init__(self, company: Company) -> None:
        self._company = company
        wrote = {one.customer_id for one in company.conversations if one.desk == "zendesk"}
        known = [one for one in company.customers if "zendesk" in one.known_to or one.customer_id in wrote]
        self.customers = {ids.number(one.customer_id): one for one in known}
        self._accounts = {ids.number(one.account_id): one for one in company.accounts}
        self._agents = sorted(company.agents, key=lambda one: ids.number(one.agent_id))
        self._scroll: tuple[str, list[int], float] | None = None

    # --- contacts

    def _found(self, call: Call) -> list[Dated]:
        """Contacts that a list or a search shows: a new one comes late, one that was merged never."""
        late = timedelta(seconds=call.traps.intercom_contacts_late_seconds)
        merged = call.traps.intercom_merged_contacts
        rows = []
        for number, one in self.customers.items():
            contact_id, made = intercom_id(one.customer_id), one.created_at
            if made <= call.now - (late if number % 2 else timedelta()) and contact_id not in merged:
                rows.append((contact_id, {"created_at": epoch(made), "updated_at": epoch(made)}))
        return rows

    def contacts(self, call: Call) -> Answer:
        return self._page(call, listed(call, self._found(call), LISTED))

    def search(self, call: Call) -> Answer:
        asked = parsed(call, _DATES, by_day=True, per_page=LISTED)
        return self._page(call, page(self._found(call), asked))

    def _page(self, call: Call, found: tuple[list[Dated], dict[str, Any], int]) -> Answer:
        shown, pages, total = found
        data = [self._contact(self.customers[hex_number("cus", contact_id)], call) for contact_id, _ in shown]
        return Answer({"type": "list", "data": data, "total_count": total, "pages": pages})

    def contact(self, call: Call) -> Answer:
        contact_id = call.path["id"]
        one = self.customers.get(hex_number("cus", contact_id))
        if one is None or one.created_at > call.now or contact_id in call.traps.intercom_merged_contacts:
            raise Refusal(error(404, "not_found", "User Not Found"))
        return Answer(self._contact(one, call))

    def _contact(self, one: Customer, call: Call) -> dict[str, Any]:
        contact_id = intercom_id(one.customer_id)
        companies = [intercom_id(one.account_id)] if one.account_id else []
        shown = {
            "type": "contact",
            "id": contact_id,
            "workspace_id": WORKSPACE,
            "role": "user",
            "name": one.name,
            "created_at": epoch(one.created_at),
            "updated_at": epoch(one.created_at),
            "language_override": one.language,
            "custom_attributes": {},
            "companies": {
                "type": "list",
                "data": [{"id": one, "type": "company", "url": f"{BASE}/companies/{one}"} for one in companies],
                "url": f"{BASE}/contacts/{contact_id}/companies",
                "total_count": len(companies),
                "has_more": False,
            },
            **intercom_contact(one),
        }
        return shown | {"consent_state": "given"} if call.traps.drift.new_field else shown

    # --- companies

    def scroll(self, call: Call) -> Answer:
        """GET companies/scroll: one at a time, each answer moves it on, and it ends when it is left alone."""
        param, now = call.query.get("scroll_param"), time.monotonic()
        if self._scroll and now - self._scroll[2] > call.traps.intercom_scroll_idle_seconds:
            self._scroll = None
        if param is None:
            if self._scroll:
                raise refused("scroll already exists for this workspace", "scroll_exists")
            left = [number for number, one in self._accounts.items() if one.created_at <= call.now]
            self._scroll = (str(uuid4()), left, now)
        elif self._scroll is None or param != self._scroll[0]:
            raise Refusal(error(404, "not_found", "scroll parameter not found"))
        param, left, _ = self._scroll
        shown, rest = left[:SCROLLED], left[SCROLLED:]
        self._scroll = (param, rest, now) if shown else None
        data = [self._company_of(self._accounts[number], call.now, call) for number in shown]
        return Answer({"type": "list", "data": data, "pages": None, "total_count": None, "scroll_param": param})

    def end_scroll(self) -> None:
        """A failure of the vendor's ends the scroll with it."""
        self._scroll = None

    def company(self, call: Call) -> Answer:
        one = self._accounts.get(hex_number("acc", call.path["id"]))
        if one is None or one.created_at > call.now:
            raise Refusal(error(404, "company_not_found", "Company Not Found"))
        return Answer(self._company_of(one, call.now, call))

    def _company_of(self, one: Account, now: datetime, call: Call) -> dict[str, Any]:
        tier = latest(one.tiers, now)
        changed = max([one.created_at, *(entry[0] for entry in one.tiers if entry[0] <= now)])
        own = intercom_company(one)
        shown = {
            "type": "company",
            "id": intercom_id(one.account_id),
            "app_id": WORKSPACE,
            "created_at": epoch(one.created_at),
            "remote_created_at": epoch(one.created_at),
            "updated_at": epoch(changed),
            "monthly_spend": 0,
            "session_count": 0,
            "user_count": 1,
            "industry": one.industry,
            "plan": {"type": "plan", "id": str(ids.number(one.account_id)), "name": plan_at(one, now)},
            "tags": {"type": "tag.list", "tags": []},
            "segments": {"type": "segment.list", "segments": []},
            **own,
        }
        shown["custom_attributes"] = own["custom_attributes"] | {
            "tier": tier[1],
            "segment": one.segment,
            # the description of the API knows attributes in words alone
            "health_score": str(health_points_at(one, now)),
        }
        return shown | {"health": "green"} if call.traps.drift.new_field else shown

    # --- admins and teams

    def admins(self, call: Call) -> Answer:
        """Those who are there now: who left is not told."""
        found = [one for one in self._agents if one.kind == "human_agent" and _is_there(one, call.now)]
        return Answer({"type": "admin.list", "admins": [self._admin(one, call) for one in found]})

    def _admin(self, one: Agent, call: Call) -> dict[str, Any]:
        entry = latest(one.teams, call.now)
        return {
            "type": "admin",
            "id": intercom_id(one.agent_id),
            "name": one.name,
            "email": one.email,
            "job_title": entry[2] if entry else "agent",
            "away_mode_enabled": False,
            "away_mode_reassign": False,
            "has_inbox_seat": True,
            "team_ids": [self.team_id(entry[1])] if entry else [],
        }

    def team_id(self, team: str) -> int:
        return TEAMS + self._company.teams.index(team)

    def teams(self, call: Call) -> Answer:
        rows = []
        for name in self._company.teams:
            members = [
                int(intercom_id(one.agent_id))
                for one in self._agents
                if one.kind == "human_agent"
                and _is_there(one, call.now)
                and (entry := latest(one.teams, call.now)) is not None
                and entry[1] == name
            ]
            rows.append({"type": "team", "id": str(self.team_id(name)), "name": name, "admin_ids": members})
        return Answer({"type": "team.list", "teams": rows})


def _is_there(one: Agent, now: datetime) -> bool:
    return one.hired_at <= now and (one.left_at is None or one.left_at > now)

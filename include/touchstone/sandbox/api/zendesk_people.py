"""Zendesk's users, organizations, groups and memberships."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from touchstone.sandbox.api import ids
from touchstone.sandbox.api.clock import moment_of
from touchstone.sandbox.api.desk import latest
from touchstone.sandbox.api.options import Drift
from touchstone.sandbox.api.timeline import Entry, Timeline
from touchstone.sandbox.api.vendors import zendesk_organization, zendesk_user
from touchstone.sandbox.model import Account, Agent, Company, Customer
from touchstone.sandbox.state import health_points_at, plan_at

ROLES = {"team_lead": "admin"}


class People:
    """Customers and agents as users, accounts as organizations, teams as groups."""

    def __init__(self, company: Company, base: str) -> None:
        self._company, self._base = company, base
        wrote = {one.customer_id for one in company.conversations if one.desk == "zendesk"}
        known = [one for one in company.customers if "zendesk" in one.known_to or one.customer_id in wrote]
        self._users: list[Customer | Agent] = [*known, *company.agents]
        self.users = Timeline((self.user_id(one), _user_moments(one)) for one in self._users)
        self._accounts = {one.account_id: one for one in company.accounts}
        self.organizations = Timeline(
            (ids.zendesk_id(one.account_id), _account_moments(one)) for one in company.accounts
        )

    @staticmethod
    def user_id(one: Customer | Agent) -> int:
        return ids.zendesk_id(one.agent_id if isinstance(one, Agent) else one.customer_id)

    def show_users(self, entries: list[Entry], now: datetime, drift: Drift) -> list[dict[str, Any]]:
        return [self.user(self._users[place], second, now, drift) for second, place in entries]

    def user(self, one: Customer | Agent, second: int, now: datetime, drift: Drift) -> dict[str, Any]:
        user_id = self.user_id(one)
        own = self._agent(one, now) if isinstance(one, Agent) else zendesk_user(one)
        user = {
            "url": f"{self._base}/api/v2/users/{user_id}.json",
            "id": user_id,
            "name": one.name,
            "email": one.email if isinstance(one, Agent) else own["email"],
            "role": "end-user",
            "external_id": None,
            "organization_id": None,
            "created_at": one.hired_at if isinstance(one, Agent) else one.created_at,
            "updated_at": moment_of(second * 1_000_000),
            "active": True,
            "suspended": False,
            "verified": True,
            "phone": None,
            "locale": "en-US",
            "time_zone": "Etc/UTC",
            "default_group_id": None,
            "tags": [],
            "details": None,
            "notes": None,
            "user_fields": {
                "hired_on": None,
                "left_on": None,
                "is_automation": False,
                "role_title": None,
                "role_history": None,
            },
            **own,
        }
        return user | {"ai_opt_in": True} if drift.new_field else user

    def _agent(self, one: Agent, now: datetime) -> dict[str, Any]:
        history = [entry for entry in one.teams if entry[0] <= now]
        _, team, role = history[-1] if history else one.teams[0]
        has_left = one.left_at is not None and one.left_at <= now
        title = role if one.kind == "human_agent" else one.kind
        return {
            "role": ROLES.get(role, "agent") if one.kind == "human_agent" else "agent",
            "active": not has_left,
            "suspended": has_left,
            "default_group_id": self.group_id(team),
            "tags": [] if one.kind == "human_agent" else [one.kind],
            "details": "Posts made by a workflow" if one.kind == "automation" else None,
            "user_fields": {
                "hired_on": one.hired_at.date().isoformat(),
                "left_on": one.left_at.date().isoformat() if has_left else None,
                "is_automation": one.kind == "automation",
                "role_title": title,
                "role_history": ";".join(f"{at.isoformat()}|{name}|{held}" for at, name, held in history),
            },
        }

    def organization(self, place: int, second: int, now: datetime, drift: Drift) -> dict[str, Any]:
        one = self._company.accounts[place]
        tier = latest(one.tiers, now)
        organization_id = ids.zendesk_id(one.account_id)
        own = zendesk_organization(one)
        shown = {
            "url": f"{self._base}/api/v2/organizations/{organization_id}.json",
            "id": organization_id,
            "name": own["name"],
            "domain_names": own["domain_names"],
            "external_id": own["external_id"],
            "created_at": one.created_at,
            "updated_at": moment_of(second * 1_000_000),
            "shared_tickets": False,
            "shared_comments": False,
            "tags": [],
            "details": None,
            "organization_fields": {
                "tier": tier[1] if tier else None,
                "segment": one.segment,
                "plan": plan_at(one, now),
                "health_score": health_points_at(one, now),
                "crm_id": own["crm_id"],
            },
        }
        return shown | {"health_score": None} if drift.new_field else shown

    # --- teams

    def group_id(self, team: str) -> int:
        return ids.GROUPS + self._company.teams.index(team)

    def groups(self) -> list[dict[str, Any]]:
        created = min((one.hired_at for one in self._company.agents), default=self._company.until)
        return [
            {
                "url": f"{self._base}/api/v2/groups/{self.group_id(team)}.json",
                "id": self.group_id(team),
                "name": team,
                "description": "",
                "is_public": True,
                "default": index == 0,
                "deleted": False,
                "created_at": created,
                "updated_at": created,
            }
            for index, team in enumerate(self._company.teams)
        ]

    def memberships(self, now: datetime) -> list[dict[str, Any]]:
        """Who belongs to which group; former groups stay, without being the default, until somebody leaves."""
        rows = []
        for one in self._company.agents:
            history = [entry for entry in one.teams if entry[0] <= now]
            if not history or (one.left_at is not None and one.left_at <= now):
                continue
            first: dict[str, datetime] = {}
            changed: dict[str, datetime] = {}
            before = None
            for at, team, _ in history:
                first.setdefault(team, at)
                if team != before:
                    changed[team] = at
                    if before is not None:
                        changed[before] = at
                before = team
            for team, at in first.items():
                rows.append(
                    {
                        "id": ids.MEMBERSHIPS + ids.number(one.agent_id) * 100 + self._company.teams.index(team),
                        "user_id": ids.zendesk_id(one.agent_id),
                        "group_id": self.group_id(team),
                        "default": team == before,
                        "created_at": at,
                        "updated_at": changed[team],
                    }
                )
        return sorted(rows, key=lambda row: row["id"])


def _user_moments(one: Customer | Agent) -> list[datetime]:
    if isinstance(one, Customer):
        return [one.created_at]
    moments = {one.hired_at, *(at for at, _, _ in one.teams), *(at for at, _ in one.versions)}
    if one.left_at is not None:
        moments.add(one.left_at)
    return sorted(at for at in moments if at >= one.hired_at)


def _account_moments(one: Account) -> list[datetime]:
    return sorted({one.created_at, *(at for at, _ in one.tiers if at >= one.created_at)})

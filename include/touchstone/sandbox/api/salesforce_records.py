"""Salesforce's objects of the CRM as they stand at any moment: accounts, contacts, opportunities and their stages, users, queues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from touchstone.sandbox.api import ids
from touchstone.sandbox.api.clock import micros, moment_of
from touchstone.sandbox.api.desk import Desk, latest
from touchstone.sandbox.api.options import Drift
from touchstone.sandbox.api.salesforce_ids import PORTAL_USERS, PROCESS_USER, number_id, salesforce_id
from touchstone.sandbox.api.timeline import Timeline
from touchstone.sandbox.model import Company
from touchstone.sandbox.state import health_points_at, plan_at

Row = dict[str, Any]
STAGES = {
    "open": ("Prospecting", False, False, 10.0),
    "negotiation": ("Negotiation", False, False, 90.0),
    "won": ("Closed Won", True, True, 100.0),
    "lost": ("Closed Lost", True, False, 0.0),
}
FIELDS = {
    "account": {
        "tier": "Tier__c",
        "segment": "Segment__c",
        "plan": "Plan__c",
        "health_score": "Health_Score__c",
        "arr": "ARR__c",
        "renewal_month": "Renewal_Month__c",
        "churned_on": "Churned_On__c",
    },
    "contact": {"external_id": "Product_User_Id__c", "emails": "Other_Emails__c"},
    "opportunity": {"arr_before": "ARR_Before__c", "arr_after": "ARR_After__c"},
    "case": {
        "topic": "Topic__c",
        "product_area": "Product_Area__c",
        "language": "Language__c",
        "tags": "Tags__c",
        "rating": "CSAT__c",
        "rated_at": "CSAT_At__c",
        "handoff_reason": "Handoff_Reason__c",
    },
}
"""The organisation's own fields, as an entry of config/sources.yml names them."""
_SYSTEM = {"Id": "id", "IsDeleted": "boolean", "CreatedDate": "datetime", "SystemModstamp": "datetime"}


@dataclass
class Table:
    """One object.

    Attributes:
        kind: As `salesforce_ids.PREFIXES` has it.
        types: Type of each field.
        timeline: Records ascending by id, with every change that moves their stamp.
        row: All fields of the record at a position at a moment but Id and the stamps.
        stamp: The field that holds when a record last changed.
    """

    name: str
    kind: str
    types: dict[str, str]
    timeline: Timeline
    row: Callable[[int, datetime, Drift], Row]
    stamp: str = "SystemModstamp"
    formulas: tuple[str, ...] = ()
    ids: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.ids = [number_id(self.kind, int(number)) for number in self.timeline.ids]
        self.place = {one: place for place, one in enumerate(self.ids)}

    def changed(self, now: datetime, delay: int) -> np.ndarray:
        """Second of the last change of each record as it shows; 0 for what does not; odd ids show so many seconds late."""
        changes = self.timeline.last_changes(micros(now))
        if delay:
            late = self.timeline.last_changes(micros(now) - delay * 1_000_000)
            changes = np.where(self.timeline.ids % 2 == 1, late, changes)
        return changes // 1_000_000

    def seen_at(self, place: int, now: datetime, delay: int) -> datetime:
        return moment_of(micros(now) - delay * 1_000_000) if delay and self.timeline.ids[place] % 2 else now

    def show(self, place: int, seen: datetime, drift: Drift) -> Row:
        """The record with all its fields, as a query may ask for them."""
        shown = self.row(place, seen, drift)
        shown["Id"] = self.ids[place]
        shown.setdefault("IsDeleted", False)
        shown.setdefault("CreatedDate", stamp(moment_of(int(self.timeline.created[place]))))
        if self.stamp == "SystemModstamp":
            shown[self.stamp] = stamp(moment_of(self.timeline.last_change(place, micros(seen))))
        return shown


def stamp(moment: datetime | None) -> str | None:
    """ISO 8601 as the REST API writes it, in whole seconds."""
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000+0000"


def _types(**types: str) -> dict[str, str]:
    return _SYSTEM | {"LastModifiedDate": "datetime"} | types


def accounts(company: Company) -> Table:
    found = sorted(company.accounts, key=lambda one: ids.number(one.account_id))
    changes = []
    for one in found:
        moments = {one.created_at, *(at for at, _ in one.tiers), *(at for at, _ in one.arr)}
        moments |= {one.churned_at} - {None}
        changes.append((ids.number(one.account_id), sorted(at for at in moments if at >= one.created_at)))
    timeline = Timeline(changes)

    def row(place: int, now: datetime, drift: Drift) -> Row:
        one = found[place]
        has_churned = one.churned_at is not None and one.churned_at <= now
        staff = ids.number(one.account_id) * 37 % 900 + 5
        tier, arr = latest(one.tiers, now), latest(one.arr, now)
        return {
            "MasterRecordId": None,
            "Name": one.name,
            "Website": f"https://www.{one.domain}/",
            "Industry": one.industry,
            "BillingCountry": one.country,
            "BillingAddress": {"country": one.country},
            "OwnerId": salesforce_id(one.owner_id) if one.owner_id else None,
            "Type": "Former Customer" if has_churned else "Customer",
            "NumberOfEmployees": f"{staff} or so" if drift.field_type_change else staff,
            "LastModifiedDate": stamp(moment_of(timeline.last_change(place, micros(now)))),
            "Tier__c": tier[1] if tier else None,
            "Segment__c": one.segment,
            "Plan__c": plan_at(one, now),
            "Health_Score__c": health_points_at(one, now),
            "ARR__c": arr[1] if arr else None,
            "Renewal_Month__c": float(one.renewal_month),
            "Churned_On__c": one.churned_at.date().isoformat() if has_churned else None,
            "Health__c": f"{staff % 100}",
        }

    types = _types(
        MasterRecordId="reference",
        Name="string",
        Website="url",
        Industry="picklist",
        BillingCountry="string",
        BillingAddress="address",
        OwnerId="reference",
        Type="picklist",
        NumberOfEmployees="int",
        Tier__c="picklist",
        Segment__c="picklist",
        Plan__c="picklist",
        Health_Score__c="double",
        ARR__c="currency",
        Renewal_Month__c="double",
        Churned_On__c="date",
        Health__c="string",
    )
    return Table("Account", "account", types, timeline, row, formulas=("Health__c",))


def contacts(company: Company) -> Table:
    found = sorted(company.customers, key=lambda one: ids.number(one.customer_id))
    known = {one.account_id for one in company.accounts}

    def row(place: int, now: datetime, drift: Drift) -> Row:
        one = found[place]
        number = ids.number(one.customer_id)
        forename, _, surname = one.name.partition(" ")
        return {
            "MasterRecordId": None,
            "AccountId": salesforce_id(one.account_id) if one.account_id in known else None,
            "FirstName": forename,
            "LastName": surname or forename,
            "Name": one.name,
            "Email": one.emails[-1 if number % 2 else 0].lower(),
            "Phone": one.phone or None,
            "LastModifiedDate": stamp(one.created_at),
            "Other_Emails__c": ";".join(address.lower() for address in one.emails),
            "Product_User_Id__c": one.external_id if number % 3 else None,
        }

    types = _types(
        MasterRecordId="reference",
        AccountId="reference",
        FirstName="string",
        LastName="string",
        Name="string",
        Email="email",
        Phone="phone",
        Other_Emails__c="textarea",
        Product_User_Id__c="string",
    )
    changes = [(ids.number(one.customer_id), [one.created_at]) for one in found]
    return Table("Contact", "contact", types, Timeline(changes), row)


def opportunities(company: Company) -> Table:
    found = sorted((deal for one in company.accounts for deal in one.deals), key=lambda one: ids.number(one.deal_id))
    names = {one.account_id: one.name for one in company.accounts}

    def row(place: int, now: datetime, drift: Drift) -> Row:
        one = found[place]
        stage = latest(one.stages, now)
        label, is_closed, is_won, probability = STAGES[stage[1] if stage else "open"]
        return {
            "AccountId": salesforce_id(one.account_id),
            "Name": f"{names[one.account_id]} {one.kind}",
            "StageName": label,
            "IsClosed": is_closed,
            "IsWon": is_won,
            "Probability": probability,
            "Amount": one.arr_after,
            "CloseDate": one.close_date.isoformat(),
            "OwnerId": salesforce_id(one.owner_id) if one.owner_id else None,
            "Type": one.kind,
            "LastModifiedDate": stamp(stage[0] if stage else one.created_at),
            "ARR_Before__c": one.arr_before,
            "ARR_After__c": one.arr_after,
        }

    types = _types(
        AccountId="reference",
        Name="string",
        StageName="picklist",
        IsClosed="boolean",
        IsWon="boolean",
        Probability="percent",
        Amount="currency",
        CloseDate="date",
        OwnerId="reference",
        Type="picklist",
        ARR_Before__c="currency",
        ARR_After__c="currency",
    )
    changes = [(ids.number(one.deal_id), sorted({one.created_at, *(at for at, _ in one.stages)})) for one in found]
    return Table("Opportunity", "deal", types, Timeline(changes), row)


def stages(first: datetime) -> Table:
    labels = list(STAGES.values())

    def row(place: int, now: datetime, drift: Drift) -> Row:
        label, is_closed, is_won, probability = labels[place]
        return {
            "ApiName": label,
            "MasterLabel": label,
            "IsActive": True,
            "IsClosed": is_closed,
            "IsWon": is_won,
            "SortOrder": place + 1,
            "DefaultProbability": probability,
        }

    types = {name: kind for name, kind in _SYSTEM.items() if name != "IsDeleted"} | {
        "ApiName": "string",
        "MasterLabel": "string",
        "IsActive": "boolean",
        "IsClosed": "boolean",
        "IsWon": "boolean",
        "SortOrder": "int",
        "DefaultProbability": "percent",
    }
    return Table(
        "OpportunityStage", "stage", types, Timeline((place + 1, [first]) for place in range(len(labels))), row
    )


def queues(company: Company, first: datetime) -> Table:
    def row(place: int, now: datetime, drift: Drift) -> Row:
        return {"Name": company.teams[place], "DeveloperName": company.teams[place].replace(" ", "_"), "Type": "Queue"}

    types = {name: kind for name, kind in _SYSTEM.items() if name != "IsDeleted"}
    types |= {"Name": "string", "DeveloperName": "string", "Type": "picklist"}
    changes = ((place + 1, [first]) for place in range(len(company.teams)))
    return Table("Group", "queue", types, Timeline(changes), row)


def users(company: Company, desk: Desk) -> Table:
    """Staff, AI agents and automations, customers who write comments, and Salesforce itself."""
    staff = {ids.number(one.agent_id): one for one in company.agents}
    writers = {one.customer_id for one in desk.conversations if one.channel == "voice"}
    portal = {
        PORTAL_USERS + ids.number(one.customer_id): one for one in company.customers if one.customer_id in writers
    }
    first = datetime.combine(company.first_day, datetime.min.time(), UTC)
    changes: list[tuple[int, list[datetime]]] = []
    for number, one in staff.items():
        moments = {one.hired_at, *(at for at, _, _ in one.teams if at >= one.hired_at)} | ({one.left_at} - {None})
        changes.append((number, sorted(moments)))
    changes += [(number, [one.created_at]) for number, one in portal.items()]
    changes.append((PROCESS_USER, [min([first, *(one.hired_at for one in company.agents)])]))
    timeline = Timeline(sorted(changes))

    def row(place: int, now: datetime, drift: Drift) -> Row:
        number = int(timeline.ids[place])
        shown = {
            "Username": f"user{number}@sandbox.example",
            "IsActive": True,
            "ContactId": None,
            "Department": None,
            "Title": None,
            "LastModifiedDate": stamp(moment_of(timeline.last_change(place, micros(now)))),
        }
        if number == PROCESS_USER:
            return shown | {"Name": "Automated Process", "Email": None, "UserType": "AutomatedProcess"}
        if number in portal:
            one = portal[number]
            contact = salesforce_id(one.customer_id)
            return shown | {
                "Name": one.name,
                "Email": one.emails[0],
                "UserType": "CspLitePortal",
                "ContactId": contact,
            }
        agent = staff[number]
        team = latest(agent.teams, now)
        return shown | {
            "Name": agent.name,
            "Email": agent.email,
            "UserType": "Standard",
            "IsActive": agent.left_at is None or agent.left_at > now,
            "Department": team[1] if team else None,
            "Title": team[2] if team else None,
        }

    types = {name: kind for name, kind in _SYSTEM.items() if name != "IsDeleted"} | {
        "LastModifiedDate": "datetime",
        "Username": "string",
        "Name": "string",
        "Email": "email",
        "UserType": "picklist",
        "IsActive": "boolean",
        "ContactId": "reference",
        "Department": "string",
        "Title": "string",
    }
    return Table("User", "user", types, timeline, row)

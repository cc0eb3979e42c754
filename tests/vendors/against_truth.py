"""What core holds of a vendor, beside what is true of the simulated company at the same moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Any

from touchstone.sandbox.api import ids
from touchstone.sandbox.api.freshdesk_ids import freshdesk_id
from touchstone.sandbox.api.intercom_ids import intercom_id
from touchstone.sandbox.api.rt_ledger import MessageIds
from touchstone.sandbox.model import Company
from touchstone.sandbox.state import moments
from touchstone.sandbox.truth import canonical
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

VENDOR_ID = {
    "zendesk": ids.zendesk_id,
    "hubspot": ids.hubspot_id,
    "intercom": intercom_id,
    "freshdesk": freshdesk_id,
    # a database of the company's own holds its own ids
    "sql": str,
}

ID_OF_COMPANY = {"rt": MessageIds}
"""Vendors whose ids follow from all that happened: what makes the function, of a company."""


def desk_of(source: str) -> str:
    """The desk of the company whose conversations a helpdesk states."""
    return "hubspot" if source == "hubspot" else "zendesk"


def native_of(source: str, company: Company) -> Callable[[str], Any]:
    """What gives the vendor's id of a thing of the company."""
    return ID_OF_COMPANY[source](company) if source in ID_OF_COMPANY else VENDOR_ID[source]


def quiet_moment(company: Company, start: datetime) -> datetime:
    """A moment from `start` on after minutes in which nothing happened, so that no export withholds anything."""
    changes = sorted(
        moment for moment in {moment for one in company.conversations for moment in moments(one)} if moment > start
    )
    for before, after in pairwise(changes):
        if (after - before).total_seconds() > 130:
            return before.replace(microsecond=0) + (after - before) - (after - before) / 8
    raise AssertionError("the company is never quiet")


def truth_of(
    company: Company,
    now: datetime,
    source: str,
    native: Callable[[str], Any] | None = None,
    *,
    has_merges: bool = True,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Conversations and messages that a perfect extraction holds.

    Messages of a merged conversation count where it ended; those of a deleted one are gone.

    Args:
        has_merges: Whether the vendor can merge conversations; without, a merged one is a closed one with its own messages.
        native: The vendor's id of a thing, where it takes more than the company's id to tell.
    """
    native = native or native_of(source, company)
    listed = canonical(company, now, desk_of(source))
    by_id = {one.conversation_id: one for one in listed}
    conversations = {
        str(native(one.conversation_id)): (
            one.deleted_at is not None,
            str(native(one.root_id)) if one.merged_into and has_merges else None,
            one.created_at,
        )
        for one in listed
    }
    messages = {}
    for one in listed:
        root = by_id[one.root_id] if has_merges else one
        if one.deleted_at is not None or root.deleted_at is not None:
            continue
        for said in one.messages:
            messages[str(native(said.message_id))] = (
                str(native(root.conversation_id)),
                said.actor,
                said.is_internal,
                said.sent_at.replace(microsecond=0),
                " ".join(said.text.split()),
            )
    return conversations, messages


def held_of(settings: Settings, source: str, instance: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same of core; the text of a message in which something was redacted is None."""
    with connect("transformer", settings=settings) as connection:
        conversations = {
            interaction_id: (is_deleted, merged_into, started_at)
            for interaction_id, is_deleted, merged_into, started_at in connection.execute(
                """
                select own.interaction_id, own.is_deleted, survivor.interaction_id, own.started_at
                from core.interactions as own
                left join core.interactions as survivor
                    on own.merged_into_interaction_key = survivor.interaction_key
                where own.source = %s and own.instance = %s
                """,
                [source, instance],
            )
        }
        messages = {
            message_id.rpartition(":")[2]: (
                interaction_id,
                actor,
                is_internal,
                sent_at.replace(microsecond=0),
                None if pii else " ".join(text.split()),
            )
            for message_id, interaction_id, actor, is_internal, sent_at, text, pii in connection.execute(
                """
                select messages.message_id, interactions.interaction_id, messages.actor,
                    messages.is_internal, messages.sent_at, messages.text, messages.pii
                from core.messages inner join core.interactions using (interaction_key)
                where interactions.source = %s and interactions.instance = %s
                """,
                [source, instance],
            )
        }
    return conversations, messages


def differences(expected: dict[str, Any], found: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What differs, by key: (expected, found); a last part that is None in what was found is not compared."""
    return {
        key: (expected.get(key), found.get(key))
        for key in expected.keys() | found.keys()
        if key not in expected or key not in found or not _agree(expected[key], found[key])
    }


def _agree(expected: tuple, found: tuple) -> bool:
    return expected[:-1] == found[:-1] and found[-1] in (None, expected[-1])

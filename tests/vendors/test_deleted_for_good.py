"""What its source deleted for good leaves core: the text goes, the header says since when."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import Any

import pytest
from test_start import PLENTY

from sandbox.small_firm import ANN, at, conversation, customer, firm, message, plain
from touchstone import pipeline
from touchstone.daily import ingest_source
from touchstone.sandbox.api import SandboxOptions, serve_here
from touchstone.sandbox.api.ids import hubspot_id, zendesk_id
from touchstone.sandbox.model import Event
from touchstone.sandbox.service import secrets
from touchstone.settings import Settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.warehouse.engine import connect

FIRST, LATER = at(15), at(23)


def gone_at_zendesk(number: int, deleted: datetime, scrubbed: datetime) -> Any:
    one = plain(number, at(3))
    one.events.append(Event("delete", deleted, "human_agent", ANN))
    one.events.append(Event("redact", scrubbed, "system", text="SCRUBBED"))
    return one


def company():
    secret = conversation(
        3,
        [message(3, 1, at(10)), message(3, 2, at(11), "my card is 4111"), message(3, 3, at(20), "and now?")],
        desk="hubspot",
    )
    own = [plain(number, at(10), desk="hubspot", customer_id=f"cus-{number:06d}") for number in (1, 2, 4)]
    return firm(
        [
            *own,
            secret,
            plain(11, at(3)),
            gone_at_zendesk(12, at(16), at(18)),
            gone_at_zendesk(13, at(4), at(17)),
        ],
        customers=[*map(customer, (1, 2, 3)), customer(4, known_to=("hubspot",))],
    )


@pytest.fixture(scope="module")
def core(warehouse: Settings):
    """A day on which all was there, and a week later; returns a connection that reads core."""

    def build(now: datetime) -> None:
        for desk in ("hubspot", "zendesk"):
            entry = {
                "source": desk,
                "instance": "default",
                "base_url": f"{sandbox.url}/{desk}",
                "start": "2026-03-01",
                "requests_per_minute": PLENTY[desk],
            }
            source = SourceInstance(parsed(entry, "the test's entry"))
            ingest_source(source, as_of=now, settings=warehouse, secrets=secrets(sandbox.credentials)[desk])
        for step in ("stage", "clean", "core"):
            pipeline.STEPS[step](now, warehouse)

    with serve_here(company(), SandboxOptions(clock=FIRST)) as sandbox:
        build(FIRST)
        with closing(connect("transformer", autocommit=True, settings=warehouse)) as connection:
            before = connection.execute("select count(*), count(*) filter (where is_deleted) from core.interactions")
            assert before.fetchone() == (7, 1)
            purged = [f"tickets/{hubspot_id('cnv-000001')}", f"messages/{hubspot_id('msg-000003-002')}"]
            sandbox.control("traps", purged=[*purged, f"contacts/{hubspot_id('cus-000004')}"])
            sandbox.move_clock(LATER)
            build(LATER)
            yield connection


def interaction(core, desk: str, number: int) -> tuple:
    native = {"hubspot": hubspot_id, "zendesk": zendesk_id}[desk](f"cnv-{number:06d}")
    return core.execute(
        """
        select is_deleted, deleted_at, excluded_reason, started_at,
            (select array_agg(text order by ordinal) from core.messages where interaction_key = own.interaction_key)
        from core.interactions as own where source = %s and interaction_id = %s
        """,
        [desk, str(native)],
    ).fetchone()


def test_a_ticket_is_deleted_since_its_discovery(core):
    assert interaction(core, "hubspot", 1) == (True, LATER, "deleted", at(10), None)
    assert interaction(core, "hubspot", 2)[0] is False
    assert interaction(core, "hubspot", 2)[4] == ["Hello there", "Here is how"]


def test_a_message_leaves_its_conversation(core):
    assert interaction(core, "hubspot", 3)[4] == ["Hello there", "and now?"]
    cleaned = core.execute("select count(*) from clean.messages where text like '%card%'").fetchone()
    assert cleaned == (0,)


def test_a_person_is_known_no_more_and_the_conversation_stays(core):
    def stated(contact: str) -> int:
        """What identities rest on; core itself holds no address of anybody."""
        query = "select count(*) from staging.int_identity__evidence where rule = 'email' and entity_key = md5('hubspot:default:' || %s)"
        return core.execute(query, [hubspot_id(contact)]).fetchone()[0]

    assert stated("cus-000002") > 0
    assert stated("cus-000004") == 0
    held = core.execute("select payload::text from raw_hubspot.contacts where id = %s", [hubspot_id("cus-000004")])
    assert "@" not in held.fetchone()[0]
    assert interaction(core, "hubspot", 4)[0] is False


def test_tickets_that_zendesk_scrubbed_are_deleted_whenever_they_were_seen_last(core):
    assert interaction(core, "zendesk", 11)[0] is False
    # one was deleted and scrubbed between two runs, so that the list of deleted tickets never named it to us
    for number in (12, 13):
        is_deleted, deleted_at, reason, _, texts = interaction(core, "zendesk", number)
        assert (is_deleted, reason, texts) == (True, "deleted", None)
        assert deleted_at is not None
    assert interaction(core, "zendesk", 13)[1] == at(4)
    assert interaction(core, "zendesk", 12)[1] == at(18)
    assert core.execute("select count(*) from core.messages where text = 'SCRUBBED'").fetchone() == (0,)

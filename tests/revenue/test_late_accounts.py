"""What arrives late about an account changes the months that it is about: a deal, a churn, a conversation, whose customer somebody is."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from checksums import digests
from touchstone import pipeline
from touchstone.settings import Settings
from touchstone.sources import files
from touchstone.warehouse.engine import connect
from vendor_rows import Vendors, crm, link, product_event, stamp

FIRST, SECOND = datetime(2026, 3, 11, tzinfo=UTC), datetime(2026, 4, 3, tzinfo=UTC)
GROWS, LEAVES, TALKS, RESTS, SHRINKS = 5001, 5002, 5003, 5004, 5005
JANUARY, FEBRUARY, MARCH, APRIL = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1), date(2026, 4, 1)
Months = dict[tuple[int, date], dict[str, Any]]


def _company(number: int, updated: float = -1000, **properties: str) -> dict[str, Any]:
    stated = {"name": f"Company {number}", "domain": f"of-{number}.test", "createdate": stamp(-100_000)}
    return crm(number, updated, **stated, tier="business", segment="smb", renewal_month="5", **properties)


def _contact(number: int, company: int, updated: float = -1000) -> dict[str, Any]:
    email = f"{number}@mail.test"
    return crm(number, updated, email=email, product_user_id=f"u-{number}", associatedcompanyid=str(company))


def _conversation(name: str, contact: int, *more: tuple[str, str, str], day: str = "2026-03-03") -> dict[str, Any]:
    said = [
        ("customer", f"{day}T09:00:00Z", "Where do I find the billing page?"),
        ("human_agent", f"{day}T09:01:00Z", "Thank you for asking! Open the settings and look under billing."),
        *more,
    ]
    return {
        "interaction_id": name,
        "channel": "chat",
        "customer_email": f"{contact}@mail.test",
        "topic": "billing",
        "status": "solved",
        "closed_at": f"{day}T09:10:00Z",
        "messages": [
            {"message_id": str(number), "actor": actor, "actor_id": actor, "sent_at": sent_at, "text": text}
            for number, (actor, sent_at, text) in enumerate(said)
        ],
    }


def _run(folder: Path, documents: list[dict[str, Any]], as_of: datetime, settings: Settings) -> Months:
    (folder / f"{as_of:%m-%d}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in documents))
    files.ingest(folder, as_of=as_of, settings=settings)
    _build(as_of, settings)
    return _months(settings)


def _build(as_of: datetime, settings: Settings) -> None:
    for step in ("stage", "clean", "core", "score", "facts", "gaps", "marts"):
        pipeline.STEPS[step](as_of, settings)


def _months(settings: Settings) -> Months:
    with connect("transformer", settings=settings) as connection:
        cursor = connection.execute(
            """
            select accounts.account_id, months.* from marts_build.fct_account_months as months
            inner join core.accounts as accounts on accounts.organization_key = months.account_key
            where accounts.source = 'hubspot'
            """
        )
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
    return {(int(row["account_id"]), row["month_start"]): row for row in rows}


@pytest.fixture(scope="module")
def runs(warehouse: Settings, tmp_path_factory) -> list[Months]:
    """The months of all accounts after the first run and after the second one."""
    folder = tmp_path_factory.mktemp("late")
    vendors = Vendors(warehouse, FIRST)
    vendors.hubspot(
        companies=[_company(number, arr="12000") for number in (GROWS, LEAVES, TALKS, RESTS, SHRINKS)],
        contacts=[_contact(6001, GROWS), _contact(6003, TALKS), _contact(6009, TALKS), _contact(6004, RESTS)],
    )
    vendors.mixpanel(
        *(
            product_event(contact, f"u-{contact}", 60, **{"$email": f"{contact}@mail.test", "$user_id": f"u-{contact}"})
            for contact in (6001, 6003, 6009, 6004)
        )
    )
    known = _conversation("known", 6003)
    met = [_conversation("old", 6001, day="2026-02-03"), _conversation("met", 6001), _conversation("moves", 6009)]
    found = [_run(folder, [known, *met], FIRST, warehouse)]

    vendors = Vendors(warehouse, SECOND)
    vendors.hubspot(
        companies=[_company(LEAVES, 43_000, arr="12000", churned_on="2026-03-20")],
        contacts=[_contact(6009, RESTS, 43_000)],
        deals=[
            crm(
                7001,
                43_000,
                dealstage="closedwon",
                deal_kind="expansion",
                arr_before="12000",
                arr_after="15000",
                closedate="2026-03-05",
            ),
            crm(
                7002,
                43_000,
                dealstage="closedwon",
                deal_kind="contraction",
                arr_before="12000",
                arr_after="9000",
                closedate="2026-02-10",
            ),
        ],
    )
    vendors.hubspot(associations=[link("deals", 7001, "companies", GROWS), link("deals", 7002, "companies", SHRINKS)])
    # February's use of the product, stated in April
    vendors.mixpanel(product_event(77, "u-6003", -30_000))
    rude = ("human_agent", "2026-03-03T09:05:00Z", "That is not my problem. Read the manual, I told you already.")
    late = [
        _conversation("known", 6003, rude),
        _conversation("late", 6003),
        _conversation("april", 6004, day="2026-04-02"),
    ]
    found.append(_run(folder, late, SECOND, warehouse))
    return found


def test_an_expansion_that_is_stated_late_counts_in_its_month(runs: list[Months]) -> None:
    assert runs[0][GROWS, MARCH]["expansion_arr"] == 0
    row = runs[1][GROWS, MARCH]
    assert (row["arr_start"], row["expansion_arr"], row["arr_end"]) == (12_000, 3_000, 15_000)
    assert row["has_expanded"]
    assert runs[1][GROWS, APRIL]["arr_start"] == 15_000


def test_revenue_that_is_stated_late_changes_no_month_before_it(runs: list[Months]) -> None:
    assert runs[0][SHRINKS, FEBRUARY]["arr_end"] == 12_000
    row = runs[1][SHRINKS, FEBRUARY]
    assert (row["arr_start"], row["contraction_arr"], row["arr_end"]) == (12_000, 3_000, 9_000)
    assert runs[1][SHRINKS, MARCH]["arr_start"] == 9_000
    assert runs[1][SHRINKS, JANUARY] == runs[0][SHRINKS, JANUARY]


def test_a_churn_that_is_stated_late_counts_in_its_month(runs: list[Months]) -> None:
    assert runs[0][LEAVES, MARCH]["is_retained"]
    row = runs[1][LEAVES, MARCH]
    assert (row["has_churned"], row["is_retained"], row["churned_arr"], row["arr_end"]) == (True, False, 12_000, 0)
    assert runs[1][LEAVES, APRIL]["lifecycle_stage"] == "churned"


def test_an_account_whose_revenue_changed_keeps_what_it_met_beside_one_with_contacts_alone(runs: list[Months]) -> None:
    counts = ("interaction_count", "product_event_count", "active_customer_count", "quality_n")
    assert tuple(runs[1][GROWS, FEBRUARY][name] for name in counts) == (1, 0, 0, 1)
    for found in runs:
        assert tuple(found[GROWS, MARCH][name] for name in counts) == (1, 1, 1, 1)
    assert tuple(runs[1][RESTS, APRIL][name] for name in counts) == (1, 0, 0, 1)
    assert runs[1][RESTS, APRIL]["expansion_arr"] == 0


def test_a_late_conversation_and_a_later_score_change_the_month(runs: list[Months]) -> None:
    before, after = runs[0][TALKS, MARCH], runs[1][TALKS, MARCH]
    # one came, one moved away with its customer
    assert (before["interaction_count"], after["interaction_count"]) == (2, 2)
    assert after["mean_quality"] < before["mean_quality"]


def test_a_late_event_of_the_product_counts_in_its_month(runs: list[Months]) -> None:
    assert runs[0][TALKS, FEBRUARY]["product_event_count"] == 0
    assert runs[1][TALKS, FEBRUARY]["product_event_count"] == 1


def test_a_customer_who_belongs_elsewhere_takes_everything_along(runs: list[Months]) -> None:
    counts = ("interaction_count", "product_event_count", "active_customer_count")
    assert [tuple(found[TALKS, MARCH][name] for name in counts) for found in runs] == [(2, 2, 2), (2, 1, 1)]
    assert [tuple(found[RESTS, MARCH][name] for name in counts) for found in runs] == [(0, 1, 1), (1, 2, 2)]


def test_months_end_and_begin_with_the_calendar(runs: list[Months]) -> None:
    assert not runs[0][GROWS, MARCH]["is_complete"]
    assert (GROWS, APRIL) not in runs[0]
    assert runs[1][GROWS, MARCH]["is_complete"]
    assert not runs[1][GROWS, APRIL]["is_complete"]


def test_what_nothing_is_known_anew_of_is_left_alone(runs: list[Months]) -> None:
    assert runs[1][RESTS, FEBRUARY] == runs[0][RESTS, FEBRUARY]


def test_it_is_the_same_built_anew(runs: list[Months], warehouse: Settings) -> None:
    grown = digests(warehouse, "facts", "marts_build")
    with connect(settings=warehouse) as connection:
        connection.execute("update ops.built_relations set definition = 'of an earlier version'")
    _build(SECOND, warehouse)
    anew = digests(warehouse, "facts", "marts_build")
    assert {name for name in grown.keys() | anew.keys() if grown.get(name) != anew.get(name)} == set()

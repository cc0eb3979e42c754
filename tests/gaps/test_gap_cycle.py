"""Gaps of a warehouse, cycle after cycle: opened, decided about, closed by an article, and the same whatever way they came."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg.rows import dict_row

from checksums import digests
from touchstone import pipeline
from touchstone.gaps.intake import Refused, checked
from touchstone.gaps.questions import topic_gap
from touchstone.settings import Settings
from touchstone.sources import files
from touchstone.warehouse.engine import connect
from vendor_rows import Vendors
from warehouses import new_warehouse

FIRST = datetime(2026, 3, 2, tzinfo=UTC)
SSO, BILLING = topic_gap("sso"), topic_gap("billing")
BEGINS, FIXED, END = 12, 26, 40
STEPS = ("stage", "clean", "core", "score", "facts", "gaps", "revenue", "marts")
NOT_HELPED = "That did not help, this is not what I asked."
THANKS = "Thanks, that solved it."
MATTERS = (
    "Can I get the floor plan of your {} office for our visit?",
    "Who do I write to about a speaker for our {} conference?",
    "Do you have a student discount for the {} semester?",
)
MONTHS = ("January", "February", "March", "April", "May", "June")


def _conversation(
    name: str, day: int, minute: int, topic: str | None, question: str, *, fails: bool, hit: bool
) -> dict[str, Any]:
    begun = FIRST + timedelta(days=day, hours=9, minutes=minute)

    def at(minutes: int) -> str:
        return (begun + timedelta(minutes=minutes)).isoformat()

    cited = [{"article_id": "1", "version": 1, "relevance": 0.9}] if hit else []
    answer = {"sources": cited, "confidence": 0.9 if hit else 0.3, "agent_version": "v1"}
    messages = [
        {"message_id": "1", "actor": "customer", "actor_id": f"of-{name}", "sent_at": at(0), "text": question},
        {
            "message_id": "2",
            "actor": "ai_agent",
            "actor_id": "bot",
            "sent_at": at(1),
            "text": "Open the settings and look under your account.",
            **answer,
        },
        {
            "message_id": "3",
            "actor": "customer",
            "actor_id": f"of-{name}",
            "sent_at": at(2),
            "text": NOT_HELPED if fails else THANKS,
        },
    ]
    return {
        "interaction_id": name,
        "channel": "chat",
        "customer_id": f"of-{name}",
        "account_id": f"account-{minute % 7}",
        "status": "solved",
        "closed_at": at(10),
        "messages": messages,
    } | ({"topic": topic} if topic else {})


def _day(day: int) -> list[dict[str, Any]]:
    """Billing is answered, save for one question in five; sso is asked about from `BEGINS` on, and nothing is found until `FIXED`."""
    found = [
        _conversation(
            f"billing-{day}-{n}",
            day,
            n,
            "billing",
            f"How do I pay invoice {n} of {MONTHS[day % 6]}?",
            fails=n == 0,
            hit=True,
        )
        for n in range(5)
    ]
    lacks = day < FIXED
    if day >= BEGINS:
        found += [
            _conversation(
                f"sso-{day}-{n}",
                day,
                10 + n,
                "sso",
                f"How do I set up single sign-on for team {n}?",
                fails=lacks,
                hit=not lacks,
            )
            for n in range(3)
        ]
    found += [
        _conversation(f"other-{day}-{n}", day, 20 + n, None, text.format(MONTHS[day % 6]), fails=True, hit=False)
        for n, text in enumerate(MATTERS)
    ]
    return found


def _article(settings: Settings, landed: int) -> None:
    """The article that was missing, as the help centre states it."""
    written = (FIRST + timedelta(days=FIXED, minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    Vendors(settings, FIRST + timedelta(days=landed)).zendesk(
        articles=[
            {
                "id": 77,
                "locale": "en-us",
                "title": "Single sign-on",
                "body": "Choose Security, then Single sign-on.",
                "draft": False,
                "label_names": ["sso"],
                "created_at": written,
                "edited_at": written,
                "updated_at": written,
            }
        ]
    )


def _decide(connection: Any, number: int, gap: str, decision: str, day: float, **fields: Any) -> None:
    columns = {
        "decision_key": f"key-{number}",
        "gap_id": gap,
        "decision": decision,
        "decided_by": "kim",
        "reason": "seen on Monday",
        "decided_at": FIRST + timedelta(days=day),
        "arrived_by": "table",
        "taken_up_as_of": FIRST + timedelta(days=day),
        "run_id": 0,
    } | fields
    names, places = ", ".join(columns), ", ".join(["%s"] * len(columns))
    connection.execute(f"insert into feedback.gap_decisions ({names}) values ({places})", list(columns.values()))


def _ingest(folder: Path, first: int, last: int, settings: Settings) -> None:
    for day in range(first, last):
        (folder / f"{day:03d}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in _day(day)))
    files.ingest(folder, as_of=FIRST + timedelta(days=last), settings=settings)


def _run(day: int, settings: Settings) -> None:
    for step in STEPS:
        pipeline.STEPS[step](FIRST + timedelta(days=day), settings)


def _rows(settings: Settings, query: str) -> list[dict[str, Any]]:
    with connect("transformer", settings=settings) as connection:
        return connection.cursor(row_factory=dict_row).execute(query).fetchall()


@dataclass
class Seen:
    """What the gap marts held after each cycle, by its day."""

    gaps: dict[int, dict[str, dict[str, Any]]] = field(default_factory=dict)
    digests: dict[str, tuple[int, str]] = field(default_factory=dict)
    settings: Settings | None = None
    folder: Path | None = None

    def look(self, day: int) -> None:
        rows = _rows(self.settings, "select * from marts_build.fct_knowledge_gaps")
        self.gaps[day] = {row["gap_id"]: row for row in rows}


def _decisions(settings: Settings) -> None:
    with connect("transformer", settings=settings) as connection:
        _decide(connection, 1, SSO, "assign", 20.5, owner_team="engineering", owner="lee")
        _decide(connection, 2, SSO, "draft", 21)
        keys = [
            key
            for (key,) in connection.execute(
                """
                select message_key from facts.ai_questions
                where topic = 'billing' and message_key in (select message_key from facts.gap_signals)
                order by asked_at limit 3
                """
            )
        ]
        _decide(connection, 3, BILLING, "split", 22, message_keys=keys)


@pytest.fixture(scope="module")
def seen(server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    base = tmp_path_factory.mktemp("gap-cycle")
    (base / "files").mkdir()
    found = Seen(folder=base / "files")
    with new_warehouse(server, "gap_cycle", base / "state") as settings:
        found.settings = settings
        _ingest(found.folder, 0, 20, settings)
        _run(20, settings)
        found.look(20)
        _decisions(settings)
        _ingest(found.folder, 20, END, settings)
        _article(settings, END)
        _run(END, settings)
        found.look(END)
        found.digests = _digests(settings)
        yield found


def _digests(settings: Settings) -> dict[str, tuple[int, str]]:
    """Every table of gaps, without the groups' numbers and the scope of one run."""
    left_out = ("derived.gap_scope", "derived.gap_groups")
    inner = ("ai_question", "gap", "article_question", "article_health", "article_conflict")
    found = digests(settings, "facts", "derived", "marts_build")
    return {
        name: digest for name, digest in found.items() if any(one in name for one in inner) and name not in left_out
    }


def test_what_nothing_is_found_for_opens_and_says_why(seen: Seen) -> None:
    gap = seen.gaps[20][SSO]
    assert (gap["status"], gap["opened_by"], gap["gap_type"]) == ("open", "lacking_knowledge", "missing")
    # three questions a day with three signs each: ten signs at the end of the second day, and at the end of the third more than the
    # three of eight other questions for which nothing is found either
    assert gap["opened_at"] == FIRST + timedelta(days=BEGINS + 3)
    assert gap["no_article_share"] == 1
    assert gap["failed_count"] == 3 * (20 - BEGINS)
    assert gap["asked_count"] == 3 * (20 - BEGINS)
    assert gap["customer_count"] == 3 * (20 - BEGINS)
    assert len(gap["example_message_keys"].split()) == 5
    assert (gap["owner_team"], gap["owner"]) == ("content", "content")
    assert gap["recommended_action"]


def test_what_is_mostly_answered_is_no_gap(seen: Seen) -> None:
    assert BILLING not in seen.gaps[20]
    assert BILLING not in seen.gaps[END]


def test_who_it_was_assigned_to_owns_it(seen: Seen) -> None:
    gap = seen.gaps[END][SSO]
    assert (gap["owner_team"], gap["owner"]) == ("engineering", "lee")


def test_a_new_article_is_seen_and_verified(seen: Seen) -> None:
    statuses = _rows(
        seen.settings,
        f"select status, status_reason from marts_build.fct_knowledge_gap_statuses where gap_id = '{SSO}' order by status_number",
    )
    assert [(row["status"], row["status_reason"]) for row in statuses] == [
        ("open", "lacking_knowledge"),
        ("drafting", "decision"),
        ("published", "article_edited"),
        ("verified", "failures_fell"),
    ]
    (fix,) = _rows(seen.settings, f"select * from marts_build.rpt_gap_fixes where gap_id = '{SSO}'")
    assert (fix["verdict"], fix["is_new_article"]) == ("worked", True)
    assert fix["after_failed_count"] == 0
    assert fix["ci_high"] < 0


def test_a_split_keeps_its_questions(seen: Seen) -> None:
    (part,) = [gap for gap in seen.gaps[END].values() if gap["gap_kind"] == "split"]
    assert part["topic"] == "billing"
    assert (part["status"], part["opened_by"], part["question_count"]) == ("open", "decision", 3)
    held = _rows(
        seen.settings,
        f"select count(distinct message_key) as n from marts_build.fct_knowledge_gap_signals where gap_id = '{part['gap_id']}'",
    )
    assert held[0]["n"] == 3


def test_questions_without_a_topic_are_grouped_by_their_words(seen: Seen) -> None:
    groups = _rows(
        seen.settings,
        """
        select questions.gap_id, array_agg(distinct split_part(interactions.interaction_id, '-', 3)) as matters
        from derived.gap_questions as questions inner join core.interactions using (interaction_key)
        where questions.topic = 'unknown' and questions.gap_id is not null group by 1
        """,
    )
    assert len(groups) >= len(MATTERS)
    assert all(len(row["matters"]) == 1 for row in groups)


def test_every_gap_has_an_owner_and_something_to_do(seen: Seen) -> None:
    assert seen.gaps[END]
    assert all(gap["owner_team"] and gap["owner"] and gap["recommended_action"] for gap in seen.gaps[END].values())
    assert sorted(gap["priority_rank"] for gap in seen.gaps[END].values()) == list(range(1, len(seen.gaps[END]) + 1))


def test_weeks_count_what_opened_and_closed(seen: Seen) -> None:
    weeks = _rows(seen.settings, "select * from marts_build.rpt_knowledge_gaps_weekly order by period_start")
    opened = {}
    for row in _rows(
        seen.settings, "select gap_id, since from marts_build.fct_knowledge_gap_statuses where status_number = 1"
    ):
        opened[row["gap_id"]] = row["since"]
    assert sum(row["opened_count"] for row in weeks) == len(opened)
    assert sum(row["verified_count"] for row in weeks) == 1
    assert weeks[-1]["backlog_count"] == sum(gap["is_open"] for gap in seen.gaps[END].values())
    assert weeks[0]["identified_question_count"] < weeks[0]["failed_question_count"]
    assert any(row["identification_rate"] > 0.5 for row in weeks)


def test_examples_have_their_text_beside_the_marts(seen: Seen) -> None:
    quotes = _rows(
        seen.settings, f"select question_text from marts_build.fct_gap_question_quotes where gap_id = '{SSO}'"
    )
    assert len(quotes) == 5
    assert all("single sign-on" in row["question_text"] for row in quotes)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"gap_id": "g000000000000"}, "unknown_gap"),
        ({"decision": "merge"}, "missing_column"),
        ({"decision": "merge", "into_gap_id": SSO}, "same_gap"),
        ({"decision": "merge", "into_gap_id": "g000000000000"}, "unknown_gap"),
        ({"decision": "split", "message_keys": "0123, 4567"}, "question_of_another_gap"),
    ],
)
def test_a_decision_that_cannot_be_applied_is_refused(seen: Seen, change: dict[str, str], code: str) -> None:
    record = {
        "gap_id": SSO,
        "decision": "dismiss",
        "decided_by": "kim",
        "reason": "-",
        "decided_at": "2026-04-01T00:00:00Z",
    }
    with connect("transformer", settings=seen.settings) as connection:
        assert checked(connection, record)["decision"] == "dismiss"
        with pytest.raises(Refused) as refused:
            checked(connection, record | change)
    assert refused.value.code == code


CHILD = """
import sys
from datetime import datetime
from touchstone.pipeline import STEPS
print("begun", flush=True)
STEPS["gaps"](datetime.fromisoformat(sys.argv[1]))
"""


def test_a_run_that_is_killed_leaves_what_the_next_one_makes(seen: Seen) -> None:
    as_of = (FIRST + timedelta(days=END)).isoformat()
    for seconds in (0.1, 0.4, 0.8):
        child = subprocess.Popen([sys.executable, "-c", CHILD, as_of], stdout=subprocess.PIPE, text=True)
        assert child.stdout.readline() == "begun\n"
        time.sleep(seconds)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    pipeline.STEPS["gaps"](FIRST + timedelta(days=END), seen.settings)
    pipeline.STEPS["marts"](FIRST + timedelta(days=END), seen.settings)
    assert _digests(seen.settings) == seen.digests


def test_marts_refuse_facts_of_another_moment(seen: Seen) -> None:
    from touchstone.errors import WarehouseError

    with pytest.raises(WarehouseError, match="facts and gaps have not been built"):
        pipeline.STEPS["marts"](FIRST + timedelta(days=END + 1), seen.settings)
    with pytest.raises(WarehouseError, match="facts have not been built"):
        pipeline.STEPS["gaps"](FIRST + timedelta(days=END + 1), seen.settings)


def test_one_run_over_everything_gives_the_same(seen: Seen, server, tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.mktemp("gap-whole")
    decisions = _rows(seen.settings, "select * from feedback.gap_decisions order by decision_id")
    with new_warehouse(server, "gap_whole", base / "state") as settings:
        files.ingest(seen.folder, as_of=FIRST + timedelta(days=END), settings=settings)
        _article(settings, END)
        with connect("transformer", settings=settings) as connection:
            for number, row in enumerate(decisions, start=1):
                rest = {name: row[name] for name in ("owner_team", "owner", "message_keys")}
                day = (row["decided_at"] - FIRST) / timedelta(days=1)
                _decide(connection, number, row["gap_id"], row["decision"], day, **rest)
        _run(END, settings)
        whole = _digests(settings)
    assert {name for name in whole if whole[name] != seen.digests.get(name)} == set()


def test_a_day_more_costs_its_own_questions(seen: Seen) -> None:
    """Last: it goes on with the warehouse of the others."""
    _ingest(seen.folder, END, END + 1, seen.settings)
    _run(END + 1, seen.settings)
    (run,) = _rows(
        seen.settings,
        "select rows_in, detail from ops.runs where step = 'gaps' and status = 'succeeded' order by run_id desc limit 1",
    )
    # one failed of billing, three without a topic
    assert run["rows_in"] <= 6
    assert run["detail"]["read"] <= 3
    (scope,) = _rows(seen.settings, "select count(*) as n from derived.gap_scope")
    assert scope["n"] < 120

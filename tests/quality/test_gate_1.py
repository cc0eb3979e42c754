"""Gate 1: clean staging passes; every seeded corruption is caught by the claim that names it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest
from quality_data import SECRET

from touchstone.errors import ConfigurationError, GateError, TouchstoneError, WarehouseError
from touchstone.quality.gates import run_gate

GATE = "gate_1"
AS_OF = datetime(2026, 3, 31, tzinfo=UTC)
LAST_DAY = "interaction_id like 'c-2026-03-30-%'"
ONE_CONVERSATION = "interaction_id = 'c-2026-03-30-7'"
ONE_MESSAGE = f"{ONE_CONVERSATION} and message_id = 'm1'"
CONVERSATIONS = "staging.int_conversations__unioned"
MESSAGES = "staging.int_messages__unioned"
LOAD = """
    insert into ops.runs (step, as_of) values ('ingest', '2026-03-31');
    insert into ops.loads (
        run_id, source, instance, batch, as_of, rows_in, rows_inserted, rows_updated, rows_unchanged, rows_quarantined
    )
    values (1, 'files', 'default', 'b', '2026-03-31', 1000, {inserted}, 0, 0, {quarantined})
"""


def test_clean_data_passes_and_every_claim_is_on_record(database, prepared, failing) -> None:
    database.execute(LOAD.format(quarantined=10, inserted=990))
    assert failing() == (set(), set())
    status, rows_in, rows_out, detail = database.execute(
        "select status, rows_in, rows_out, detail from ops.runs where step = 'gate_1'"
    ).fetchone()
    count, judged = database.execute("select count(*), min(row_count) from ops.gates").fetchone()
    assert status == "succeeded"
    assert rows_in == rows_out > 5000
    assert count == detail["claims"] > 20
    assert judged > 0, "a claim that judged nothing would pass whatever the data is"


BLOCKING = [
    (f"update {CONVERSATIONS} set interaction_id = null where {ONE_CONVERSATION}", "every conversation has its id"),
    (f"update {CONVERSATIONS} set interaction_key = null where {ONE_CONVERSATION}", "every conversation has its key"),
    (
        f"insert into {CONVERSATIONS} select * from {CONVERSATIONS} where {ONE_CONVERSATION}",
        "no conversation appears twice",
    ),
    (
        f"update {CONVERSATIONS} set channel = '{SECRET}' where {ONE_CONVERSATION}",
        "every channel is one that the model knows",
    ),
    (
        f"update {CONVERSATIONS} set status = 'resolved' where {ONE_CONVERSATION}",
        "every status is one that the model knows",
    ),
    (
        f"update {CONVERSATIONS} set started_at = '2026-04-02', closed_at = null where {ONE_CONVERSATION}",
        "no conversation starts after the ledger day",
    ),
    (
        f"update {CONVERSATIONS} set started_at = '0001-01-01' where {ONE_CONVERSATION}",
        "no conversation starts before helpdesks existed (1995)",
    ),
    (
        f"update {CONVERSATIONS} set closed_at = '3000-01-01' where {ONE_CONVERSATION}",
        "nothing is closed, deleted or rated after the ledger day",
    ),
    (
        f"update {CONVERSATIONS} set closed_at = started_at - interval '1 hour' where {ONE_CONVERSATION}",
        "no conversation ends before it starts",
    ),
    (
        f"update {CONVERSATIONS} set deleted_at = started_at - interval '1 hour' where {ONE_CONVERSATION}",
        "no conversation is deleted before it starts",
    ),
    (
        f"update {CONVERSATIONS} set _cast_errors = '{{started_at}}' where {LAST_DAY}",
        "at most 1 % of the conversations hold a value that cannot be read",
    ),
    (f"update {MESSAGES} set message_id = null where {ONE_MESSAGE}", "every message has its id"),
    (f"update {MESSAGES} set message_key = null where {ONE_MESSAGE}", "every message has its key"),
    (f"insert into {MESSAGES} select * from {MESSAGES} where {ONE_MESSAGE}", "no message appears twice"),
    (
        f"update {MESSAGES} set _cast_errors = '{{sent_at}}' where {LAST_DAY}",
        "at most 1 % of the messages hold a value that cannot be read",
    ),
    (
        f"delete from {CONVERSATIONS} where {ONE_CONVERSATION}",
        "every message has its conversation",
    ),
    (f"update {MESSAGES} set sent_at = null where {ONE_MESSAGE}", "every message says when it was sent"),
    (f"update {MESSAGES} set actor = null where {ONE_MESSAGE}", "every message says who spoke"),
    (f"update {MESSAGES} set actor = 'agent' where {ONE_MESSAGE}", "every actor is one that the model knows"),
    (f"update {MESSAGES} set text = null where {ONE_MESSAGE}", "every message has its text, which may be empty"),
    (f"update {MESSAGES} set sent_at = '2026-04-01' where {ONE_MESSAGE}", "no message is sent after the ledger day"),
    (
        f"update {MESSAGES} set sent_at = '1970-01-01' where {ONE_MESSAGE}",
        "no message is sent before helpdesks existed (1995)",
    ),
    (
        f"update {MESSAGES} set actor_id = 'support-bot' where {ONE_MESSAGE}",
        "no account with a machine's name posts as a human agent",
    ),
    (
        f"update {MESSAGES} set actor_name = 'HelpBot 2' where {ONE_MESSAGE}",
        "no account with a machine's name posts as a human agent",
    ),
    (
        f"update {MESSAGES} set actor_name = 'Acme Auto-Reply' where {ONE_MESSAGE}",
        "no account with a machine's name posts as a human agent",
    ),
    (
        f"update {MESSAGES} set sent_at = sent_at - interval '118 seconds' where actor = 'human_agent' and actor_id = 'agent-2'",
        "no account that posts as a human agent answers like a machine",
    ),
    (
        f"update {MESSAGES} set body_hash = md5('x')::uuid where actor_id = 'agent-2'",
        "no account that posts as a human agent answers like a machine",
    ),
    (
        f"delete from {CONVERSATIONS} where {LAST_DAY} and split_part(interaction_id, '-', 5)::int % 3 <> 0",
        "no day has far fewer conversations than is usual",
    ),
    (f"delete from {CONVERSATIONS} where {LAST_DAY}", "no day has far fewer conversations than is usual"),
    (
        LOAD.format(quarantined=15, inserted=985),
        "at most 1 % of the rows that came in are quarantined",
    ),
]


@pytest.mark.parametrize(
    ("corruption", "claim"), BLOCKING, ids=[f"{claim} ({n})" for n, (_, claim) in enumerate(BLOCKING)]
)
def test_a_seeded_corruption_stops_publication(database, failing, corruption: str, claim: str) -> None:
    database.execute(corruption)
    if "delete" in corruption:  # what is gone takes its messages along, unless it is the claim about them
        kept = (
            ""
            if claim == "every message has its conversation"
            else f"delete from {MESSAGES} where interaction_key not in (select interaction_key from {CONVERSATIONS})"
        )
        if kept:
            database.execute(kept)
    blocking, _ = failing()
    assert claim in blocking
    text = database.execute("select string_agg(gates::text, ' ') from ops.gates").fetchone()[0]
    assert SECRET not in text
    assert SECRET not in database.execute("select error from ops.runs order by run_id desc limit 1").fetchone()[0]


WARNING = [
    (f"update {CONVERSATIONS} set rating = 9 where {ONE_CONVERSATION}", "every rating lies on its scale"),
    (
        f"update {MESSAGES} set sent_at = sent_at - interval '1 day' where {ONE_CONVERSATION}",
        "no message is sent before its conversation starts",
    ),
    (f"update {MESSAGES} set confidence = 80 where confidence = 0.8", "every stated confidence lies between 0 and 1"),
    (
        f"update {MESSAGES} set actor = 'human_agent' where {ONE_CONVERSATION} and actor = 'ai_agent';"
        f"update {MESSAGES} set actor_name = 'Helper' where actor_id = 'helper'",
        "no account speaks both as a person and as an AI agent",
    ),
]


@pytest.mark.parametrize(("oddity", "claim"), WARNING, ids=[claim for _, claim in WARNING])
def test_an_oddity_warns_and_lets_the_data_pass(database, failing, oddity: str, claim: str) -> None:
    database.execute(oddity)
    assert failing() == (set(), {claim})


@pytest.mark.parametrize(
    "name", ["Sophie Abbot", "Bottega Support", "Systems Team", "Tribot", "Otto Matic", "Norep Lyle"]
)
def test_a_persons_name_is_not_a_machines(database, failing, name: str) -> None:
    database.execute(f"update {MESSAGES} set actor_name = %s where {ONE_MESSAGE}", [name])
    assert failing() == (set(), set())


def test_a_source_without_real_times_is_not_judged_by_pace(database, failing) -> None:
    database.execute(f"update {MESSAGES} set sent_at = sent_at - make_interval(secs => position * 119)")
    assert failing() == (set(), set())


def test_an_old_machine_outside_the_pending_rows_is_not_judged_again(database, failing) -> None:
    database.execute(f"update {MESSAGES} set actor_id = 'support-bot' where {ONE_MESSAGE}")
    database.execute(
        f"delete from staging.pending_interactions where interaction_key in (select interaction_key from {MESSAGES} "
        f"where {ONE_CONVERSATION})"
    )
    assert failing()[0] == set()


def test_quarantined_rows_that_were_repaired_count_no_more(database, failing) -> None:
    database.execute(BLOCKING[-1][0])
    database.execute(
        "insert into ops.quarantine (quarantine_id, source, instance, stream, reason_code, reason, remedy, run_id, load_id, as_of,"
        " resolved_at) select gen_random_uuid(), 'files', 'default', 'messages', 'x', 'x', 'x', 1, 1, '2026-03-31', now()"
        " from generate_series(1, 6)"
    )
    assert failing()[0] == set()


def test_the_message_names_claims_counts_keys_and_remedies(database, prepared) -> None:
    database.execute(f"update {MESSAGES} set sent_at = '2026-04-01' where {LAST_DAY} and message_id = 'm1'")
    key = database.execute(
        f"select min(message_key) from {MESSAGES} where {LAST_DAY} and message_id = 'm1'"
    ).fetchone()[0]
    with pytest.raises(GateError) as caught:
        run_gate(GATE, AS_OF, prepared)
    text = str(caught.value)
    assert caught.value.exit_code == 3
    assert text.startswith("gate_1 stops publication: 1 blocking claim does not hold as of 2026-03-31 00:00 UTC\n")
    assert "no message is sent after the ledger day: not so in staging.int_messages__unioned" in text
    assert key in text
    assert "Check the clock and the zone of the source" in text
    assert "Readers keep what was published before" in text
    assert SECRET not in text
    keys = database.execute("select failed_keys from ops.gates where not is_success").fetchone()[0]
    assert key in keys
    assert len(keys) == 20


def test_a_missing_relation_is_named(database, prepared) -> None:
    database.execute("alter table staging.pending_interactions rename to gone")
    try:
        with pytest.raises(WarehouseError, match=r"staging\.pending_interactions"):
            run_gate(GATE, AS_OF, prepared)
    finally:
        database.execute("alter table staging.gone rename to pending_interactions")


def test_a_missing_column_is_named(database, prepared) -> None:
    database.execute(f"alter table {MESSAGES} rename confidence to certainty")
    try:
        with pytest.raises(ConfigurationError, match=r"staged_messages of gate_1 cannot be read.*messages\.confidence"):
            run_gate(GATE, AS_OF, prepared)
    finally:
        database.execute(f"alter table {MESSAGES} rename certainty to confidence")


def test_a_time_without_zone_and_an_unknown_gate_are_refused(database, prepared) -> None:
    with pytest.raises(TouchstoneError, match="without a zone"):
        run_gate(GATE, datetime(2026, 3, 31), prepared)  # noqa: DTZ001
    with pytest.raises(ConfigurationError, match="gate_4"):
        run_gate("gate_4", AS_OF, prepared)


# --- volume: what is usual, and what is not


def _days(database: psycopg.Connection, counts: list[int], last_day: datetime) -> None:
    database.execute(f"truncate {CONVERSATIONS}, {MESSAGES}, staging.pending_interactions")
    first_day = last_day - timedelta(days=len(counts) - 1)
    with database.cursor().copy(
        f"copy {CONVERSATIONS} (interaction_id, interaction_key, started_at, _cast_errors) from stdin"
    ) as copy:
        for offset, count in enumerate(counts):
            for number in range(count):
                name = f"{offset}-{number}"
                copy.write_row((name, name, first_day + timedelta(days=offset, minutes=number % 1440), []))
    database.execute(f"insert into staging.pending_interactions select interaction_key from {CONVERSATIONS}")


VOLUME = "no day has far fewer conversations than is usual"


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("level", [15, 60, 400])
def test_thirty_clean_days_raise_no_alarm(database, failing, seed: int, level: int) -> None:
    draw = np.random.default_rng(1000 * level + seed)
    weekdays = [1.1, 1.05, 1.0, 1.0, 0.95, 0.4, 0.3]
    mean = [level * weekdays[(day + seed) % 7] * draw.lognormal(0, 0.12) for day in range(30)]
    _days(database, [int(draw.poisson(value)) for value in mean], AS_OF - timedelta(days=1))
    assert failing() == (set(), set())


@pytest.mark.parametrize(
    "counts",
    [
        [19, 33, 265, 604, 427, 0, 593, 19, 47, 236, 165, 237, 142, 407, 356, 25],
        [3, 4, 2, 5, 3, 4, 3, 2, 4, 3, 5, 3, 2, 4, 3, 4, 3, 2, 4, 3, 1],
        [100] * 13 + [33],
        [100] * 20,
        [50, 50, 50, 50, 50, 0, 0] * 4 + [50, 50, 50, 50, 50, 0],
        [40, 300, 20, 5, 90, 700, 12, 60, 33, 410, 8, 150, 75, 19, 260, 30, 5, 120, 44, 9, 9],
    ],
    ids=["real and bursty", "a handful a day", "too little history", "level", "closed on weekends", "wild"],
)
def test_natural_volume_raises_no_alarm(database, failing, counts: list[int]) -> None:
    _days(database, counts, AS_OF - timedelta(days=1))
    assert failing() == (set(), set())


@pytest.mark.parametrize(
    ("counts", "day"),
    [
        ([100] * 14 + [33], "2026-03-30"),
        ([60, 62, 58, 61, 59, 60, 61] * 3 + [20], "2026-03-30"),
        ([100, 104, 97, 101, 99, 40, 31] * 4 + [33], "2026-03-30"),
        ([100, 104, 97, 101, 99, 40, 31] * 3 + [0] + [100, 103], "2026-03-28"),
        ([24, 26, 22, 25, 23, 24, 27] * 4 + [7], "2026-03-30"),
    ],
    ids=["two weeks of history", "a third", "a third with weekends", "an empty day in the middle", "small counts"],
)
def test_a_day_with_a_third_of_the_rows_is_caught(database, failing, counts: list[int], day: str) -> None:
    _days(database, counts, AS_OF - timedelta(days=1))
    assert failing()[0] == {VOLUME}
    keys = database.execute("select failed_keys from ops.gates where not is_success").fetchone()[0]
    assert keys == [day]


def test_days_of_core_count_as_history_and_a_published_day_is_not_judged_again(database, failing, prepared) -> None:
    database.execute(
        "create table core.interactions as select interaction_key, (started_at at time zone 'UTC')::date as interaction_date "
        f"from {CONVERSATIONS}"
    )
    try:
        database.execute("delete from staging.pending_interactions")
        database.execute(
            f"insert into staging.pending_interactions select interaction_key from {CONVERSATIONS} "
            f"where {LAST_DAY} and split_part(interaction_id, '-', 5)::int <= 20"
        )
        database.execute("delete from core.interactions where interaction_date = '2026-03-30'")
        assert failing()[0] == {VOLUME}
        database.execute(
            "insert into ops.publications (run_id, as_of, ledger_id, rows_upserted, rows_deleted, tables) "
            "select max(run_id), '2026-03-31', 1, 0, 0, '[]' from ops.runs"
        )
        assert failing()[0] == set()
    finally:
        database.execute("drop table core.interactions")


def test_a_day_that_is_not_over_is_not_judged(database, failing) -> None:
    _days(database, [100] * 20 + [10], AS_OF - timedelta(days=1))
    assert failing(as_of=AS_OF - timedelta(hours=9))[0] == set()

"""Raw rows land once, in the order of their versions, and what they replace is kept."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from touchstone.errors import WarehouseError
from touchstone.warehouse import landing
from touchstone.warehouse.engine import connect
from touchstone.warehouse.landing import RawRow

SCHEMA = "raw_files"
STREAM = "messages"
_numbers = itertools.count(1)


@pytest.fixture
def instance() -> str:
    return f"l{next(_numbers)}"


def raw(row_id: str, owner: str = "c1", version: int | None = None, **payload: object) -> RawRow:
    body = orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)
    return RawRow(row_id, owner, body, landing.payload_hash(body), version)


def land(warehouse, instance: str, *rows: RawRow, **options):
    with connect("loader", settings=warehouse, autocommit=True) as connection, connection.transaction():
        load = landing.begin_load(connection, instance)
        if "owners" in options:
            owners = options.pop("owners")
            options["existing"] = landing.existing_rows(connection, SCHEMA, STREAM, instance, interactions=owners)
            options["replaced_interactions"] = owners
        return landing.land(connection, SCHEMA, STREAM, rows, load, **options)


def held(warehouse, instance: str, table: str = STREAM) -> dict[str, dict]:
    with connect(settings=warehouse) as connection:
        query = f"select id, payload from raw_files.{table} where instance = %s order by id, _load_id"
        return dict(connection.execute(query, [instance]).fetchall())


def counts(landed: landing.Landed) -> tuple[int, int, int]:
    return landed.inserted, landed.updated, landed.unchanged


def test_new_changed_and_equal_rows_are_told_apart(warehouse, instance):
    assert counts(land(warehouse, instance, raw("a", n=1), raw("b", n=1))) == (2, 0, 0)
    assert counts(land(warehouse, instance, raw("a", n=1), raw("b", n=2), raw("c", n=1))) == (1, 1, 1)
    assert held(warehouse, instance) == {"a": {"n": 1}, "b": {"n": 2}, "c": {"n": 1}}
    assert held(warehouse, instance, "messages_history") == {"b": {"n": 1}}


def test_every_column_is_written_as_it_was_given(warehouse, instance):
    body = raw('quo"te\\back\tslash', "ünï", 2**62, text='a "b" \\ \n 🎉')
    land(warehouse, instance, body, raw("none", None))
    with connect(settings=warehouse) as connection:
        rows = connection.execute(
            "select id, interaction_id, payload, uuid_send(payload_hash), version, _load_id, _loaded_at"
            " from raw_files.messages where instance = %s order by id",
            [instance],
        ).fetchall()
        latest = connection.execute("select last_value from ops.loads_load_id_seq").fetchone()[0]
    assert rows[1][:5] == (body.id, "ünï", {"text": 'a "b" \\ \n 🎉'}, body.payload_hash, 2**62)
    assert rows[0][:3] == ("none", None, {})
    assert rows[0][4] is None
    assert rows[0][5] == latest
    assert abs((datetime.now(UTC) - rows[0][6]).total_seconds()) < 600


@pytest.mark.parametrize(
    ("before", "after", "wins"), [(1, 2, True), (2, 1, False), (2, 2, True), (None, 1, True), (2, None, True)]
)
def test_a_statement_wins_unless_its_version_is_older(warehouse, instance, before, after, wins):
    land(warehouse, instance, raw("a", version=before, n="before"))
    landed = land(warehouse, instance, raw("a", version=after, n="after"))
    assert held(warehouse, instance)["a"]["n"] == ("after" if wins else "before")
    assert counts(landed) == ((0, 1, 0) if wins else (0, 0, 1))


def test_instances_do_not_meet(warehouse, instance):
    land(warehouse, instance, raw("a", n=1))
    assert counts(land(warehouse, instance + "x", raw("a", n=2))) == (1, 0, 0)
    assert held(warehouse, instance) == {"a": {"n": 1}}


def test_a_full_statement_removes_what_it_lacks_and_nothing_else(warehouse, instance):
    land(warehouse, instance, raw("a1", "a"), raw("a2", "a"), raw("b1", "b"))
    landed = land(warehouse, instance, raw("a1", "a"), owners={"a"})
    assert (set(held(warehouse, instance)), landed.removed) == ({"a1", "b1"}, {"a"})
    assert set(held(warehouse, instance, "messages_history")) == {"a2"}


def test_a_touched_row_gets_the_number_of_the_load(warehouse, instance):
    land(warehouse, instance, raw("a"), raw("b"))
    landed = land(warehouse, instance, raw("a"), raw("b"), touched={"a"})
    with connect(settings=warehouse) as connection:
        loads = dict(
            connection.execute("select id, _load_id from raw_files.messages where instance = %s", [instance]).fetchall()
        )
    assert loads["a"] > loads["b"]
    assert counts(landed) == (0, 1, 1)
    assert held(warehouse, instance, "messages_history") == {}


def test_an_id_that_comes_twice_is_refused(warehouse, instance):
    with pytest.raises(WarehouseError, match="twice"):
        land(warehouse, instance, raw("a", n=1), raw("a", n=2))


def test_a_transaction_that_fails_leaves_nothing(warehouse, instance):
    land(warehouse, instance, raw("a", n=1))
    bad = RawRow("z", "c", b"{no json", bytes(16), None)
    with pytest.raises(psycopg.errors.DataError):
        land(warehouse, instance, raw("a", n=2), bad)
    assert held(warehouse, instance) == {"a": {"n": 1}}
    assert held(warehouse, instance, "messages_history") == {}


def merged(warehouse, instance: str, rows: dict) -> landing.Landed:
    with connect("loader", settings=warehouse, autocommit=True) as connection, connection.transaction():
        load = landing.begin_load(connection, instance)
        return landing.land_merged(connection, SCHEMA, "conversations", rows, load)


def test_merging_keeps_what_is_not_stated_anew(warehouse, instance):
    merged(warehouse, instance, {"c": ({"a": 1, "b": 1}, None)})
    landed = merged(warehouse, instance, {"c": ({"b": 2.0, "d": 3}, None), "new": ({"a": 1}, None)})
    assert held(warehouse, instance, "conversations") == {"c": {"a": 1, "b": 2.0, "d": 3}, "new": {"a": 1}}
    assert counts(landed) == (1, 1, 0)


def test_merging_the_same_again_changes_nothing_whatever_jsonb_makes_of_a_number(warehouse, instance):
    fields = {"a": 1e22, "b": 2.50, "c": 1e-7, "d": 100.0}
    merged(warehouse, instance, {"c": (fields, None)})
    assert counts(merged(warehouse, instance, {"c": (fields, None)})) == (0, 0, 1)


def test_an_older_statement_is_not_merged(warehouse, instance):
    merged(warehouse, instance, {"c": ({"a": 1}, 5)})
    assert counts(merged(warehouse, instance, {"c": ({"a": 2}, 4)})) == (0, 0, 1)
    assert held(warehouse, instance, "conversations") == {"c": {"a": 1}}


STATEMENTS = st.lists(
    st.dictionaries(
        st.sampled_from("abcd"), st.tuples(st.integers(0, 3), st.none() | st.integers(1, 4)), min_size=1, max_size=4
    ),
    max_size=6,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(loads=STATEMENTS)
def test_any_sequence_of_loads_ends_as_a_plain_dictionary_would(warehouse, loads):
    name = f"p{next(_numbers)}"
    model: dict[str, tuple[int, int | None]] = {}
    seen = replaced = 0
    for batch in loads:
        landed = land(warehouse, name, *(raw(key, version=version, n=value) for key, (value, version) in batch.items()))
        assert sum(counts(landed)) == len(batch)
        for key, (value, version) in batch.items():
            before = model.get(key)
            if before is None:
                model[key] = (value, version)
                seen += 1
            elif before[0] == value:
                known = [number for number in (before[1], version) if number is not None]
                model[key] = (value, max(known, default=None))
            elif None in (version, before[1]) or version >= before[1]:
                model[key] = (value, version)
                replaced += 1
    assert {key: payload["n"] for key, payload in held(warehouse, name).items()} == {
        key: value for key, (value, _) in model.items()
    }
    with connect(settings=warehouse) as connection:
        kept = connection.execute(
            "select count(*) from raw_files.messages_history where instance = %s", [name]
        ).fetchone()[0]
    assert kept == replaced

"""The clean step on a real server: what is redacted, kept, removed and redacted again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from touchstone import clean as module
from touchstone.clean import clean
from touchstone.settings import Settings
from touchstone.text.redact import REDACTOR_VERSION
from touchstone.warehouse.engine import connect

AS_OF = datetime(2026, 3, 31, tzinfo=UTC)


@pytest.fixture(scope="module")
def prepared(warehouse: Settings) -> Settings:
    with connect("transformer", settings=warehouse) as connection:
        connection.execute(
            """
            create table staging.pending_interactions (interaction_key text not null);
            create table staging.int_messages__unioned (
                interaction_key text not null, message_key text not null, text text, body_hash uuid,
                _cast_errors text[] not null default '{}', actor text not null, is_internal boolean not null,
                sent_at timestamptz not null, position int
            );
            """
        )
    return warehouse


@pytest.fixture
def database(prepared: Settings) -> Iterator[psycopg.Connection]:
    """Two pending interactions of two messages each, one of a third that is not pending."""
    with connect("transformer", settings=prepared, autocommit=True) as connection:
        connection.execute("truncate clean.messages, staging.pending_interactions, staging.int_messages__unioned")
        connection.execute("delete from ops.interaction_changes")
        for interaction in ("one", "two", "three"):
            _say(connection, interaction, "1", f"I am {interaction}, mail {interaction}@example.com please")
            _say(connection, interaction, "2", "No personal data here.")
            _pend(connection, interaction)
        yield connection


def _say(
    connection: psycopg.Connection,
    interaction: str,
    number: str,
    text: str,
    errors: tuple[str, ...] = (),
    actor: str = "customer",
    is_internal: bool = False,
) -> None:
    key = f"{interaction}:{number}"
    connection.execute("delete from staging.int_messages__unioned where message_key = %s", [key])
    connection.execute(
        "insert into staging.int_messages__unioned values (%s, %s, %s, md5(%s)::uuid, %s, %s, %s, %s, %s)",
        [interaction, key, text, text, list(errors), actor, is_internal, AS_OF, int(number)],
    )


def _pend(connection: psycopg.Connection, *interactions: str) -> None:
    connection.cursor().executemany(
        "insert into staging.pending_interactions values (%s)", [[one] for one in interactions]
    )


def _all(connection: psycopg.Connection) -> dict[str, tuple[str, list[dict[str, object]]]]:
    rows = connection.execute("select message_key, text, pii from clean.messages order by message_key")
    return {key: (text, pii) for key, text, pii in rows}


def _places(connection: psycopg.Connection) -> list[tuple[str, str]]:
    """Where each row lies: an unwritten row stays where it is."""
    return connection.execute("select message_key, ctid::text from clean.messages order by message_key").fetchall()


def test_personal_data_is_gone_and_its_place_is_known(database: psycopg.Connection) -> None:
    result = clean(AS_OF)
    assert (result.redacted, result.removed, result.pii_count) == (6, 0, {"email": 3})
    text, pii = _all(database)["one:1"]
    assert text == "I am one, mail [EMAIL] please"
    assert [(entry["type"], text[entry["start"] : entry["end"]]) for entry in pii] == [("email", "[EMAIL]")]
    assert _all(database)["one:2"] == ("No personal data here.", [])
    row = database.execute("select status, rows_in, rows_out, versions from ops.runs order by run_id desc").fetchone()
    assert row == ("succeeded", 6, 6, {"redactor": REDACTOR_VERSION})


def test_a_second_run_writes_nothing(database: psycopg.Connection) -> None:
    clean(AS_OF)
    before = _places(database)
    assert clean(AS_OF).redacted == 0
    assert _places(database) == before


def test_small_batches_give_the_same_rows(database: psycopg.Connection) -> None:
    clean(AS_OF)
    before = _all(database)
    database.execute("truncate clean.messages")
    assert clean(AS_OF, batch_messages=1).redacted == 6
    assert _all(database) == before


def test_an_edited_message_is_redacted_again_and_only_that(database: psycopg.Connection) -> None:
    clean(AS_OF)
    _say(database, "two", "2", "Call +49 30 1234567 instead.")
    assert clean(AS_OF).redacted == 1
    assert _all(database)["two:2"][0] == "Call [PHONE] instead."


def test_what_is_not_pending_is_left_alone(database: psycopg.Connection) -> None:
    clean(AS_OF)
    database.execute("truncate staging.pending_interactions")
    _say(database, "one", "1", "Edited, but not registered as a change.")
    assert clean(AS_OF).redacted == 0


def test_a_message_that_its_source_dropped_goes(database: psycopg.Connection) -> None:
    clean(AS_OF)
    database.execute("delete from staging.int_messages__unioned where message_key = 'one:1'")
    _say(database, "two", "1", "sent_at became unreadable", ("sent_at",))
    assert clean(AS_OF).removed == 2
    assert sorted(_all(database)) == ["one:2", "three:1", "three:2", "two:2"]


def test_a_message_that_does_not_fit_its_types_is_not_cleaned(database: psycopg.Connection) -> None:
    _say(database, "one", "1", "bad row", ("sent_at",))
    assert clean(AS_OF).redacted == 5
    assert "one:1" not in _all(database)


def test_another_redactor_works_on_everything_and_tells_core(
    database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean(AS_OF)
    database.execute("delete from staging.pending_interactions where interaction_key <> 'one'")
    monkeypatch.setattr(module, "REDACTOR_VERSION", "rules-next")
    result = clean(AS_OF, batch_messages=1)
    assert (result.redacted, result.interactions_redacted_again) == (6, 2)
    changes = database.execute(
        "select interaction_key, reason from ops.interaction_changes order by interaction_key"
    ).fetchall()
    assert changes == [("three", "redacted_again"), ("two", "redacted_again")]
    pending = database.execute("select interaction_key from staging.pending_interactions order by 1").fetchall()
    assert pending == [("one",), ("three",), ("two",)]
    assert database.execute("select distinct redactor_version from clean.messages").fetchall() == [("rules-next",)]
    assert clean(AS_OF).redacted == 0


def test_text_that_copy_could_misread_arrives_as_it_is(database: psycopg.Connection) -> None:
    text = "tab\there\\n new\nline \\N \r \\. \u202eright-to-left\u202c Z\u0351a\u0363lgo \U0001f600 \ufffd"
    _say(database, "one", "1", text)
    clean(AS_OF)
    assert _all(database)["one:1"] == (text, [])


def _ask(connection: psycopg.Connection) -> None:
    """Conversation two: an agent asks, the customer answers, the agent repeats it."""
    _say(connection, "two", "1", "Can I have your full name and SSN?", actor="human_agent")
    _say(connection, "two", "2", "yes zorvane kimmelin, 123 45 6789")
    _say(connection, "two", "3", "Thanks, so that is 123456789?", actor="human_agent")


def test_an_answer_is_read_with_its_question(database: psycopg.Connection) -> None:
    _ask(database)
    clean(AS_OF)
    rows = _all(database)
    assert rows["two:2"][0] == "yes [NAME], [SSN]"
    assert rows["two:3"][0] == "Thanks, so that is [SSN]?"
    assert [entry["type"] for entry in rows["two:2"][1]] == ["name", "ssn"]


def test_an_edited_question_changes_how_later_messages_are_read_and_no_others(database: psycopg.Connection) -> None:
    _ask(database)
    clean(AS_OF)
    before = dict(_places(database))
    _say(database, "two", "1", "Which colour do you want?", actor="human_agent")
    assert clean(AS_OF).redacted == 3
    assert {key for key, place in _places(database) if before[key] != place} == {"two:1", "two:2", "two:3"}
    _say(database, "two", "3", "Thanks.", actor="human_agent")
    assert clean(AS_OF).redacted == 1


def test_a_new_message_is_read_with_the_old_ones_and_they_are_not_written_again(database: psycopg.Connection) -> None:
    _ask(database)
    clean(AS_OF)
    before = dict(_places(database))
    _say(database, "two", "4", "yes 123456789")
    assert clean(AS_OF, batch_messages=1).redacted == 1
    assert _all(database)["two:4"][0] == "yes [SSN]"
    assert {key: place for key, place in _places(database) if key != "two:4"} == before


def test_a_removed_question_is_asked_no_more(database: psycopg.Connection) -> None:
    _say(database, "two", "1", "What is your order number?", actor="human_agent")
    _say(database, "two", "2", "it is 4711")
    clean(AS_OF)
    assert _all(database)["two:2"][0] == "it is [ORDER_NUMBER]"
    database.execute("delete from staging.int_messages__unioned where message_key = 'two:1'")
    result = clean(AS_OF)
    assert (result.removed, result.redacted) == (1, 1)
    assert "[ORDER_NUMBER]" not in _all(database)["two:2"][0]


def test_a_note_among_agents_asks_the_customer_nothing(database: psycopg.Connection) -> None:
    _say(database, "two", "1", "What is the order number?", actor="human_agent", is_internal=True)
    _say(database, "two", "2", "it is 4711")
    clean(AS_OF)
    assert "[ORDER_NUMBER]" not in _all(database)["two:2"][0]

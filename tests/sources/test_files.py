"""What lands from files: once, in either shape, and again only where something changed."""

from __future__ import annotations

import copy
import gzip
import io
import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from touchstone.errors import SourceError
from touchstone.sources.files import main

AS_OF = datetime(2026, 4, 1, tzinfo=UTC)


def rows_of(document: dict) -> list[dict]:
    header = {name: value for name, value in document.items() if name != "messages"}
    return [{**header, **message} for message in document["messages"]]


def test_a_document_lands_as_header_and_messages(place, document):
    place.write_jsonl("a.jsonl", [document(topic="billing", plan="gold", customer_id=None)])
    result = place.ingest(as_of=AS_OF)
    assert place.conversations() == {
        "c1": {"interaction_id": "c1", "channel": "chat", "topic": "billing", "attributes": {"plan": "gold"}}
    }
    assert place.messages()["c1\x1fm0"] == {
        "interaction_id": "c1",
        "message_id": "m0",
        "position": 0,
        "sent_at": "2026-03-01T09:00:00.000000Z",
        "actor": "customer",
        "actor_id": "u1",
        "text": "Hello",
    }
    assert (result.rows_in, result.rows_inserted, result.conversations, result.messages) == (3, 3, 1, 2)


def test_the_ledger_accounts_for_every_row(place, document):
    bad = document("c2")
    bad["messages"][0]["actor"] = "robot"
    place.write_jsonl("a.jsonl", [document("c1"), bad, "no json"])
    result = place.ingest(as_of=AS_OF)
    run = place.query(
        "select status, rows_in, rows_out, rows_quarantined, as_of from ops.runs where instance = INSTANCE"
    )
    assert run == [("succeeded", 7, 5, 2, AS_OF)]
    loads = place.query(
        "select run_id, rows_in, rows_inserted, rows_updated, rows_unchanged, rows_quarantined, batch, as_of"
        " from ops.loads where instance = INSTANCE"
    )
    assert loads == [(result.run_id, 7, 5, 0, 0, 2, "a.jsonl", AS_OF)]
    assert place.conversations()["c2"]["quarantined_message_ids"] == ["m0"]


def test_the_same_file_twice_changes_nothing_and_is_not_read_again(place, document):
    place.write_jsonl("a.jsonl", [document("c1"), document("c2")])
    place.ingest(as_of=AS_OF)
    before = place.snapshot()
    result = place.ingest(as_of=AS_OF)
    assert place.snapshot() == before
    assert (result.rows_in, result.skipped_files) == (0, ["a.jsonl"])


def test_the_same_content_in_another_file_changes_nothing(place, document):
    place.write_jsonl("a.jsonl", [document("c1"), document("c2")])
    place.ingest(as_of=AS_OF)
    before = place.snapshot()
    place.write_parquet("b.parquet", rows_of(document("c1")))
    place.write_jsonl("c.jsonl.gz", [document("c2")])
    result = place.ingest(as_of=AS_OF)
    assert place.snapshot() == before
    assert result.rows_unchanged == result.rows_in == 6


def test_an_edited_conversation_is_updated_and_its_former_state_kept(place, document):
    place.write_jsonl("a.jsonl", [document("c1"), document("c2")])
    place.ingest(as_of=AS_OF)
    place.write_jsonl("a.jsonl", [document("c1", ("Hello!", "Hi, how can I help?")), document("c2")])
    result = place.ingest(as_of=AS_OF)
    assert (result.rows_inserted, result.rows_updated, result.rows_unchanged) == (0, 1, 5)
    assert place.messages()["c1\x1fm0"]["text"] == "Hello!"
    history = place.query(
        "select payload->>'text', replaced_by_load_id > _load_id from raw_files.messages_history where instance = INSTANCE"
    )
    assert history == [("Hello", True)]


def test_a_document_replaces_its_conversation_and_touches_its_header(place, document):
    place.write_jsonl("a.jsonl", [document("c1", ("one", "two", "three"))])
    place.ingest(as_of=AS_OF)
    load = place.query("select _load_id from raw_files.conversations where instance = INSTANCE")
    place.write_jsonl("a.jsonl", [document("c1", ("one", "two"))])
    place.ingest(as_of=AS_OF)
    assert list(place.messages()) == ["c1\x1fm0", "c1\x1fm1"]
    assert place.query("select _load_id from raw_files.conversations where instance = INSTANCE") > load
    assert place.query("select payload->>'text' from raw_files.messages_history where instance = INSTANCE") == [
        ("three",)
    ]


def test_rows_add_to_their_conversation_and_remove_nothing(place, document):
    rows = rows_of(document("c1", ("one", "two"), topic="billing"))
    place.write_jsonl("a.jsonl", rows[:1])
    place.ingest(as_of=AS_OF)
    later = {name: value for name, value in rows[1].items() if name != "topic"}
    place.write_jsonl("b.jsonl", [{**later, "status": "solved"}])
    place.ingest(as_of=AS_OF)
    assert place.conversations()["c1"] == {
        "interaction_id": "c1",
        "channel": "chat",
        "topic": "billing",
        "status": "solved",
    }
    assert len(place.messages()) == 2


def test_absence_means_nothing_and_deletion_is_stated(place, document):
    place.write_jsonl("a.jsonl", [document("c1"), document("c2")])
    place.ingest(as_of=AS_OF)
    place.write_jsonl("a.jsonl", [document("c2", deleted_at="2026-03-05T00:00:00Z")])
    place.ingest(as_of=AS_OF)
    assert set(place.conversations()) == {"c1", "c2"}
    assert place.conversations()["c2"]["deleted_at"] == "2026-03-05T00:00:00.000000Z"


def test_an_older_version_never_replaces_a_newer_one(place, document):
    newer = document("c1", ("new", "two"), updated_at="2026-03-03T00:00:00Z")
    older = document("c1", ("old", "two", "three"), updated_at="2026-03-02T00:00:00Z")
    place.write_jsonl("a.jsonl", [newer])
    place.ingest(as_of=AS_OF)
    before = place.snapshot()
    place.write_jsonl("b.jsonl", [older])
    result = place.ingest(as_of=AS_OF)
    assert place.snapshot() == before
    assert result.rows_in == result.rows_unchanged == 4


def test_a_confirmed_version_keeps_out_what_lies_between(place, document):
    same = document("c1", ("new", "two"), updated_at="2026-03-05T00:00:00Z")
    between = document("c1", ("between", "two"), updated_at="2026-03-04T00:00:00Z")
    place.write_jsonl("a.jsonl", [document("c1", ("new", "two"), updated_at="2026-03-03T00:00:00Z")])
    place.ingest(as_of=AS_OF)
    place.write_jsonl("b.jsonl", [same])
    place.ingest(as_of=AS_OF)
    place.write_jsonl("c.jsonl", [between])
    place.ingest(as_of=AS_OF)
    assert place.messages()["c1\x1fm0"]["text"] == "new"


def test_without_versions_the_later_load_wins(place, document):
    place.write_jsonl("a.jsonl", [document("c1", ("first",)), document("c1", ("second",))])
    result = place.ingest(as_of=AS_OF)
    assert place.messages()["c1\x1fm0"]["text"] == "second"
    assert (result.rows_in, result.rows_inserted, result.rows_unchanged) == (4, 2, 2)


def test_both_shapes_of_one_conversation_may_stand_in_one_file(place, document):
    rows = rows_of(document("c1", ("one", "two", "three")))
    place.write_jsonl("a.jsonl", [document("c1", ("ONE", "TWO")), rows[2], document("c1", ("a", "b", "c"))])
    result = place.ingest(as_of=AS_OF)
    assert [payload["text"] for payload in place.messages().values()] == ["a", "b", "c"]
    assert result.rows_in == 3 + 2 + 4


def test_messages_without_id_get_one_from_what_they_say_of_themselves(place, document):
    conversation = document("c1", ("one", "two"))
    twin = {"sent_at": "2026-03-01T09:05:00Z", "actor": "customer", "actor_id": "u1", "text": "same second"}
    conversation["messages"] = [{**twin}, {**twin, "text": "other text"}, {**twin, "actor_id": "u2"}]
    place.write_jsonl("a.jsonl", [conversation])
    place.ingest(as_of=AS_OF)
    first = place.messages()
    assert sorted(payload["position"] for payload in first.values()) == [0, 1, 2]
    place.write_jsonl("b.jsonl", rows_of(conversation))
    result = place.ingest(as_of=AS_OF, batch_rows=1)
    assert place.messages() == first
    assert result.rows_unchanged == result.rows_in


def test_nul_and_lone_surrogates_are_replaced_counted_and_loaded(place, document):
    conversation = document("c1", ("nul \x00 here", "half \ud83d pair", "raw"))
    lines = json.dumps(conversation).encode().replace(b"raw", b"r\x00w")
    place.write_jsonl("a.jsonl", [lines])
    result = place.ingest(as_of=AS_OF)
    texts = [payload["text"] for payload in place.messages().values()]
    assert texts == ["nul \ufffd here", "half \ufffd pair", "r\ufffdw"]
    assert result.replaced_characters == 3
    assert place.query("select detail->'replaced_characters' from ops.runs where instance = INSTANCE") == [(3,)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_standard_input_is_read_without_a_cursor(place, document, name):
    content = place.write_jsonl(name, [document("c1")]).read_bytes()
    for _ in range(2):
        result = place.ingest("-", as_of=AS_OF, stdin=io.BytesIO(content))
        assert result.rows_in == 3
    assert result.rows_unchanged == 3
    assert place.query("select count(*) from ops.cursors where instance = INSTANCE") == [(0,)]


def test_csv_from_standard_input(place, document):
    content = place.write_csv("a.csv", rows_of(document("c1"))).read_bytes()
    assert place.ingest("-", as_of=AS_OF, stdin=io.BytesIO(content)).messages == 2


def test_a_folder_is_read_in_the_order_of_its_paths_and_other_files_are_named(place, document):
    place.write_jsonl("b/2.jsonl", [document("c1", ("late",))])
    place.write_jsonl("a/1.jsonl", [document("c1", ("early",))])
    place.write("LICENSE.txt", b"free")
    place.write(".hidden.jsonl", b"no json")
    result = place.ingest(as_of=AS_OF)
    assert place.messages()["c1\x1fm0"]["text"] == "late"
    assert result.ignored_files == ["LICENSE.txt"]
    assert place.query("select detail->'ignored_files' from ops.runs where instance = INSTANCE") == [(["LICENSE.txt"],)]


def test_as_of_is_the_end_of_the_day_of_the_newest_message(place, document):
    place.write_jsonl("a.jsonl", [document("c1")])
    result = place.ingest()
    end = datetime(2026, 3, 2, tzinfo=UTC)
    assert (result.as_of, result.newest_message_at) == (end, datetime(2026, 3, 1, 9, 1, tzinfo=UTC))
    assert place.query("select distinct as_of from ops.runs where instance = INSTANCE") == [(end,)]
    assert place.query("select distinct as_of from ops.loads where instance = INSTANCE") == [(end,)]
    assert place.ingest().as_of == end  # a file that is passed over counts through its cursor


def test_what_comes_after_as_of_waits_for_a_later_run(place, document):
    conversation = document("c1", ("one", "two"))
    conversation["messages"].append(
        {"sent_at": "2026-03-09T09:00:00Z", "actor": "customer", "actor_id": "u1", "text": "later"}
    )
    place.write_jsonl("a.jsonl", [conversation])
    early = place.ingest(as_of=datetime(2026, 3, 5, tzinfo=UTC))
    assert early.rows_quarantined == 1
    assert place.open_codes() == ["time_after_as_of"]
    assert len(place.conversations()["c1"]["quarantined_message_ids"]) == 1
    assert place.ingest(as_of=datetime(2026, 3, 6, tzinfo=UTC)).skipped_files == ["a.jsonl"]
    late = place.ingest(as_of=datetime(2026, 3, 10, tzinfo=UTC))
    assert (late.rows_inserted, late.rows_updated, late.rows_quarantined) == (1, 1, 0)
    assert place.open_codes() == []
    assert "quarantined_message_ids" not in place.conversations()["c1"]


def test_rows_held_back_by_as_of_land_under_the_id_that_was_announced(place, document):
    rows = rows_of(document("c1", ("one", "two")))
    rows[1]["sent_at"] = "2026-03-09T09:00:00Z"
    for row in rows:
        del row["message_id"]
    place.write_jsonl("a.jsonl", rows)
    place.ingest(as_of=datetime(2026, 3, 5, tzinfo=UTC))
    announced = place.conversations()["c1"]["quarantined_message_ids"]
    place.ingest(as_of=datetime(2026, 3, 10, tzinfo=UTC))
    assert f"c1\x1f{announced[0]}" in place.messages()
    assert "quarantined_message_ids" not in place.conversations()["c1"]
    assert place.open_codes() == []


def test_a_repaired_message_resolves_its_quarantine_row(place, document):
    rows = rows_of(document("c1", ("one", "two", "three")))
    bad = copy.deepcopy(rows)
    bad[1]["actor"] = "robot"
    del bad[2]["text"], bad[2]["message_id"], bad[2]["sent_at"]
    place.write_jsonl("a.jsonl", [*bad, "{broken"])
    place.ingest(as_of=AS_OF)
    assert place.open_codes() == ["actor_unknown", "json_malformed", "sent_at_missing"]
    assert place.conversations()["c1"]["quarantined_message_ids"] == ["#3", "m1"]
    place.write_jsonl("a.jsonl", rows)
    result = place.ingest(as_of=AS_OF)
    assert place.open_codes() == []
    assert "quarantined_message_ids" not in place.conversations()["c1"]
    assert result.rows_quarantined == 0


def test_a_bad_row_that_is_left_out_stays_open(place, document):
    rows = rows_of(document("c1", ("one", "two")))
    place.write_jsonl("a.jsonl", [rows[0], {**rows[1], "actor": "robot"}])
    place.ingest(as_of=AS_OF)
    place.write_jsonl("a.jsonl", rows[:1])
    place.ingest(as_of=AS_OF)
    assert place.open_codes() == ["actor_unknown"]
    assert place.conversations()["c1"]["quarantined_message_ids"] == ["m1"]


def test_a_bad_record_read_twice_is_one_row_of_the_quarantine(place, document):
    place.write_jsonl("a.jsonl", [document("c1", channel="fax"), document("c2")])
    place.ingest(as_of=AS_OF)
    place.write_jsonl("a.jsonl", [document("c1", channel="fax"), document("c2", ("edited",))])
    place.ingest(as_of=AS_OF)
    assert len(place.quarantine()) == 1
    assert place.open_codes() == ["channel_unknown"]


def test_a_changed_file_is_read_from_its_start(place, document):
    place.write_jsonl("a.jsonl", [document(f"c{number}") for number in range(5)])
    place.ingest(as_of=AS_OF, batch_rows=3)
    place.write_jsonl("a.jsonl", [document(f"c{number}", ("edited",)) for number in range(5)])
    result = place.ingest(as_of=AS_OF, batch_rows=3)
    assert {payload["text"] for payload in place.messages().values()} == {"edited"}
    assert result.rows_in == 10


def test_a_run_that_broke_off_goes_on_after_its_last_batch(place, document):
    place.write_jsonl("a.jsonl", [document(f"c{number}") for number in range(6)])

    class Stop(Exception):
        pass

    def stop(_stream: str, done: int) -> None:
        if done == 4:
            raise Stop

    with pytest.raises(Stop):
        place.ingest(as_of=AS_OF, batch_rows=6, progress=stop)
    assert len(place.conversations()) == 4
    result = place.ingest(as_of=AS_OF, batch_rows=6)
    assert (result.rows_in, result.rows_inserted, len(place.conversations())) == (6, 6, 6)
    assert place.query("select status from ops.runs where instance = INSTANCE order by run_id") == [
        ("failed",),
        ("succeeded",),
    ]


def test_an_interval_is_read_again_without_moving_the_cursor(place, document):
    early, late = document("c1"), document("c2")
    for message in late["messages"]:
        message["sent_at"] = message["sent_at"].replace("2026-03-01", "2026-03-20")
    place.write_jsonl("a.jsonl", [early, late])
    place.ingest(as_of=AS_OF)
    cursor = place.query("select state, updated_at from ops.cursors where instance = INSTANCE")
    place.execute("delete from raw_files.messages where instance = %s")
    result = place.ingest(as_of=AS_OF, interval=(date(2026, 3, 19), date(2026, 3, 20)))
    assert {payload["interaction_id"] for payload in place.messages().values()} == {"c2"}
    assert result.rows_in == 3
    assert place.query("select state, updated_at from ops.cursors where instance = INSTANCE") == cursor


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "absent", "no such file or folder"),
        (lambda folder: folder, "folder without conversation files"),
        (lambda folder: (folder / "notes.txt").write_text("x") and folder / "notes.txt", "no known format"),
    ],
)
def test_a_target_that_cannot_be_read_is_an_error_with_its_remedy(place, make, said):
    with pytest.raises(SourceError, match=said) as caught:
        place.ingest(make(place.folder))
    assert caught.value.remedy


def test_an_inbox_that_holds_nothing_is_a_run_without_rows(place, document):
    for target in (place.folder, place.folder / "absent"):
        result = place.ingest(target, missing_ok=True)
        assert (result.rows_in, result.as_of) == (0, None)
    place.write_jsonl("a.jsonl", [document("c1")])
    place.ingest()
    (place.folder / "a.jsonl").unlink()
    assert place.ingest(missing_ok=True).as_of == datetime(2026, 3, 2, tzinfo=UTC)


def test_the_module_runs_as_a_program(place, document, capsys):
    path = place.write_jsonl("a.jsonl", [document("c1")])
    assert main([str(path), "--as-of", "2026-04-01T00:00:00+00:00", "--instance", place.instance]) == 0
    assert json.loads(capsys.readouterr().out)["messages"] == 2


def test_formats_agree(place, document):
    """The same conversation in every format and shape is the same raw rows."""
    conversation = document(
        "c1",
        ('Hello, "world"\nsecond line', "", "ünïcode 🎉"),
        started_at="2026-03-01T08:59:00Z",
        rating=4,
        rating_scale_min=1,
        rating_scale_max=5,
        customer_id="17",
        tags=["a", "b"],
    )
    conversation["messages"][1].update(
        is_internal=True, confidence=0.25, tool_calls=[{"name": "find", "status": "ok"}], team="first"
    )
    place.write_jsonl("a.jsonl", [conversation])
    place.ingest(as_of=AS_OF)
    before = place.snapshot()
    rows = rows_of(conversation)
    place.write_jsonl("b.jsonl", rows)
    flat = [
        {name: json.dumps(value) if isinstance(value, list) else value for name, value in row.items()} for row in rows
    ]
    place.write_csv("c.csv", flat)
    place.write("d.csv.gz", (place.folder / "c.csv").read_bytes())
    place.write_parquet("e.parquet", [conversation])
    place.write_parquet("f.parquet", rows)
    (place.folder / "g.parquet.gz").write_bytes(gzip.compress((place.folder / "e.parquet").read_bytes()))
    result = place.ingest(as_of=AS_OF)
    assert result.rows_in == result.rows_unchanged == 6 * 4
    assert place.snapshot() == before


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40)
NAME = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "sent_at": st.sampled_from(["2026-03-01T09:00:00Z", "2026-03-01T10:00:01+01:00", "2026-03-02T00:00:00.5Z"]),
            "actor": st.sampled_from(["customer", "human_agent", "ai_agent", "system"]),
            "text": TEXT,
        },
        optional={
            "message_id": NAME,
            "actor_id": NAME,
            "is_internal": st.booleans(),
            "confidence": st.floats(0, 1),
            "sources": st.lists(TEXT, max_size=2),
            "my_own": TEXT | st.integers(-(2**53), 2**53),
        },
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda message: message.get("message_id", object()),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    messages=MESSAGES, header=st.fixed_dictionaries({}, optional={"topic": TEXT, "tags": st.lists(TEXT, max_size=2)})
)
def test_both_shapes_of_the_same_content_land_as_the_same_rows(place, messages, header):
    place.instance += "x"
    conversation = {"interaction_id": "c1", **header, "messages": messages}
    lines = json.dumps(conversation).encode()
    place.ingest("-", as_of=AS_OF, stdin=io.BytesIO(lines))
    before = place.snapshot()
    place.ingest("-", as_of=AS_OF, stdin=io.BytesIO("\n".join(map(json.dumps, rows_of(conversation))).encode()))
    assert len(place.messages()) == len(messages)
    assert place.snapshot() == before

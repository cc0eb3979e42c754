"""Langfuse's connector against the simulated vendor: pages and cursors that move, late records, sessions named later."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from places import Place, fault
from scripted import Answer, scripted
from toolbox import rows

from sandbox.small_firm import AI, at, by_ai, conversation, firm, message
from touchstone.errors import ConfigurationError, SourceError
from touchstone.sandbox.ai_turns import ai_turns
from touchstone.sandbox.api import SandboxOptions, langfuse_ids, serve_here
from touchstone.sandbox.model import Answer as Said
from touchstone.sandbox.model import Event
from touchstone.sources.langfuse import connector as module
from touchstone.sources.langfuse.connector import LangfuseConnector
from touchstone.sources.options import parsed

APIS = ("v3", "v4")


class LangfusePlace(Place):
    source_name = "langfuse"
    plenty: dict[str, float] = {"default": 600_000}  # noqa: RUF012

    def defaults(self) -> dict[str, Any]:
        return {"base_url": f"{self.sandbox.url}/langfuse", "start": "2026-03-02"}

    def connector(self, *streams: str) -> LangfuseConnector:
        return LangfuseConnector()

    def secrets(self) -> dict[str, str]:
        known = self.sandbox.credentials.langfuse
        return {"public_key": known.public_key, "secret_key": known.secret_key}


def company(count: int = 30, **fields: Any):
    """So many conversations with an AI agent, a quarter of an hour apart."""
    begun = at(27)
    return firm([by_ai(number, begun + timedelta(minutes=15 * number), **fields) for number in range(1, count + 1)])


def trace_ids(company) -> set[str]:
    return {langfuse_ids.trace_id(turn) for turn in ai_turns(company, "zendesk")}


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    monkeypatch.setattr(module, "PER_PAGE", 7)


@pytest.mark.parametrize("api", APIS)
def test_all_traces_observations_and_scores_land_once(warehouse, api):
    made = company()
    made.conversations[3].events.append(Event("rate", at(28), value=5, text="fine"))
    with serve_here(made, SandboxOptions(clock=at(29), vendors=("langfuse",))) as sandbox:
        place = LangfusePlace(warehouse, sandbox, api=api)
        place.run()
        again = place.run()
    assert set(place.payloads("traces")) == trace_ids(made)
    assert len(place.payloads("observations")) == 30 * 4
    scores = place.payloads("scores")
    assert {one["name"] for one in scores.values()} == {"csat", "thumbs"}
    assert set(place.interactions("scores").values()) == {
        "session:session-cnv-000004",
        langfuse_ids.trace_id(ai_turns(made, "zendesk")[3]),
    }
    assert again.rows_inserted == again.rows_updated == 0
    assert place.query("select count(*) from raw_langfuse.traces_history where instance = %s") == [(0,)]


@pytest.mark.parametrize("api", APIS)
def test_a_run_that_is_killed_goes_on_at_its_page(warehouse, api):
    """T6, T8: every page is a checkpoint."""
    made = company()
    with serve_here(made, SandboxOptions(clock=at(29), vendors=("langfuse",))) as sandbox:
        place = LangfusePlace(warehouse, sandbox, api=api, start="2026-03-28")
        pages = 24 if api == "v3" else 9
        place.run_until(pages)
        asked = sum(len(place.asked(f"langfuse.{name}")) for name in ("traces", "observations", "observations_v2"))
        place.run()
        total = sum(len(place.asked(f"langfuse.{name}")) for name in ("traces", "observations", "observations_v2"))
    assert set(place.payloads("traces")) == trace_ids(made)
    assert len(place.payloads("observations")) == 120
    whole = {"v3": 9 + 5 + 9 + 17 + 9, "v4": 18}[api]
    assert asked <= pages + 1
    assert total <= whole + 4


@pytest.mark.parametrize("api", APIS)
def test_what_shows_late_and_changes_later_arrives(warehouse, api):
    """T11, T17, T21: traces show after their time, and get their output later still."""
    late = conversation(
        1,
        [
            message(1, 1, at(10)),
            message(1, 2, at(10, seconds=4), "Done", AI, answer=Said(0.9, "refund"), visible_at=at(10, hours=5)),
        ],
    )
    other = by_ai(2, at(11))
    made = firm([late, other, by_ai(3, at(12))])
    traps = {"langfuse_late_seconds": 36 * 3600}
    with serve_here(made, SandboxOptions(clock=at(10, hours=1), vendors=("langfuse",), traps=traps)) as sandbox:
        place = LangfusePlace(warehouse, sandbox, api=api)
        place.run()
        (open_one,) = place.payloads("traces").values()
        assert open_one["output"] is None
        # the second trace shows a day and a half after it began, when the third one is long read
        sandbox.move_clock(at(12, hours=1))
        place.run()
        assert len(place.payloads("traces")) == 2
        sandbox.move_clock(at(12, hours=13))
        place.run()
    assert set(place.payloads("traces")) == trace_ids(made)
    assert all("Done" in str(one["output"]) for one in place.payloads("traces").values())


@pytest.mark.parametrize("api", APIS)
def test_a_session_that_is_named_later_takes_its_traces(warehouse, api):
    made = firm([by_ai(1, at(10)), by_ai(2, at(10))])
    traps = {"langfuse_session_late_seconds": 3600}
    with serve_here(made, SandboxOptions(clock=at(10, minutes=9), vendors=("langfuse",), traps=traps)) as sandbox:
        place = LangfusePlace(warehouse, sandbox, api=api)
        place.run()
        first = langfuse_ids.trace_id(ai_turns(made, "zendesk")[0])
        assert sorted(place.interactions("traces").values()) == sorted([first, "session-cnv-000002"])
        sandbox.move_clock(at(10, hours=2))
        place.run()
    assert sorted(place.interactions("traces").values()) == ["session-cnv-000001", "session-cnv-000002"]


def test_a_cursor_that_is_known_no_more_begins_its_walk_again(warehouse):
    made = company()
    with serve_here(made, SandboxOptions(clock=at(29), vendors=("langfuse",))) as sandbox:
        place = LangfusePlace(warehouse, sandbox)
        place.run_until(3)
        rows(
            warehouse,
            "update ops.cursors set state = jsonb_set(state, '{walk,cursor}', '\"forgotten\"')"
            " where instance = %s returning 1",
            place.instance,
        )
        result = place.run()
    assert "knows its cursor no more" in result.detail["warnings"][0]
    assert set(place.payloads("traces")) == trace_ids(made)


def test_cursors_that_are_all_refused_end_the_stream(warehouse):
    """One that an earlier run left is given up once; a run does not begin its walk again and again."""

    def answer(asked):
        if "scores" in asked.path:
            return Answer({"data": [], "meta": {}})
        if "cursor" in asked.query:
            return Answer({"message": "invalid cursor"}, status=400)
        return Answer({"data": [{"id": "a", "traceId": "t1"}], "meta": {"cursor": f"c{len(api.asked)}"}})

    def asked_for() -> list[str | None]:
        found = [one.query.get("cursor") for one in api.asked if "scores" not in one.path]
        api.asked.clear()
        return found

    with (
        serve_here(firm(), SandboxOptions(clock=at(28), vendors=("langfuse",))) as sandbox,
        scripted(answer) as api,
    ):
        place = LangfusePlace(warehouse, sandbox, base_url=api.url)
        for expected in ([None, "c1"], ["c1", None, "c2"]):
            with pytest.raises(SourceError, match="invalid cursor"):
                place.run()
            assert asked_for() == expected


def test_a_cursor_that_stands_still_ends_the_stream(warehouse):
    """T2."""
    with serve_here(
        company(), SandboxOptions(clock=at(29), vendors=("langfuse",), traps={"langfuse_same_cursor": True})
    ) as sandbox:
        place = LangfusePlace(warehouse, sandbox)
        with pytest.raises(SourceError, match="stands still"):
            place.run()
        assert len(place.asked("langfuse.observations_v2")) == 2


def test_records_that_leave_while_a_day_is_read_lose_no_other(warehouse):
    """A deleted trace moves all behind it one place up: the day is read again."""
    ids = [f"t{number}" for number in range(20)]

    def answer(asked):
        if not asked.path.endswith("/traces"):
            return Answer({"data": [], "meta": {"page": 1, "limit": 7, "totalItems": 0, "totalPages": 0}})
        if not asked.query["fromTimestamp"].startswith("2026-03-29"):
            return Answer({"data": [], "meta": {"page": 1, "limit": 7, "totalItems": 0, "totalPages": 0}})
        page = int(asked.query["page"])
        if page == 2 and "t0" in ids:
            ids.remove("t0")
        shown = ids[(page - 1) * 7 : page * 7]
        data = [{"id": one, "timestamp": "2026-03-29T10:00:00Z", "sessionId": None} for one in shown]
        return Answer({"data": data, "meta": {"page": page, "limit": 7, "totalItems": len(ids), "totalPages": 3}})

    with (
        serve_here(firm(), SandboxOptions(clock=at(28), vendors=("langfuse",))) as sandbox,
        scripted(answer) as api,
    ):
        place = LangfusePlace(warehouse, sandbox, api="v3", base_url=api.url, start="2026-03-29")
        place.run()
    # the one that left was seen before it did; the eighth had moved to a page that was read already
    assert set(place.payloads("traces")) == {"t0", *ids}


def of_traces(asked, day: str, records: list[dict[str, Any]], said: int | None = None) -> Answer:
    """One page of a day of traces that holds these; other days and lists hold nothing."""
    found = records if asked.path.endswith("/traces") and asked.query["fromTimestamp"].startswith(day) else []
    total = said if said is not None and found is records else len(found)
    return Answer({"data": found, "meta": {"page": 1, "limit": 7, "totalItems": total, "totalPages": 1}})


def test_a_day_that_says_that_it_holds_more_than_it_does_is_told_and_passed_over(warehouse):
    days: list[str] = []

    def answer(asked):
        if asked.path.endswith("/traces"):
            days.append(asked.query["fromTimestamp"][:10])
        held = [{"id": name, "timestamp": "2026-03-29T10:00:00Z", "sessionId": None} for name in ("a", "b")]
        return of_traces(asked, "2026-03-29", held, said=5)

    with (
        serve_here(firm(), SandboxOptions(clock=at(28), vendors=("langfuse",))) as sandbox,
        scripted(answer) as api,
    ):
        place = LangfusePlace(warehouse, sandbox, api="v3", base_url=api.url, start="2026-03-29")
        result = place.run()
    assert set(place.payloads("traces")) == {"a", "b"}
    assert (days.count("2026-03-28"), days.count("2026-03-29"), days.count("2026-03-30")) == (1, 2, 1)
    assert result.detail["warnings"] == [
        "/api/public/traces of 2026-03-29 says that it holds 5 records, and holds the same 2 twice"
    ]
    assert place.cursor("traces") == {"newest": "2026-03-29T10:00:00+00:00"}


def test_a_day_that_holds_others_in_every_reading_and_fewer_than_it_says_fails(warehouse):
    def answer(asked):
        held = [{"id": f"t{len(api.asked)}", "timestamp": "2026-03-29T10:00:00Z"}]
        return of_traces(asked, "2026-03-29", held, said=3)

    with (
        serve_here(firm(), SandboxOptions(clock=at(28), vendors=("langfuse",))) as sandbox,
        scripted(answer) as api,
    ):
        place = LangfusePlace(warehouse, sandbox, api="v3", base_url=api.url, start="2026-03-29")
        with pytest.raises(SourceError, match="states fewer records than it says: '1 of 3'"):
            place.run()
    assert len(place.payloads("traces")) == 4


def test_what_shows_between_a_kill_and_the_run_that_goes_on_is_not_lost(warehouse):
    """A day that was read before the kill is read again by the run after, however late that one goes on."""
    shown = [{"id": "early", "timestamp": "2026-03-20T01:00:00Z", "sessionId": None}]

    def answer(asked):
        since = asked.query.get("fromTimestamp", "")[:10]
        return of_traces(asked, since, [one for one in shown if one["timestamp"].startswith(since)])

    with (
        serve_here(firm(), SandboxOptions(clock=at(19, hours=12), vendors=("langfuse",))) as sandbox,
        scripted(answer) as api,
    ):
        place = LangfusePlace(warehouse, sandbox, api="v3", base_url=api.url, start="2026-03-20")
        place.run_until(8)  # a page for each day from the 13th to the 20th
        assert set(place.payloads("traces")) == {"early"}
        shown.append({"id": "late", "timestamp": "2026-03-20T23:00:00Z", "sessionId": None})
        shown.append({"id": "new", "timestamp": "2026-03-30T09:00:00Z", "sessionId": None})
        sandbox.move_clock(at(28, hours=12))
        place.run()
        assert place.cursor("traces") == {"newest": at(19, hours=12).isoformat()}
        place.run()
        assert set(place.payloads("traces")) == {"early", "late", "new"}
        assert place.cursor("traces") == {"newest": "2026-03-30T09:00:00+00:00"}


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
@pytest.mark.parametrize("per_page", [1, 4])
def test_of_several_roots_the_applications_first_one_is_the_trace(warehouse, order, per_page):
    """The span of HTTP around an application has no parent either; the SDK marks what the application began."""
    roots = [
        root("http", "10:00:00.000", None, isRootObservation=True),
        root("app", "10:00:01.000", "hidden", isRootObservation=True, input="where is it", sessionId="talk"),
        root("app-2", "10:00:02.000", "hidden", isRootObservation=True),
        root("plain", "09:00:00.000", None),
    ]
    listed = [roots[number] for number in order]

    def answer(asked):
        if "scores" in asked.path:
            return Answer({"data": [], "meta": {}})
        begin = int(asked.query.get("cursor", 0))
        following = {"cursor": str(begin + per_page)} if begin + per_page < len(listed) else {}
        return Answer({"data": listed[begin : begin + per_page], "meta": following})

    with (
        serve_here(firm(), SandboxOptions(clock=at(28), vendors=("langfuse",))) as sandbox,
        scripted(answer) as api,
    ):
        place = LangfusePlace(warehouse, sandbox, base_url=api.url)
        for _ in range(2):
            place.run()
            assert [one["id"] for one in place.payloads("traces").values()] == ["app"]
            assert place.interactions("traces") == {"t1": "talk"}
        assert len(place.payloads("observations")) == 4
        # what it says later replaces what it said
        roots[1]["output"] = "here"
        place.run()
        assert [one.get("output") for one in place.payloads("traces").values()] == ["here"]


@pytest.mark.parametrize("is_reversed", [False, True])
def test_of_roots_that_nobody_marks_the_first_one_is_the_trace(warehouse, is_reversed):
    roots = [root("first", "10:00:00.000", None), root("second", "10:00:01.000", None), root("undated", "", None)]
    listed = roots[::-1] if is_reversed else roots
    with (
        serve_here(firm(), SandboxOptions(clock=at(28), vendors=("langfuse",))) as sandbox,
        scripted(lambda asked: Answer({"data": [] if "scores" in asked.path else listed, "meta": {}})) as api,
    ):
        place = LangfusePlace(warehouse, sandbox, base_url=api.url)
        place.run()
        assert [one["id"] for one in place.payloads("traces").values()] == ["first"]


def root(name: str, begun: str, parent: str | None, **more: Any) -> dict[str, Any]:
    moment = f"2026-03-29T{begun}Z"
    return {"id": name, "traceId": "t1", "startTime": moment, "parentObservationId": parent, "sessionId": None, **more}


def test_a_moment_that_is_yet_to_come_does_not_move_the_state(warehouse):
    def answer(asked):
        if "scores" in asked.path:
            return Answer({"data": [], "meta": {"limit": 50}})
        data = [
            {"id": "a", "traceId": "t1", "startTime": "2031-01-01T00:00:00Z", "parentObservationId": None},
            {"id": "b", "traceId": "t2", "startTime": "2026-03-29T00:00:00Z", "parentObservationId": None},
            {"id": None, "traceId": "t3", "startTime": "2026-03-29T00:00:00Z", "parentObservationId": "x"},
        ]
        return Answer({"data": data, "meta": {}})

    with (
        serve_here(firm(), SandboxOptions(clock=at(28), vendors=("langfuse",))) as sandbox,
        scripted(answer) as api,
    ):
        place = LangfusePlace(warehouse, sandbox, base_url=api.url)
        result = place.run()
        assert place.cursor("observations") == {"newest": "2026-03-29T00:00:00+00:00"}
        assert result.rows_quarantined == 1
        assert result.rows_in == result.rows_inserted + result.rows_quarantined


def test_characters_that_cannot_be_stored_are_replaced(warehouse):
    """T24."""
    made = firm([conversation(1, [message(1, 5, at(10), "a text"), message(1, 6, at(10, seconds=5), "Done", AI)])])
    traps = {"drift": {"nul_and_surrogates": True, "new_field": True}}
    with serve_here(made, SandboxOptions(clock=at(11), vendors=("langfuse",), traps=traps)) as sandbox:
        place = LangfusePlace(warehouse, sandbox)
        result = place.run()
    (landed,) = place.payloads("traces").values()
    assert "a t\ufffdext\ufffd" in landed["input"]
    assert result.replaced_characters > 0


def test_long_metadata_comes_whole_where_a_field_names_it(warehouse):
    made = firm([by_ai(1, at(10))])
    with serve_here(made, SandboxOptions(clock=at(11), vendors=("langfuse",))) as sandbox:
        cut = LangfusePlace(warehouse, sandbox)
        cut.run()
        whole = LangfusePlace(warehouse, sandbox, fields={"intent": "metadata.prompt_notes"})
        whole.run()
    assert [len(one["metadata"]["prompt_notes"]) for one in cut.payloads("traces").values()] == [200]
    assert [len(one["metadata"]["prompt_notes"]) for one in whole.payloads("traces").values()] == [440]


@pytest.mark.parametrize(("api", "other"), [("v3", "v4"), ("v4", "v3")])
def test_the_wrong_generation_of_the_api_says_what_to_write(warehouse, api, other):
    traps = {"langfuse_api": other}
    with serve_here(firm(), SandboxOptions(clock=at(11), vendors=("langfuse",), traps=traps)) as sandbox:
        place = LangfusePlace(warehouse, sandbox, api=api)
        verdicts = place.check()
        assert all("no such endpoint" in line and "`api: v3`" in line for line in verdicts.values())
        right = LangfusePlace(warehouse, sandbox, api=other).check()
    assert set(right.values()) == {None}


def test_wrong_keys_are_one_line(warehouse):
    with serve_here(firm(), SandboxOptions(clock=at(11), vendors=("langfuse",))) as sandbox:
        place = LangfusePlace(warehouse, sandbox)
        verdicts = place.check({"public_key": "pk", "secret_key": "wrong"})
    assert list(verdicts.values()) == [
        "Langfuse does not accept the keys: '401'. Check public and secret key, and the region of `base_url`."
    ]


def test_a_limit_is_waited_out(warehouse):
    """T7."""
    with serve_here(company(3), SandboxOptions(clock=at(29), vendors=("langfuse",))) as sandbox:
        sandbox.control("traps", faults=[fault("rate_limited", "langfuse.*", skip=1, retry_after=0.05)])
        place = LangfusePlace(warehouse, sandbox)
        result = place.run()
    assert result.detail["repeated_requests"] == 1
    assert len(place.payloads("traces")) == 3


@pytest.mark.parametrize("api", APIS)
def test_a_backfill_reads_an_interval_and_leaves_the_cursors(warehouse, api):
    made = company(120)
    with serve_here(made, SandboxOptions(clock=at(29), vendors=("langfuse",))) as sandbox:
        place = LangfusePlace(warehouse, sandbox, api=api)
        day = at(28).date()  # the last 25 of them began on it
        place.run(interval=(day, day))
    moments = [one.get("timestamp") or one["startTime"] for one in place.payloads("traces").values()]
    assert len(moments) == 25
    assert {one[:10] for one in moments} == {day.isoformat()}
    assert place.cursor("observations") is None


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"tickets": "exclude"}, "needs `fields.ticket`"),
        ({"rating": {"score": "csat", "min": 5, "max": 1}}, "`max` above its `min`"),
        ({"fields": {"topic": "topic"}}, "fields.topic"),
    ],
)
def test_an_entry_that_cannot_work_says_why(more, what):
    with pytest.raises(ConfigurationError, match=what.replace("`", ".")):
        parsed({"source": "langfuse", "start": "2026-03-02", **more}, "the test's entry")

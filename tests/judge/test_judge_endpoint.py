"""The endpoint's faults: what may pass is asked again, what may not is said, and neither the secret nor the customer is."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from fastapi import Response
from judge_stand_in import USAGE, spoken, status

from touchstone.judge.endpoint import Endpoint, EndpointFault
from touchstone.judge.prompt import Prompt

SECRET = "sk-canary-8f2a"
CUSTOMER = "my parrot speaks Latin"
PROMPT = Prompt(
    [{"role": "system", "content": "Judge."}, {"role": "user", "content": CUSTOMER}],
    {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
)


@pytest.fixture
def complete(settings, store, run_id):
    """Ask the stand-in once, with changed settings."""

    def ask(**changes):
        with Endpoint(settings(**changes), store, run_id) as endpoint:
            return endpoint.complete(PROMPT)

    return ask


def fault_of(complete, **changes) -> EndpointFault:
    with pytest.raises(EndpointFault) as raised:
        complete(**changes)
    return raised.value


def tokens(store, run_id) -> int:
    return store.spent(f"run:{run_id}")[0]


def test_what_is_sent(complete, stand_in):
    stand_in.say(spoken("{}"))
    assert complete().content == "{}"
    (asked,) = stand_in.asked
    assert asked.headers["authorization"] == f"Bearer {SECRET}"
    assert asked.body == {
        "model": "stand-in",
        "messages": PROMPT.messages,
        "max_tokens": 2000,
        "temperature": 0,
        "seed": 0,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "verdicts", "strict": True, "schema": PROMPT.schema},
        },
    }


def test_what_is_sent_to_another_dialect(complete, stand_in):
    stand_in.say(spoken("{}"))
    complete(
        response_format="json_object", output_limit="max_completion_tokens", parameters={"top_p": 0.1}, api_key=None
    )
    (asked,) = stand_in.asked
    assert "authorization" not in asked.headers
    assert asked.body.keys() == {"model", "messages", "max_completion_tokens", "top_p", "response_format"}
    assert asked.body["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    "broken",
    [
        status(429, {"code": "rate_limit_exceeded"}),
        status(500),
        status(503),
        status(408),
        Response(b'{"choices": [{"message": {"cont', media_type="application/json"),
        Response(b"<html>down for maintenance</html>", media_type="text/html"),
        {"choices": []},
        {"choices": [{"message": "hello"}]},
        [],
    ],
    ids=["429", "500", "503", "408", "cut", "HTML", "no choice", "no message", "a list"],
)
def test_what_may_pass_is_asked_again_and_then_given_up(complete, stand_in, broken):
    stand_in.say(broken, broken, spoken("{}"))
    assert complete().content == "{}"
    assert len(stand_in.asked) == 3
    stand_in.asked.clear()
    stand_in.say(broken)
    fault = fault_of(complete)
    assert (fault.why, fault.ends_run) == ("unavailable", False)
    assert "4 times" in str(fault)
    assert len(stand_in.asked) == 4


def test_no_answer_in_time_is_asked_again_and_its_cost_stays_held(complete, stand_in, store, run_id):
    slow = lambda: time.sleep(0.6) or spoken("{}")  # noqa: E731
    stand_in.say(slow, spoken("{}"))
    assert complete(timeout_seconds=0.3).content == "{}"
    assert len(stand_in.asked) == 2
    assert tokens(store, run_id) > 2000 + USAGE["total_tokens"]


def test_a_closed_port_is_unavailable_and_costs_nothing(complete, store, run_id):
    fault = fault_of(complete, base_url="http://127.0.0.1:9/v1")
    assert (fault.why, str(fault)) == ("unavailable", "no connection, 4 times")
    assert tokens(store, run_id) == 0


def test_a_stated_pause_is_kept_and_not_beyond_what_a_request_may_wait(complete, stand_in):
    stand_in.say(status(429, **{"Retry-After": "0.4"}), spoken("{}"))
    complete()
    assert stand_in.asked[1].at - stand_in.asked[0].at >= 0.4
    stand_in.asked.clear()
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    for stated in ("3600", later, "inf"):
        stand_in.say(status(429, **{"Retry-After": stated}))
        started = time.monotonic()
        fault = fault_of(complete)
        assert fault.why == "unavailable"
        assert "asks to wait" in str(fault)
        assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("answer", "why", "ends_run", "said"),
    [
        (status(401, {"message": f"wrong key {SECRET}", "code": "invalid_api_key"}), "rejected", True, "credentials"),
        (status(403), "rejected", True, "credentials"),
        (status(404, {"message": "no such model", "code": "model_not_found"}), "rejected", True, "model_not_found"),
        (status(400, {"message": f"bad: {CUSTOMER}", "code": "invalid_request"}), "rejected", False, "400"),
        (status(429, {"code": "insufficient_quota"}), "rejected", True, "no quota"),
        (status(400, {"code": "context_length_exceeded"}), "too_long", False, "too long"),
        (status(400, {"code": "content_filter"}), "refused", False, "filter"),
        (status(302, **{"Location": "http://127.0.0.1:9/"}), "rejected", False, "302"),
        (spoken(None, refusal="I cannot."), "refused", False, "refuses"),
        (spoken("", finish_reason="content_filter"), "refused", False, "refuses"),
        (spoken('{"verd', finish_reason="length"), "unreadable", False, "longer than 2000"),
        (spoken(None, tool_calls=[{"id": "1"}]), "unreadable", False, "not text"),
        (spoken("{}", function_call={"name": "refund"}), "unreadable", False, "not text"),
        (spoken(None), "unreadable", False, "not text"),
    ],
)
def test_what_does_not_pass_is_said_once_without_secret_and_customer(
    complete, stand_in, caplog, answer, why, ends_run, said
):
    stand_in.say(answer)
    with caplog.at_level(logging.DEBUG):
        fault = fault_of(complete)
    assert (fault.why, fault.ends_run) == (why, ends_run)
    assert said in str(fault)
    assert len(stand_in.asked) == 1
    for text in (str(fault), repr(fault), caplog.text):
        assert SECRET not in text
        assert CUSTOMER not in text
    assert SECRET not in fault.said


def test_a_secret_that_is_sent_back_as_a_code_is_not_shown(complete, stand_in):
    stand_in.say(status(400, {"code": "skcanary8f2a", "message": "no"}))
    assert "skcanary8f2a" not in str(fault_of(complete, api_key="skcanary8f2a"))


def test_spending_is_what_the_endpoint_says_and_the_most_where_it_does_not(complete, stand_in, store, run_id):
    stand_in.say(spoken("{}"))
    assert complete().tokens == USAGE["total_tokens"]
    assert tokens(store, run_id) == USAGE["total_tokens"]
    for usage in (None, {}, {"prompt_tokens": -5, "completion_tokens": 1}, {"prompt_tokens": "7"}, [1, 2]):
        before = tokens(store, run_id)
        stand_in.say(spoken("{}", usage=usage))
        assert complete().tokens > 2000
        assert tokens(store, run_id) > before + 2000


def test_a_refused_request_costs_nothing(complete, stand_in, store, run_id):
    stand_in.say(status(500), status(401))
    fault_of(complete)
    assert tokens(store, run_id) == 0


# an answer costs 800 tokens or 0.0033; before it leaves, 500 tokens of output and every byte of the request are held
@pytest.mark.parametrize(
    ("caps", "said", "answers"),
    [
        ({"tokens_per_day": 3000}, "cap of the day: 2,400 of 3,000 tokens", 3),
        ({"tokens_per_run": 3000}, "cap of the run: 2,400 of 3,000 tokens", 3),
        ({"cost_per_run": 0.01}, "cap of the run: 800 of 1,000,000 tokens spent, 0.0033 of 0.0100 in money", 1),
        ({"cost_per_day": 0.02}, "cap of the day: 3,200 of 2,000,000 tokens spent, 0.0132 of 0.0200 in money", 4),
        ({"cost_per_run": 0.005}, "0.0000 of 0.0050 in money", 0),
        ({"tokens_per_run": 0}, "cap of the run: 0 of 0 tokens", 0),
    ],
)
def test_a_request_that_could_pass_a_cap_does_not_leave(complete, stand_in, caps, said, answers):
    stand_in.say(spoken("{}"))
    prices = {"input_price": 3.0, "output_price": 12.0}
    for _ in range(answers):
        complete(max_output_tokens=500, **prices, **caps)
    fault = fault_of(complete, max_output_tokens=500, **prices, **caps)
    assert (fault.why, fault.ends_run) == ("budget_spent", True)
    assert said in str(fault)
    assert len(stand_in.asked) == answers

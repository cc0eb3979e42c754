"""The judge beside the rules: what it says, what it cost, and why a row has a rule's verdict."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi import Response
from judge_stand_in import Asked, knowing, spoken, status, truths, verdict

from touchstone.judge.cases import Case, Judgement, Message, Question, Tier, Verdict
from touchstone.judge.judge import DISAGREEMENT, FAULTS, open_judge
from touchstone.judge.probe import conversations
from touchstone.judge.settings import JudgeSettings
from touchstone.judge.store import Store
from touchstone.text.redact import REDACTOR_VERSION, redact

CASES = conversations()
SECRET = "sk-canary-8f2a"


@pytest.fixture
def judged(settings, store, run_id) -> Callable[..., list[Judgement]]:
    """Judgements of cases, with changed settings."""

    def judge(cases: list[Case], *, held: Store = store, run: str = run_id, **changes) -> list[Judgement]:
        with open_judge(settings(**changes), held, run) as one:
            return one.judge(cases)

    return judge


def many(count: int) -> list[Case]:
    """Cases of different texts."""
    made = []
    for number in range(count):
        case = CASES[number % len(CASES)]
        messages = (
            *case.messages,
            replace(case.messages[-1], message_key=f"extra-{number}", text="Bye" + "!" * number),
        )
        made.append(replace(case, interaction_key=f"case-{number}", messages=messages))
    return made


def whys(judgements: list[Judgement]) -> set[str | None]:
    return {judgement.why for judgement in judgements}


def test_every_question_of_every_case_has_a_judgement_in_order_with_a_quote_that_is_the_text(judged, stand_in):
    stand_in.answer = knowing(CASES)
    cases = many(20)
    judgements = judged(cases, questions_per_request=2)
    expected = [(case.interaction_key, question.id) for case in cases for question in case.questions]
    assert [(one.interaction_key, one.question_id) for one in judgements] == expected
    assert len(stand_in.asked) == 20 * 3
    assert [len(asked.names) for asked in stand_in.asked].count(2) == 40
    texts = {(case.interaction_key, m.message_key): m.text for case in cases for m in case.messages}
    for one in judgements:
        held = one.verdict
        assert held is one.judge
        assert (held.evaluator_type, one.why, one.disagrees) == ("llm", None, False)
        assert held.evaluator_version.startswith("stand-in+")
        assert held.outcome == one.rule.outcome
        assert texts[one.interaction_key, held.message_key][held.start : held.end] == held.quote != ""
    row = judgements[0].row()
    assert row["judge_outcome"] == row["rule_outcome"] == row["outcome"] == "fails"
    assert json.dumps(row)


def test_every_request_has_a_mark_of_its_own(judged, stand_in):
    stand_in.answer = knowing(CASES)
    judged(many(5))
    assert len({asked.nonce for asked in stand_in.asked}) == 5


def test_several_interactions_are_asked_about_at_once_and_no_more_than_allowed(judged, stand_in):
    at_once = [0, 0]

    def slow(asked: Asked):
        at_once[0] += 1
        at_once[1] = max(at_once)
        time.sleep(0.05)
        at_once[0] -= 1
        return knowing(CASES)(asked)

    stand_in.answer = slow
    judged(many(12), concurrency=3)
    assert at_once[1] == 3


def test_it_is_off_by_default_and_nothing_leaves(stand_in, store, run_id):
    with open_judge(JudgeSettings(base_url=stand_in.url, model="m"), store, run_id) as judge:
        judgements = judge.judge(CASES)
    assert not stand_in.asked
    assert whys(judgements) == {"off"}
    assert [one.verdict for one in judgements] == [case.rules[q.id] for case in CASES for q in case.questions]


# --- the cache


def test_what_was_answered_once_is_not_asked_again(judged, stand_in):
    stand_in.answer = knowing(CASES)
    first = judged(CASES)
    assert not any(one.is_cached for one in first)
    asked = len(stand_in.asked)
    again = judged([replace(case, interaction_key=case.interaction_key + "-copy") for case in CASES])
    assert len(stand_in.asked) == asked
    assert all(one.is_cached for one in again)
    assert [one.verdict for one in again] == [one.verdict for one in first]


@pytest.mark.parametrize(
    ("change", "settings_change", "questions_asked"),
    [
        ("text", {}, 5),
        ("side", {}, 5),
        ("question", {}, 1),
        (None, {"model": "other"}, 5),
        (None, {"response_format": "json_object"}, 5),
        (None, {"timeout_seconds": 4}, 0),
    ],
)
def test_what_changed_is_asked_again_and_nothing_else(judged, stand_in, change, settings_change, questions_asked):
    stand_in.answer = lambda asked: spoken({"verdicts": {name: verdict("not_applicable") for name in asked.names}})
    case = CASES[0]
    judged([case])
    stand_in.asked.clear()
    if change == "text":
        case = replace(case, messages=(*case.messages[:-1], replace(case.messages[-1], text="Fine.")))
    elif change == "side":
        case = replace(case, subject="ai_agent")
    elif change == "question":
        changed = replace(case.questions[2], statement="Says when the customer hears back.")
        case = replace(case, questions=(*case.questions[:2], changed, *case.questions[3:]))
    judged([case], **settings_change)
    assert sum(len(asked.names) for asked in stand_in.asked) == questions_asked


def test_an_answer_that_was_not_used_is_not_kept(judged, stand_in):
    stand_in.say(spoken("no JSON"))
    judged([CASES[0]])
    stand_in.answer = knowing(CASES)
    assert whys(judged([CASES[0]])) == {None}


# --- what may not leave


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (Message("m", "customer", "Write to jo@example.com", (), REDACTOR_VERSION), "holds personal data"),
        (Message("m", "customer", "Write to [EMAIL]", (), "rules-0"), "was not redacted by"),
        (
            Message("m", "customer", "Write to Jo", ({"type": "email", "start": 9, "end": 11},), REDACTOR_VERSION),
            "holds",
        ),
    ],
)
def test_unredacted_text_does_not_leave(judged, stand_in, caplog, message, said):
    case = replace(CASES[0], messages=(*CASES[0].messages, message))
    with caplog.at_level(logging.DEBUG):
        judgements = judged([case])
    assert not stand_in.asked
    assert whys(judgements) == {"not_redacted"}
    assert said in judgements[0].detail
    assert "example.com" not in judgements[0].detail + caplog.text
    assert judgements[0].verdict is case.rules["greets"]


def test_a_customer_who_is_quoted_in_a_rubric_does_not_leave(judged, stand_in):
    stand_in.answer = knowing(CASES)
    quoting = replace(
        CASES[0].questions[3],
        tiers=(*CASES[0].questions[3].tiers[:2], Tier("excellent", "Kind.", ("Call +49 30 1234567, Jo",))),
    )
    case = replace(CASES[0], questions=(*CASES[0].questions[:3], quoting), rules={})
    assert {one.question_id: one.why for one in judged([case])}["empathy"] == "not_redacted"
    assert "1234567" not in stand_in.asked[0].user
    assert len(stand_in.asked[0].names) == 3


def test_redacted_text_leaves(judged, stand_in):
    stand_in.answer = knowing(CASES)
    text, pii = redact("My card is 4111 1111 1111 1111, write to jo@example.com")
    assert len(pii) == 2
    case = replace(CASES[0], messages=(*CASES[0].messages, Message("m", "customer", text, pii, REDACTOR_VERSION)))
    assert whys(judged([case])) == {None}
    assert "[CREDIT_CARD]" in stand_in.asked[0].user


def test_a_long_interaction_stays_whole_and_with_the_rules(judged, stand_in):
    assert whys(judged(CASES, longest_interaction=100)) == {"too_long"}
    assert not stand_in.asked


# --- faults


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (status(500), "unavailable"),
        (status(429), "unavailable"),
        (status(401), "rejected"),
        (status(400), "rejected"),
        (Response(b'{"choices": [{"mess'), "unavailable"),
        (lambda: time.sleep(0.4) or status(500), "unavailable"),
        (spoken("Sorry, no."), "unreadable"),
        (spoken('{"verdicts": {"q1": {"outc'), "unreadable"),
        (spoken({"answers": {}}), "unreadable"),
        (spoken({"verdicts": {}}), "unreadable"),
        (spoken({"verdicts": {}, "approved": True}), "unreadable"),
        (spoken(None, refusal="No."), "refused"),
        (spoken({"verdicts": {f"q{n}": verdict("holds", 1, "not said") for n in (1, 2, 3)}}), "quote_not_found"),
    ],
)
def test_without_a_usable_answer_the_rule_counts_and_the_row_says_why(judged, stand_in, answer, why):
    stand_in.say(answer)
    case = replace(CASES[0], questions=CASES[0].questions[:3], rules={"greets": CASES[0].rules["greets"]})
    judgements = judged([case], attempts=2, timeout_seconds=0.2)
    assert whys(judgements) == {why}
    assert all(one.detail for one in judgements)
    assert [one.verdict for one in judgements] == [case.rules["greets"], None, None]
    assert [one.row()["evaluator_type"] for one in judgements] == ["rule", None, None]
    assert all(one.judge is None and one.disagrees is None for one in judgements)


def test_only_the_questions_without_a_usable_answer_are_asked_again_and_only_once(judged, stand_in):
    def half(asked: Asked):
        said = truths(asked, CASES)
        for name in said:
            if "trouble" in asked.names[name]:
                said[name]["quote"]["text"] = "not said"
        return spoken({"verdicts": said})

    stand_in.answer = half
    judgements = judged([CASES[1]])
    assert [len(asked.names) for asked in stand_in.asked] == [5, 2]
    assert {one.question_id: one.why for one in judgements if one.why} == {
        "names_trouble": "quote_not_found",
        "empathy": "quote_not_found",
    }


def test_an_endpoint_that_is_down_is_left_alone_and_that_is_said_once(judged, stand_in, caplog):
    stand_in.say(status(500))
    judgements = judged(many(30), attempts=2, concurrency=1)
    assert len(stand_in.asked) == 2 * FAULTS
    assert whys(judgements) == {"unavailable"}
    assert len([record for record in caplog.records if "stops for this run" in record.getMessage()]) == 1


def test_refused_credentials_end_the_requests_at_once_and_stay_secret(judged, stand_in, caplog):
    stand_in.say(status(401, {"message": f"{SECRET} is unknown"}))
    with caplog.at_level(logging.DEBUG):
        judgements = judged(many(30), concurrency=1)
    assert len(stand_in.asked) == 1
    assert whys(judgements) == {"rejected"}
    assert SECRET not in caplog.text + str(judgements)


def test_conversations_that_a_model_refuses_do_not_end_the_run(judged, stand_in):
    stand_in.say(spoken(None, refusal="No."))
    judged(many(10), concurrency=1)
    assert len(stand_in.asked) == 10


def test_a_spent_budget_stops_the_judge_and_says_so_and_the_next_run_goes_on(judged, stand_in, caplog, run_id):
    stand_in.answer = knowing(CASES)
    cases = many(30)
    judgements = judged(cases, tokens_per_run=20_000, concurrency=2)
    answered = len(stand_in.asked)
    assert 0 < answered < 30
    spent = [one for one in judgements if one.why]
    assert len(spent) == (30 - answered) * 5
    assert whys(spent) == {"budget_spent"}
    assert "of 20,000 tokens spent" in spent[0].detail
    assert len([record for record in caplog.records if "stops for this run" in record.getMessage()]) == 1
    assert whys(judged(cases, tokens_per_run=20_000, run=run_id)) == {None, "budget_spent"}
    assert whys(judged(cases, run=f"{run_id}-next")) == {None}


def test_a_run_that_was_killed_pays_for_nothing_twice(judged, stand_in):
    stand_in.answer = knowing(CASES)
    judged(many(10))
    judgements = judged(many(20))
    assert sum(one.is_cached for one in judgements) == 50
    assert len(stand_in.asked) == 20


# --- disagreement


def ask_one(judged, stand_in, question: Question, said, rule, **changes) -> Judgement:
    stand_in.say(spoken({"verdicts": {"q1": verdict(said, 1, "Look")}}))
    case = replace(CASES[0], questions=(question,), rules={question.id: Verdict(rule, 0.5, "rule", "rules-1")})
    return judged([case], **changes)[0]


def test_a_disagreement_is_flagged_and_the_rule_counts_until_a_person_has_looked(judged, stand_in):
    one = ask_one(judged, stand_in, CASES[0].questions[0], "holds", "fails")
    assert (one.disagrees, one.why) == (True, "disagreement")
    assert one.verdict is one.rule
    assert (one.judge.outcome, one.judge.quote) == ("holds", "Look")
    row = one.row()
    assert (row["outcome"], row["judge_outcome"], row["rule_outcome"]) == ("fails", "holds", "fails")
    assert row["evaluator_type"] == "rule"


def test_the_judge_may_be_given_the_last_word(judged, stand_in):
    one = ask_one(judged, stand_in, CASES[0].questions[0], "holds", "fails", on_disagreement="judge")
    assert (one.disagrees, one.why) == (True, None)
    assert one.verdict is one.judge


@pytest.mark.parametrize(("said", "rule", "differs"), [(3.2, 3, False), (4, 3, True), (3, "not_applicable", True)])
def test_scores_disagree_from_a_tenth_of_their_scale_on(judged, stand_in, said, rule, differs):
    assert DISAGREEMENT == 0.1
    one = ask_one(judged, stand_in, Question("overall", "All in all.", scale=(1, 5)), said, rule)
    assert one.disagrees is differs

"""An answer counts only where it keeps to the schema and its quote is in the text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge_stand_in import verdict

from touchstone.errors import TouchstoneError
from touchstone.judge.answers import read
from touchstone.judge.cases import FAILS, HOLDS, NOT_APPLICABLE, Case, Message, Question, Tier
from touchstone.scoring.conversation import EVIDENCE_LENGTH

GREETS = Question("greets", "Greets.")
THANKED = Question("thanked", "The customer says thanks.", evidence_from="customer")
TONE = Question("tone", "Kind.", tiers=(Tier("poor", "Rude."), Tier("fair", "Polite."), Tier("good", "Warm.")))
OVERALL = Question("overall", "All in all.", scale=(1, 5))
TEXTS = [
    ("customer", "Grüße 👋🏽, my app is broken. Hello?"),
    ("human_agent", "Hello, hello! I'm sorry. " + "x" * 700),
    ("customer", "Thanks!"),
]
CASE = Case(
    "one",
    "human_agent",
    tuple(Message(f"m{number}", actor, text, (), "r") for number, (actor, text) in enumerate(TEXTS)),
    (GREETS, THANKED, TONE, OVERALL),
)


def one(question: Question, said: object):
    """The answer to a question that is asked alone, else why there is none."""
    accepted, rejected = read(json.dumps({"verdicts": {"q1": said}}), CASE, [question])
    assert len(accepted) + len(rejected) == 1
    return accepted.get(question.id) or rejected[question.id][0]


def test_a_quote_becomes_offsets_that_reproduce_it():
    answer = one(GREETS, verdict(HOLDS, 1, "hello! I'm"))
    assert (answer.outcome, answer.message) == (HOLDS, 1)
    assert TEXTS[1][1][answer.start : answer.end] == "hello! I'm"
    wide = one(GREETS, verdict(FAILS, 0, "👋🏽, my app"))
    assert TEXTS[0][1][wide.start : wide.end] == "👋🏽, my app"


def test_a_long_quote_is_cut_to_what_evidence_holds():
    answer = one(GREETS, verdict(HOLDS, 1, "sorry. " + "x" * 700))
    assert answer.end - answer.start == EVIDENCE_LENGTH


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (GREETS, verdict(HOLDS, 1, "Good morning")),
        (GREETS, verdict(HOLDS, 1, "HELLO")),
        (GREETS, verdict(HOLDS, 2, "Hello, hello!")),
        (GREETS, verdict(HOLDS, 0, "Hello?")),  # the customer's words prove nothing about the agent
        (THANKED, verdict(HOLDS, 1, "Hello")),
        (GREETS, verdict(HOLDS, 1, "")),
        (GREETS, verdict(HOLDS, 1, " ")),
        (GREETS, verdict(HOLDS, -1, "Thanks!")),
        (GREETS, verdict(HOLDS, 3, "Thanks!")),
        (GREETS, verdict(HOLDS, 10**17, "Thanks!")),
        (GREETS, verdict(HOLDS)),
        (GREETS, verdict(FAILS)),
        (OVERALL, verdict(4)),
    ],
)
def test_a_quote_that_is_not_where_it_must_be_is_rejected(question, said):
    assert one(question, said) == "quote_not_found"


def test_whose_words_may_prove_what():
    assert one(GREETS, verdict(FAILS, 0, "Hello?")).message == 0  # anyone's show that something failed
    assert one(THANKED, verdict(HOLDS, 2, "Thanks!")).message == 2
    assert one(GREETS, verdict(NOT_APPLICABLE)).message is None
    assert one(TONE, verdict("good", 1, "sorry")).outcome == "good"


@pytest.mark.parametrize(
    "said",
    [
        None,
        "holds",
        {},
        {"outcome": HOLDS, "confidence": 1},
        {**verdict(HOLDS, 1, "Hello"), "note": "extra"},
        {**verdict(HOLDS, 1, "Hello"), "outcome": "outstanding"},
        {**verdict(HOLDS, 1, "Hello"), "outcome": True},
        {**verdict(HOLDS, 1, "Hello"), "confidence": "high"},
        {**verdict(HOLDS, 1, "Hello"), "confidence": True},
        {**verdict(HOLDS, 1, "Hello"), "quote": "Hello"},
        {**verdict(HOLDS, 1, "Hello"), "quote": {"message": 1, "text": "Hello", "by": "agent"}},
        {**verdict(HOLDS, 1, "Hello"), "quote": {"message": 1.5, "text": "Hello"}},
    ],
)
def test_a_verdict_that_breaks_the_schema_is_rejected(said):
    assert one(GREETS, said) == "unreadable"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "I cannot help with that.",
        '{"verdicts": {"q1": {"outc',
        '```json\n{"verdicts": {}}\n```',
        "[]",
        "null",
        '{"verdicts": []}',
        json.dumps({"verdicts": {"q1": verdict(HOLDS, 1, "Hello")}, "approved": True}),
        json.dumps({"verdicts": {"q1": verdict(HOLDS, 1, "Hello"), "q2": {}}}),
        "[" * 5000,
        '{"verdicts": {"q1": {"outcome": "holds", "quote": null, "confidence": NaN}}}',
    ],
)
def test_an_answer_that_is_not_what_was_asked_for_costs_all_of_it(content):
    accepted, rejected = read(content, CASE, [GREETS])
    assert not accepted
    assert rejected["greets"][0] == "unreadable"


def test_one_bad_verdict_costs_its_own_question_only():
    said = {"q1": verdict(HOLDS, 1, "Hello"), "q2": verdict("maybe"), "q3": verdict("fair", 1, "no such words")}
    accepted, rejected = read(json.dumps({"verdicts": said}), CASE, CASE.questions)
    assert accepted.keys() == {"greets"}
    assert {name: why for name, (why, _) in rejected.items()} == {
        "thanked": "unreadable",
        "tone": "quote_not_found",
        "overall": "unreadable",
    }


@pytest.mark.parametrize(
    ("stated", "kept"), [(1000, 5.0), (-3, 1.0), (3, 3.0), (4.5, 4.5), (1e300, 5.0), (-(10**18), 1.0)]
)
def test_numbers_beyond_their_range_are_clamped(stated, kept):
    answer = one(OVERALL, verdict(stated, 1, "Hello", confidence=stated))
    assert answer.outcome == kept
    assert isinstance(answer.outcome, float)
    assert answer.confidence == min(max(stated, 0), 1)


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from([HOLDS, "good", "Hello"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["outcome", "quote", "confidence", "message", "text", "x"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["q1", "q2", "q3", "q4", "q5"]), json_like) | json_like, st.booleans())
def test_nothing_outside_of_the_schema_gets_through(said, wrapped):
    accepted, rejected = read(json.dumps({"verdicts": said} if wrapped else said), CASE, CASE.questions)
    assert accepted.keys() | rejected.keys() == {question.id for question in CASE.questions}
    assert not accepted.keys() & rejected.keys()
    for question in CASE.questions:
        if question.id in accepted:
            answer = accepted[question.id]
            share = question.share(answer.outcome)
            assert share is None or 0 <= share <= 1
            assert 0 <= answer.confidence <= 1


def test_a_question_that_cannot_be_answered_is_an_error():
    with pytest.raises(TouchstoneError, match="tiers of different names"):
        Question("a", "A", tiers=(Tier("x", ""), Tier("x", "")))
    with pytest.raises(TouchstoneError, match="tiers of different names"):
        Question("a", "A", tiers=(Tier("x", ""), Tier(NOT_APPLICABLE, "")))
    with pytest.raises(TouchstoneError, match="lowest score"):
        Question("a", "A", scale=(5, 1))
    with pytest.raises(TouchstoneError, match="ids of questions are unique"):
        Case("one", "human_agent", (), (GREETS, GREETS))
    with pytest.raises(TouchstoneError, match="judged side is one of"):
        Case("one", "customer", (), (GREETS,))

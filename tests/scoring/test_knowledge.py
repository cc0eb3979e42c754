"""Claims in replies against articles and policies of their time."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

from touchstone.errors import TouchstoneError
from touchstone.rubric import load_rubric
from touchstone.rubric.examples import START, conversation
from touchstone.scoring.context import Context
from touchstone.scoring.knowledge import Library, claims
from touchstone.scoring.scorer import ScoreFrames, score_batch
from touchstone.text.phrases import lower_in_place

RUBRIC = load_rubric()
CHANGED = datetime(2026, 1, 4, tzinfo=UTC)
TEXTS = [
    ("refunds", "Refunds", "<p>A refund takes up to five working days.</p><p>Open Settings > Billing > Refunds.</p>", "article", "en", 1),
    ("limits", "Rate limits", "The API allows 600 requests per minute on every plan.", "article", "en", 1),
    ("returns", "Returns", "Customers may return items within 30 days. We never refund shipping costs.", "policy", "en", 1),
    ("ruck", "Erstattung", "Eine Erstattung dauert bis zu fünf Werktage.", "article", "de", 1),
]  # fmt: skip


def _library(rows: list[tuple] = TEXTS, **columns: list) -> Library:
    names = ["article_key", "title", "body", "kind", "language", "version"]
    return Library(pd.DataFrame(rows, columns=names).assign(**columns))


def _judge(reply: str, indicator: str = "grounded", *, said: str = "When is it done?", **more: object) -> tuple:
    context = Context(library=more.pop("library", None) or _library())
    interactions, messages = conversation([f"C: {said}", f"A: {reply}"], **more)
    frames: ScoreFrames = score_batch(interactions, messages, RUBRIC, context)
    outcome = frames.indicator_scores.set_index("indicator_id").loc[indicator, "outcome"]
    texts = dict(zip(messages["message_key"], messages["text"], strict=True))
    rows = frames.evidence[frames.evidence["indicator_id"] == indicator].itertuples()
    return outcome, [(texts[row.message_key][row.start_offset : row.end_offset], row.reference) for row in rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It takes up to 5 working days.", [("duration", "7200", "5 working days")]),
        ("within two hours", [("duration", "120", "two hours")]),
        ("innerhalb von zwei Wochen", [("duration", "20160", "zwei wochen")]),
        ("costs $1,200.50 or 1.200,50 €", [("money", "1200.5", "$1,200.50"), ("money", "1200.5", "1.200,50 €")]),
        ("a 15 % discount", [("percent", "15", "15 %")]),
        ("on 2026-03-01 or March 3", [("date", "2026-03-01", "2026-03-01"), ("date", "march 3", "march 3")]),
        ("open Settings > Billing", [("path", "open settings>billing", "open settings > billing")]),
        ("up to 25 users", [("count", "25 user", "25 users")]),
        ("nothing to see", []),
    ],
)
def test_claims(text: str, expected: list[tuple[str, str, str]]) -> None:
    lower = lower_in_place(text)
    assert [(one.kind, one.value, lower[one.start : one.end]) for one in claims(lower)] == expected


def test_a_supported_claim_names_its_article() -> None:
    assert _judge("Your refund takes up to 5 working days.") == ("holds", [("5 working days", "refunds@1")])


def test_another_value_is_a_fault() -> None:
    assert _judge("Your refund takes up to 3 weeks.") == ("fails", [("3 weeks", "refunds@1")])


def test_what_no_article_covers_is_left_alone() -> None:
    assert _judge("Your parcel weighs 3 kilograms and arrives within 2 days.") == ("not_applicable", [])


def test_the_customers_own_facts_are_no_claims() -> None:
    assert _judge("A refund after 3 weeks is late, I agree.", said="My refund takes 3 weeks!")[0] == "not_applicable"


def test_articles_in_the_customers_language() -> None:
    said = "Wie lange dauert die Erstattung noch, bitte?"
    assert _judge("Die Erstattung dauert fünf Werktage.", said=said, language="de") == (
        "holds",
        [("fünf Werktage", "ruck@1")],
    )


def test_a_policy_is_contradicted_by_another_value_or_the_opposite() -> None:
    assert _judge("Customers may return items within 90 days.", "follows_policy") == (
        "fails",
        [("90 days", "returns@1")],
    )
    assert _judge("We refund shipping costs.", "follows_policy")[0] == "fails"
    assert _judge("We never refund shipping costs.", "follows_policy")[0] == "not_applicable"
    assert _judge("Customers may return items within 30 days.", "follows_policy")[0] == "holds"


def test_a_reply_is_held_against_the_version_of_its_day() -> None:
    old = ("refunds", "Refunds", "A refund takes up to three weeks.", "article", "en", 1)
    new = ("refunds", "Refunds", "A refund takes up to five working days.", "article", "en", 2)
    library = _library([old, new], valid_from=[datetime(2025, 1, 1, tzinfo=UTC), CHANGED], valid_to=[CHANGED, None])
    assert CHANGED < START
    assert _judge("Your refund takes up to 5 working days.", library=library) == (
        "holds",
        [("5 working days", "refunds@2")],
    )
    library = _library([old, new], valid_from=[CHANGED, datetime(2027, 1, 1, tzinfo=UTC)], valid_to=[None, None])
    assert _judge("Your refund takes up to 5 working days.", library=library) == (
        "fails",
        [("5 working days", "refunds@1")],
    )


def test_without_articles_it_does_not_apply() -> None:
    frames = score_batch(*conversation(["C: When?", "A: A refund takes 3 weeks."]), RUBRIC)
    outcomes = frames.indicator_scores.set_index("indicator_id")["outcome"]
    assert (outcomes["grounded"], outcomes["follows_policy"]) == ("not_applicable", "not_applicable")


def test_a_frame_that_cannot_be_read_is_named() -> None:
    with pytest.raises(TouchstoneError, match="articles without a column: 'body'"):
        Library(pd.DataFrame({"article_key": ["a"], "title": ["b"]}))
    with pytest.raises(TouchstoneError, match="unknown kind of text: 'poem'"):
        _library([("a", "b", "c", "poem", "en", 1)])


def test_hostile_texts_cost_linear_time() -> None:
    for text in ("1 " * 100_000, "a > " * 100_000, "9" * 300_000, "a" * 300_000, "five " * 60_000, "1." * 100_000):
        claims(text)

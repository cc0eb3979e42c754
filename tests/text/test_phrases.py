"""Gaps in phrases, accents, and thousands of lists at the price of one."""

from __future__ import annotations

import time

import pytest

from touchstone.errors import ConfigurationError
from touchstone.text.phrases import WORD, PhraseMatcher, lower_in_place, segments


def _found(phrases: list[str], text: str) -> list[str]:
    lower = lower_in_place(text)
    return [
        text[start:end] for start, end in PhraseMatcher({"x": phrases}).find(lower, WORD.findall(lower)).get("x", [])
    ]


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("habe .. korrigiert", "Ich habe den Betrag für Sie korrigiert.", ["habe den Betrag für Sie korrigiert"]),
        ("habe .. korrigiert", "Ich habe korrigiert.", ["habe korrigiert"]),
        ("habe .. korrigiert", "Ich habe Zeit. Es wird korrigiert.", []),
        ("habe .. korrigiert", "habe eins zwei drei vier fünf sechs korrigiert", []),
        (
            "(will|shall) .. (you|us) .. (today|now)",
            "We will call back, you hear that now",
            ["will call back, you hear that now"],
        ),
        ("will .. unusual word", "I will send one unusual word", ["will send one unusual word"]),
        ("will .. unusual word", "I will send one unusual", []),
        ("señor", "Buenos dias senor", ["senor"]),
        ("grüße", "Viele GRÜSSE und Grüße", ["Grüße"]),
    ],
)
def test_gaps_and_accents(phrase: str, text: str, expected: list[str]) -> None:
    assert _found([phrase], text) == expected


@pytest.mark.parametrize("phrase", ["a ..", ".. a", "a..b", "(a .. b|c)"])
def test_a_gap_stands_between_words_outside_brackets(phrase: str) -> None:
    with pytest.raises(ConfigurationError, match="phrase"):
        segments(phrase)


def test_negation_counts_before_a_phrase_with_a_gap() -> None:
    matcher = PhraseMatcher({"x": ["solved .. problem"]}, ["x"])
    for text, count in (("that solved the whole problem", 1), ("that never solved the whole problem", 0)):
        assert len(matcher.find(text, WORD.findall(text)).get("x", [])) == count


def test_the_cost_hardly_depends_on_the_number_of_lists() -> None:
    text = lower_in_place(
        "Hello there, thank you for writing, I have checked the invoice and corrected it for you today. " * 5
    )
    words = WORD.findall(text)
    few = PhraseMatcher({"one": ["thank you for writing"]})
    many = PhraseMatcher(
        {f"list{number}": [f"phrase{number} (a|b) of word{number}", f"say .. thing{number}"] for number in range(5_000)}
        | {"one": ["thank you for writing"]}
    )

    def seconds(matcher: PhraseMatcher) -> float:
        best = float("inf")
        for _ in range(5):
            start = time.perf_counter()
            for _ in range(50):
                found = matcher.find(text, words)
            best = min(best, time.perf_counter() - start)
        assert len(found["one"]) == 5
        return best

    assert seconds(many) < 3 * seconds(few)

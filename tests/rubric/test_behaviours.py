"""Behaviour templates of users: what each kind of part finds, windows, order, faults with their line, and thousands at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from touchstone.errors import ConfigurationError
from touchstone.judge.judge import RulesOnly
from touchstone.rubric import Rubric, load_rubric
from touchstone.rubric.examples import conversation
from touchstone.scoring.context import Context
from touchstone.scoring.scorer import ScoreFrames, score_batch

HEAD = """  - id: {name}
    dimension: clarity
    title: A behaviour
    description: Something that is looked for.
"""
Make = Callable[..., Rubric]


SMALL = """
id: small
version: 1
title: Small
languages: [en, es, de]
approval: {status: approved, approved_by: test, approved_at: 2026-01-01}
tiers: {acceptable_from: 60, excellent_from: 85}
sentiment:
  {recovered_minimum: -0.2, recovered_end: 0.1, change: 0.2, neutral_band: 0.1, negative: -0.2, sustained_messages: 3,
  sharp_drop: 0.6, response_gap_minutes: {default: 60}}
dimensions:
  - id: clarity
    title: Clarity
    weight: 1
    owner: Somebody
    purpose: To be understood
    target_kpi: Clarifications
    tiers:
      {excellent: {description: a, example: a}, acceptable: {description: b, example: b}, needs_improvement: {description: c, example: c}}
phrase_lists:
  greeting: [hello]
indicators:
  - {id: short, version: 1, dimension: clarity, title: Short, description: Short, weight: 1, evaluator: rule, detector: not_longer_than,
    parameters: {max_words: {default: 50}}}
  - {id: greets, version: 1, dimension: clarity, title: Greets, description: Greets, weight: 1, evaluator: rule, detector: says,
    applies: {languages: [en]}, parameters: {phrases: greeting}}
include: [own.yml]
"""


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A small rubric with behaviours; each given as YAML without its head."""

    def made(*behaviours: str) -> Rubric:
        entries = [HEAD.format(name=f"own{number}") + text for number, text in enumerate(behaviours)]
        (tmp_path / "own.yml").write_text("behaviours:\n" + "\n".join(entries) + "\n")
        (tmp_path / "rubric.yml").write_text(SMALL)
        return load_rubric(tmp_path / "rubric.yml")

    return made


def _result(frames: ScoreFrames, messages: object, name: str = "own0") -> tuple[str, list[str]]:
    scores, evidence = frames.indicator_scores, frames.evidence
    texts = dict(zip(messages["message_key"], messages["text"], strict=True))
    outcome = scores[scores["indicator_id"] == name]["outcome"].item()
    rows = evidence[evidence["indicator_id"] == name].itertuples()
    return outcome, [texts[row.message_key][row.start_offset : row.end_offset] for row in rows]


def _judge(
    rubric: Rubric, says: list[str], context: Context | None = None, language: str = "en"
) -> tuple[str, list[str]]:
    interactions, messages = conversation(says, language=language)
    return _result(score_batch(interactions, messages, rubric, context), messages)


CASES = {
    "a phrase": ("    parts: [{phrases: [spare key]}]", ["C: x", "H: A spare key!"], "holds", ["spare key"]),
    "a phrase in no reply": ("    parts: [{phrases: [spare key]}]", ["C: spare key", "H: No."], "fails", []),
    "a regular expression": (
        "    parts: [{regex: 'STEP-[0-9]+'}]",
        ["C: x", "H: Große Güte, try step-1 and STEP-2."],
        "holds",
        ["step-1", "STEP-2"],
    ),
    "case matters where it is asked for": (
        "    parts: [{regex: '[A-Z]{2}-[0-9]+', case_sensitive: true}]",
        ["C: x", "H: it is ab-12 and AB-3."],
        "holds",
        ["AB-3"],
    ),
    "quoted words are not the agent's": (
        "    parts: [{regex: 'AB-3'}]",
        ["C: AB-3?", "H: No.\n\nOn Monday, Kim wrote:\n> AB-3?"],
        "fails",
        [],
    ),
    "personal data": ("    parts: [{pii: [email]}]", ["C: x", "H: Write to a@b.example"], "holds", ["[EMAIL]"]),
    "a marker of the customer": (
        "    parts: [{list: marker.gratitude, by: customer}]",
        ["C: x", "H: y", "C: Thanks a lot"],
        "holds",
        ["Thanks"],
    ),
    "all parts": (
        "    needs: all\n    parts: [{phrases: [alpha]}, {phrases: [beta]}]",
        ["C: x", "H: beta", "H: gamma"],
        "fails",
        [],
    ),
    "in order": (
        "    needs: in_order\n    parts: [{phrases: [alpha]}, {phrases: [beta]}]",
        ["C: x", "H: beta", "H: alpha", "H: alpha", "H: beta"],
        "holds",
        ["alpha", "beta"],
    ),
    "in the wrong order": (
        "    needs: in_order\n    parts: [{phrases: [alpha]}, {phrases: [beta]}]",
        ["C: x", "H: beta and alpha"],
        "fails",
        [],
    ),
    "in order with the nearest beginning": (
        "    needs: in_order\n    within_messages: 1\n    parts: [{phrases: [alpha]}, {phrases: [beta]}]",
        ["C: x", "H: alpha", "C: x", "H: alpha", "H: beta"],
        "holds",
        ["alpha", "beta"],
    ),
    "too far apart": (
        "    needs: in_order\n    within_messages: 1\n    parts: [{phrases: [alpha]}, {phrases: [beta]}]",
        ["C: x", "H: alpha", "C: x", "H: beta"],
        "fails",
        [],
    ),
    "across the sides": (
        "    needs: in_order\n    parts: [{phrases: [too dear], by: customer}, {phrases: [worth]}]",
        ["C: It is too dear", "H: It is worth it."],
        "holds",
        ["too dear", "worth"],
    ),
    "often enough": ("    at_least: 2\n    parts: [{phrases: [alpha]}]", ["C: x", "H: alpha"], "fails", []),
    "unwanted": ("    expect: absent\n    parts: [{phrases: [alpha]}]", ["C: x", "H: alpha"], "fails", ["alpha"]),
    "not there, as wanted": ("    expect: absent\n    parts: [{phrases: [alpha]}]", ["C: x", "H: beta"], "holds", []),
    "in the first seconds": (
        "    window: {first_seconds: 30}\n    parts: [{phrases: [alpha]}]",
        ["C: x", "H: Hi", "H +30s: alpha"],
        "holds",
        ["alpha"],
    ),
    "after the first seconds": (
        "    window: {first_seconds: 30}\n    parts: [{phrases: [alpha]}]",
        ["C: x", "H: Hi", "H +31s: alpha"],
        "fails",
        [],
    ),
    "in the first messages": (
        "    window: {first_messages: 2}\n    parts: [{phrases: [alpha]}]",
        ["C: x", "H: Hi", "C: y", "H: Hm", "H: alpha"],
        "fails",
        [],
    ),
    "in the last messages": (
        "    window: {last_messages: 1}\n    parts: [{phrases: [alpha]}]",
        ["C: x", "H: alpha", "C: y", "H: Hm"],
        "fails",
        [],
    ),
    "when it is due": (
        "    when: [{phrases: [too dear]}]\n    within_replies: 1\n    parts: [{phrases: [worth]}]",
        ["C: x", "H: worth it", "C: too dear", "H: Hm", "H: worth it"],
        "fails",
        [],
    ),
    "when it is not due": (
        "    when: [{phrases: [too dear]}]\n    parts: [{phrases: [worth]}]",
        ["C: x", "H: worth it"],
        "not_applicable",
        [],
    ),
    "for other channels": ("    applies: {channels: [email]}\n    parts: [{phrases: [a]}]", ["C: x", "H: a"], "not_applicable", []),
    "judges one side only": ("    subjects: [human_agent]\n    parts: [{phrases: [so]}]", ["C: x", "H: so"], "holds", ["so"]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "says", "outcome", "quotes"), CASES.values(), ids=CASES.keys())
def test_a_behaviour(make: Make, text: str, says: list[str], outcome: str, quotes: list[str]) -> None:
    assert _judge(make(text), says) == (outcome, quotes)


def test_wordings_by_language(make: Make) -> None:
    rubric = make("    parts: [{phrases: {en: [spare key], de: [zweitschlussel]}}]")
    assert _judge(rubric, ["C: Ich suche ihn", "H: Ein Zweitschlüssel!"], language="de")[0] == "holds"
    assert _judge(rubric, ["C: Busco", "H: zweitschlussel"], language="es")[0] == "not_applicable", "never mis-scored"


def test_wordings_like_examples(make: Make) -> None:
    rubric = make("    parts: [{similar_to: [please restart your computer], at_least: 0.6}]")
    says = "Thanks for waiting. Please reboot the computer now!"
    assert _judge(rubric, ["C: x", f"H: {says}"]) == ("holds", ["Please reboot the computer now"])
    assert _judge(rubric, ["C: x", "H: Your invoice was paid on Monday."])[0] == "fails"


def test_a_learned_classifier(make: Make) -> None:
    rubric = make("    parts: [{classifier: pain_mirror, at_least: 0.7}]")

    def model(texts: Sequence[str]) -> list[float]:
        return [0.9 if "hurts" in text else 0.1 for text in texts]

    context = Context(classifiers={"pain_mirror": model}, evaluator_versions={"model:pain_mirror": "v7"})
    says = ["C: x", "H: That hurts, I see."]
    interactions, messages = conversation(says)
    frames = score_batch(interactions, messages, rubric, context)
    assert _result(frames, messages) == ("holds", ["That hurts, I see."])
    row = frames.indicator_scores.set_index("indicator_id").loc["own0"]
    assert (row["evaluator_type"], row["evaluator_version"]) == ("model", "v7")
    other = Context(classifiers={"pain_mirror": model}, evaluator_versions={"model:pain_mirror": "v8"})
    again = score_batch(interactions, messages, rubric, other).indicator_scores.set_index("indicator_id")
    before = frames.indicator_scores.set_index("indicator_id")["indicator_version"]
    changed = before.index[before != again["indicator_version"]].tolist()
    assert changed == ["own0"], "a model that was trained again re-scores what asks it"
    with pytest.raises(ConfigurationError, match="behaviour own0 names a model that is not there: 'pain_mirror'"):
        score_batch(interactions, messages, rubric)


def test_a_judge_is_optional(make: Make) -> None:
    rubric = make("    parts: [{judge: Does it rhyme?}]")
    assert _judge(rubric, ["C: x", "H: A cat, a hat."])[0] == "not_applicable"


def test_without_a_judge_the_other_parts_decide(make: Make) -> None:
    rubric = make("    parts: [{judge: Does it rhyme?}, {phrases: [spare key]}]")
    interactions, messages = conversation(["C: x", "H: A spare key."])
    offline = score_batch(interactions, messages, rubric)
    row = offline.indicator_scores.set_index("indicator_id").loc["own0"]
    assert (row["outcome"], row["evaluator_type"]) == ("holds", "rule")
    judged = score_batch(interactions, messages, rubric, Context(judge=RulesOnly()))
    other = judged.indicator_scores.set_index("indicator_id").loc["own0"]
    assert (other["outcome"], other["evaluator_type"]) == ("holds", "rule")
    assert other["evaluator_version"].endswith("+judge:off")
    assert other["indicator_version"] != row["indicator_version"]
    together = make("    needs: all\n    parts: [{judge: Does it rhyme?}, {phrases: [spare key]}]")
    assert _judge(together, ["C: x", "H: A spare key."])[0] == "not_applicable"


FAULTS = {
    "no part": ("    parts: []", "empty list"),
    "two kinds": ("    parts: [{phrases: [a], regex: b}]", "not one kind of part"),
    "a look-ahead": ("    parts: [{regex: '(?=a)'}]", "the syntax is that of RE2"),
    "an empty match": ("    parts: [{regex: 'a*'}]", "matches the empty text"),
    "an open bracket": ('    parts: [{phrases: ["(a|b"]}]', "unbalanced"),
    "an unknown list": ("    parts: [{list: greetin}]", "Did you mean `greeting`"),
    "order of one": ("    needs: in_order\n    parts: [{phrases: [a]}]", "an order of one part"),
    "gap without order": ("    within_messages: 2\n    parts: [{phrases: [a]}]", "a gap without an order"),
    "two windows": ("    window: {first_seconds: 3, last_messages: 2}\n    parts: [{phrases: [a]}]", "not one limit"),
    "no window": ("    window: {first_second: 3}\n    parts: [{phrases: [a]}]", "Did you mean `first_seconds`"),
    "similarity of more than 1": ("    parts: [{similar_to: a b c, at_least: 1.5}]", "out of range"),
    "a threshold for phrases": ("    parts: [{phrases: [a], at_least: 2}]", "an entry that phrases does not have"),
    "no common language": ("    parts: [{phrases: {en: [a]}}, {phrases: {de: [b]}}]", "share no language"),
    "an unknown language": ("    parts: [{phrases: {fr: [a]}}]", "unknown entry"),
    "replies after nothing": ("    within_replies: 2\n    parts: [{phrases: [a]}]", "counted from nothing"),
    "negative weight": ("    weight: -1\n    parts: [{phrases: [a]}]", "out of range"),
}


@pytest.mark.parametrize(("text", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_names_the_line(make: Make, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        make("    parts: [{phrases: [fine]}]", text)
    assert 6 <= int(str(caught.value).split("own.yml, line ")[1].split(":")[0]) <= 13


def test_a_weight_counts_and_none_does_not(make: Make) -> None:
    says = ["C: x", "H: Hello, please open the menu and choose the first entry of it."]
    scores = []
    for weight in (0, 5):
        frames = score_batch(*conversation(says), make(f"    weight: {weight}\n    parts: [{{phrases: [absent]}}]"))
        scores.append(frames.dimension_scores.set_index("dimension_id").loc["clarity", "raw_score"])
    assert scores == [100.0, pytest.approx(100 * 2 / 7)]


HOSTILE = [
    "a" * 200_000,
    "\ufdd0x\ufdd1" * 10_000,
    "( [ { \\ $ ^ | * + ?" * 5_000,
    "\U0001f600" * 50_000,
    "",
    "\n" * 1000,
    "-" * 99_999,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_expressions_are_linear_and_offsets_right_on_hostile_texts(make: Make, text: str) -> None:
    rubric = make(r"    parts: [{regex: ['(a+)+$b', '(x|\x{fdd0})+', '.\z', '\bcat']}]")
    interactions, messages = conversation(["C: x", "H: y"])
    messages.loc[1, "text"] = text + " cat"
    start = time.perf_counter()
    outcome, quotes = _result(score_batch(interactions, messages, rubric), messages)
    assert time.perf_counter() - start < 5
    assert outcome == "holds"
    assert all(quote in text + " cat" for quote in quotes)


def test_thousands_of_behaviours_stay_fast(make: Make) -> None:
    def entry(number: int) -> str:
        if number % 3 == 0:
            return f"    parts: [{{regex: 'ticket-{number}[a-z]+'}}, {{phrases: [word{number} again]}}]"
        return f"    parts: [{{phrases: [(say|tell) thing{number}, 'have .. item{number}']}}]"

    few, many = make(entry(0)), make(*(entry(number) for number in range(2_000)))
    frames = conversation(["C: My app broke.", "H: I have checked it, ticket-3abc and item7."] * 100)

    def seconds(rubric: Rubric) -> float:
        score_batch(*frames, rubric)
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            result = score_batch(*frames, rubric)
            best = min(best, time.perf_counter() - start)
        assert len(result.indicator_scores) == sum("human_agent" in one.subjects for one in rubric.indicators)
        return best

    # 2,000 behaviours on 200 messages, 1,000 outcomes a message at the most: well under a tenth of a second each
    assert seconds(many) < seconds(few) + 0.4

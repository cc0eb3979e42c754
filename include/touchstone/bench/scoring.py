"""The whole scorer against TextBlob's sentiment alone, on the same messages."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from touchstone.bench.harness import Row, benchmark, compare
from touchstone.bench.sentiment import long_messages, short_turns, star_dialogues
from touchstone.rubric import load_rubric
from touchstone.scoring.scorer import score_batch
from touchstone.text.redact import redact_conversation
from touchstone.text.sentiment import forget

_BAR = 1.0
_INTERACTIONS = 1_500
_BATCH = 500
_SEED = 2_026
_START = datetime(2026, 1, 1, tzinfo=UTC)
_SPOKEN = {("User", "utter"): "customer", ("Wizard", "utter"): "ai_agent", ("Wizard", "pick_suggestion"): "ai_agent"}

Said = list[tuple[str, str]]


def star_conversations(path: Path) -> Iterator[Said]:
    """(actor, text) of the messages of each dialogue that has both sides."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            said = [
                (_SPOKEN[event["Agent"], event["Action"]], event["Text"])
                for event in json.loads(line)["Events"]
                if (event["Agent"], event["Action"]) in _SPOKEN
            ]
            if {actor for actor, _ in said} == {"customer", "ai_agent"}:
                yield said


def generated_conversations() -> Iterator[Said]:
    """Conversations of 4 to 12 generated messages, short and long ones in turns, the same in every run."""
    rng = random.Random(_SEED)  # noqa: S311 - repeatable, not secret
    texts = iter(
        [
            text
            for pair in zip(short_turns(6 * _INTERACTIONS), long_messages(6 * _INTERACTIONS), strict=True)
            for text in pair
        ]
    )
    for _ in range(_INTERACTIONS):
        agent = rng.choice(("human_agent", "ai_agent"))
        yield [(agent if number % 2 else "customer", next(texts)) for number in range(2 * rng.randint(2, 6))]


def frames(conversations: list[Said]) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Batches as the scorer gets them."""
    batches = []
    for first in range(0, len(conversations), _BATCH):
        headers, messages = [], []
        for number, said in enumerate(conversations[first : first + _BATCH], first):
            key = f"{number:032x}"
            headers.append((key, _START, "0" * 32, "chat", "en"))
            spoken = zip(said, redact_conversation(said), strict=True)
            for ordinal, ((actor, _), (redacted, pii)) in enumerate(spoken, 1):
                sent_at = _START + timedelta(minutes=ordinal)
                messages.append((key, f"{key}:{ordinal}", ordinal, actor, sent_at, redacted, pii, False, False))
        batches.append(
            (
                pd.DataFrame(
                    headers, columns=["interaction_key", "interaction_started_at", "input_hash", "channel", "language"]
                ),
                pd.DataFrame(
                    messages,
                    columns=[
                        "interaction_key",
                        "message_key",
                        "ordinal",
                        "actor",
                        "sent_at",
                        "text",
                        "pii",
                        "is_internal",
                        "is_automation",
                    ],
                ),
            )
        )
    return batches


def _compared(name: str, conversations: list[Said]) -> Iterator[Row]:
    from textblob import TextBlob

    conversations = conversations[:: -(-len(conversations) // _INTERACTIONS)]
    batches = frames(conversations)
    rubric = load_rubric()
    said = [
        (actor, text)
        for _, messages in batches
        for actor, text in zip(messages["actor"], messages["text"], strict=True)
    ]

    def candidate() -> None:
        forget()  # a filled memo would measure the second sight of every token
        for interactions, messages in batches:
            score_batch(interactions, messages, rubric)

    score_batch(*frames(conversations[:1])[0], rubric)  # both sides read lexicon and rubric once, before the clock runs
    _ = TextBlob("good").sentiment
    for of_whom, texts, bar in (
        ("the same messages", [text for _, text in said], _BAR),
        ("customers' messages only", [text for actor, text in said if actor == "customer"], None),
    ):

        def baseline(texts: list[str] = texts) -> None:
            for text in texts:
                _ = TextBlob(text).sentiment

        result = compare(baseline, candidate)
        yield Row(
            f"scoring: {name}, TextBlob on {of_whom}",
            value=len(said) / result.candidate_seconds,
            unit="messages/s/core",
            baseline=len(said) / result.baseline_seconds,
            ratio=result.ratio,
            bar=bar,
            holds=None if bar is None else result.ratio >= bar,
        )


@benchmark("scoring")
def rows() -> Iterator[Row]:
    """Scoring reads every message; TextBlob reads the same ones.

    The rows without a bar compare with sentiment of the customers' messages alone, which leaves out that indicators read
    the replies too.
    """
    path = star_dialogues()
    if path.exists():
        yield from _compared("star-dev", list(star_conversations(path)))
    else:
        yield Row("scoring: star-dev", bar=_BAR, reason=f"{path} is absent")
    yield from _compared("generated", list(generated_conversations()))

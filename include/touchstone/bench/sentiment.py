"""Sentiment in bulk against ``TextBlob(text).sentiment``: texts per second and core, and equality to the last bit."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from touchstone.bench import fuzz
from touchstone.bench.harness import Row, benchmark, compare
from touchstone.settings import get_settings
from touchstone.text.sentiment import forget, sentiment

_BAR = 10.0
_SAMPLE = 20_000
_FUZZED = 100_000
_SEED = 2_025

_OPENINGS = ("Hi there,", "Hello,", "Good morning!", "Hey :)", "To whom it may concern:", "")
_SHORT = (
    "Hi, I need to {want} please.",
    "My name is {name}.",
    "{name}, order {number}",
    "No, that's not what I asked.",
    "Yes please",
    "That's great, thank you so much!",
    "I'm not very happy with this, it's really slow.",
    "Can you tell me the price for {day}?",
    "Thanks, bye :)",
    "Why is it so expensive???",
    "ok.",
    "I don't know my account number, sorry.",
)
_SENTENCES = (
    "I ordered it on {day} and it still hasn't arrived (order #{number}).",
    "My e-mail is {mail}, in case you need it.",
    "I'm really not happy with the service, this is absolutely terrible!",
    "The agent was very kind and extremely helpful, but nobody could {want}.",
    'I tried it twice :( and the app says "error {code}" every time...',
    "Could you please {want}?",
    "It isn't the first time: see ticket {number} from {day}.",
    "Otherwise the product is good, not perfect, but I love the new design :)",
    "I was charged ${amount}.99 instead of ${code}.50!!",
    "We've been loyal customers for {code} years, so this is pretty disappointing.",
    "Thanks in advance, I'd appreciate a quick answer.",
)
_WANTS = ("cancel my booking", "reset my password", "change the delivery address", "get a refund", "speak to a human")
_DAYS = ("Monday", "Tuesday", "last Friday", "the 3rd", "yesterday")
_NAMES = ("Alexis", "Jordan", "Katarzyna", "Ben", "Mrs. Patel", "Dr. O'Neill")


def _filled(rng: random.Random, template: str) -> str:
    return template.format(
        want=rng.choice(_WANTS),
        day=rng.choice(_DAYS),
        name=rng.choice(_NAMES),
        number=rng.randrange(10**7),
        code=rng.randrange(2, 60),
        amount=rng.randrange(10, 400),
        mail=f"{rng.choice(_NAMES).split()[-1].lower()}{rng.randrange(10**5)}@example.com",
    )


def short_turns(count: int) -> list[str]:
    """Chat turns of one sentence, the same in every run."""
    rng = random.Random(_SEED)  # noqa: S311 - repeatable, not secret
    return [_filled(rng, rng.choice(_SHORT)) for _ in range(count)]


def long_messages(count: int) -> list[str]:
    """Support messages of about 200 characters with order numbers, addresses and emoticons, the same in every run."""
    rng = random.Random(_SEED)  # noqa: S311 - repeatable, not secret
    return [
        " ".join([rng.choice(_OPENINGS), *(_filled(rng, text) for text in rng.sample(_SENTENCES, k=rng.randint(2, 4)))])
        for _ in range(count)
    ]


def star_dialogues() -> Path:
    """Where the development half of the STAR dialogues lies beside a checkout, if it does."""
    return get_settings().root.parent / "shared" / "data" / "star-dev" / "dialogues.jsonl.gz"


def star_texts(path: Path) -> Iterator[tuple[str, str]]:
    """(agent, text) of each message between customer and assistant in a file of STAR dialogues."""
    spoken = {("User", "utter"), ("Wizard", "utter"), ("Wizard", "pick_suggestion")}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            for event in json.loads(line)["Events"]:
                if (event["Agent"], event["Action"]) in spoken:
                    yield event["Agent"], event["Text"]


def differing_doubles(texts: list[str]) -> int:
    """How many of the 2 x len(texts) figures differ from TextBlob's in any bit."""
    from textblob import TextBlob

    expected = np.array([tuple(TextBlob(text).sentiment) for text in texts], dtype=np.float64).reshape(-1, 2)
    found = np.column_stack(sentiment(texts))
    return int(np.count_nonzero(expected.view(np.uint64) != found.view(np.uint64)))


def _speed(name: str, texts: list[str]) -> Row:
    from textblob import TextBlob

    # An even sample keeps the slow baseline within seconds.
    texts = texts[:: -(-len(texts) // _SAMPLE)]

    def baseline() -> None:
        for text in texts:
            _ = TextBlob(text).sentiment

    def candidate() -> None:
        # A filled memo would measure the second sight of every token, which new messages do not offer.
        forget()
        sentiment(texts)

    sentiment(texts[:1])  # both sides read the lexicon once per process, before the clock runs
    _ = TextBlob("good").sentiment
    result = compare(baseline, candidate)
    return Row(
        name,
        value=len(texts) / result.candidate_seconds,
        unit="texts/s/core",
        baseline=len(texts) / result.baseline_seconds,
        ratio=result.ratio,
        bar=_BAR,
        holds=result.ratio >= _BAR,
    )


@benchmark("sentiment")
def rows() -> Iterator[Row]:
    """Speed on real turns and on generated ones of two lengths, then parity."""
    path = star_dialogues()
    if path.exists():
        yield _speed("sentiment: star-dev customers", [text for agent, text in star_texts(path) if agent == "User"])
    else:
        yield Row("sentiment: star-dev customers", bar=_BAR, reason=f"{path} is absent")
    yield _speed("sentiment: generated turns", short_turns(_SAMPLE))
    yield _speed("sentiment: generated messages", long_messages(_SAMPLE))
    different = differing_doubles(list(fuzz.texts(_FUZZED, seed=_SEED)))
    yield Row(
        f"sentiment: parity on {_FUZZED:,} fuzzed texts",
        value=different,
        unit="differing doubles",
        bar=0,
        holds=different == 0,
    )

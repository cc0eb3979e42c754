"""Names of groups: single terms that their questions have in common and others have not, never a sentence of a customer.

Terms are read from redacted text, and one counts only where at least `LEAST_USERS` different questions of the group use it:
a name, a place or a product that one customer mentions cannot get into it. Terms stand in the order of their weight, not in
the order in which anybody said them. Weight of a term: p ln(p / q), with p its share of the group's questions and q its share
of all (its part in the Kullback-Leibler divergence).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from touchstone.intents.vectors import MAX_CHARACTERS
from touchstone.text.markers import MARKER_LANGUAGES, marker_lists
from touchstone.text.phrases import NEGATORS, WORD, lower_in_place
from touchstone.text.redact import redact

TERMS = 3
LEAST_USERS = 3
LEAST_LENGTH = 3
LEAST_SHARE = 0.1
"""Share of a group's questions that must use a term."""
MOST_READ = 60
"""Questions of a group that its name is read from, the most typical ones."""
SEPARATOR = " / "


@cache
def _stop_words() -> frozenset[str]:
    held = frozenset().union(*(marker_lists(language).stop_words for language in MARKER_LANGUAGES))
    asking = frozenset().union(*(marker_lists(language).question_words for language in MARKER_LANGUAGES))
    return held | asking | NEGATORS


def terms_of(text: str) -> frozenset[str]:
    """Words of a redacted text that could be part of a name: letters only, no stop words, no placeholders."""
    clean, pii = redact(text[:MAX_CHARACTERS])
    for entry in reversed(pii):
        clean = clean[: entry["start"]] + " " + clean[entry["end"] :]
    return frozenset(
        word
        for word in WORD.findall(lower_in_place(clean))
        if len(word) >= LEAST_LENGTH and word.isalpha() and word not in _stop_words()
    )


def name_of(
    own: Sequence[frozenset[str]], all_counts: Mapping[str, int], all_questions: int, taken: Iterable[str] = ()
) -> str | None:
    """The name of a group; None where no term is shared by enough of its questions.

    Args:
        own: Terms of the group's questions.
        all_counts: By term, how many of all questions use it.
        all_questions: How many that is.
        taken: Names of other groups; a group with the same terms gets one more.
    """
    used = Counter(term for terms in own for term in terms)
    least = max(LEAST_USERS, LEAST_SHARE * len(own))
    weights = {}
    for term, count in used.items():
        if count >= least:
            share = count / len(own)
            whole = max(all_counts.get(term, 0), count) / max(all_questions, len(own))
            weights[term] = share * math.log(share / whole) if whole < share else 0.0
    ranked = sorted(weights, key=lambda term: (-weights[term], -used[term], term))
    chosen: list[str] = []
    others = frozenset(taken)
    for term in ranked:
        if any(_alike(term, other) for other in chosen):
            continue
        chosen.append(term)
        if len(chosen) >= TERMS and SEPARATOR.join(chosen) not in others:
            break
    return SEPARATOR.join(chosen) or None


def _alike(term: str, other: str) -> bool:
    """Whether one is a form of the other (card, cards; transfer, transferred)."""
    short, long = sorted((term, other), key=len)
    return long.startswith(short[: max(4, len(short) - 1)])

"""What a model sees of a message in its conversation, and of a conversation as a whole.

Two kinds: *views* (TF-IDF rows of the message itself, of what the other side said before and after, of tool calls) and
*figures* (length, position, repetition, similarity, questions, gaps in time, phrases, polarity, tool failures). Both are
computed for a whole batch by array operations. Nothing here knows what is predicted: the same features serve satisfaction of
customers, failures of replies and courtesy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import sparse

from touchstone.learning.corpus import COMPARED_BACK, Corpus
from touchstone.learning.vectors import CHARACTERS, KINDS, WORDS, counts
from touchstone.text.markers import marker_lists
from touchstone.text.phrases import NEGATORS, WORD, PhraseMatcher, lower_in_place
from touchstone.text.sentiment import sentiment

FEATURES_VERSION = "1"
_BASE = (
    "words",
    "characters",
    "word_length",
    "capitals",
    "digits",
    "exclamations",
    "questions",
    "question_word",
    "placeholders",
    "foreign",
    "negations",
    "first_person",
    "second_person",
    "polarity",
    "subjectivity",
    "content",
)
_FIRST_PERSON = frozenset(["i", "me", "my", "mine", "myself", "we", "us", "our", "i'm", "i've", "i'd", "i'll"])
_SECOND_PERSON = frozenset(["you", "your", "yours", "yourself", "you're", "you've", "you'd", "you'll", "u"])
_QUESTION_WORDS = frozenset(
    [
        "what",
        "when",
        "where",
        "which",
        "who",
        "whom",
        "whose",
        "why",
        "how",
        "can",
        "could",
        "do",
        "does",
        "did",
        "is",
        "are",
        "was",
        "were",
        "will",
        "would",
        "should",
        "may",
    ]
)
MESSAGE_VIEWS = ("own", "before", "own_before", "after", "own_tools", "tools_before", "acts")
WHOLE_VIEWS = ("customer", "agent", "customer_last", "agent_last", "customer_first", "tools")


class Phrases:
    """Named phrase lists whose hits are figures.

    Args:
        lists: Name -> phrases in the notation of `touchstone.text.phrases`; kept in the model, so that a later rubric does not
            change what a model sees.
        negatable: Names of lists whose hits do not count after a negation.
    """

    def __init__(self, lists: dict[str, list[str]], negatable: Sequence[str]) -> None:
        self.lists = lists
        self.negatable = sorted(negatable)
        self.names = tuple(sorted(lists))
        self.matcher = PhraseMatcher(lists, negatable)

    @classmethod
    @lru_cache(maxsize=1)
    def shipped(cls) -> Phrases:
        """The markers and the phrase lists of the shipped rubric."""
        from touchstone.rubric import load_rubric

        markers = marker_lists()
        lists = {f"says_{name}": list(phrases) for name, phrases in load_rubric().phrase_lists.items()}
        lists |= {f"marker_{name}": list(phrases) for name, phrases in markers.phrases.items()}
        return cls(lists, [f"marker_{name}" for name in markers.negatable])


class Texts:
    """Distinct texts of a batch with their figures and counts of terms, each worked out once."""

    def __init__(self, texts: Sequence[str], phrases: Phrases) -> None:
        self.texts = texts
        self.names = (*_BASE, *phrases.names)
        self.figures, self._words = _text_figures(texts, phrases)
        self._counts: dict[str, sparse.csr_matrix] = {}

    def words(self, text: int) -> frozenset[str]:
        """Distinct words of a text."""
        return self._words[text]

    def counts(self, kind: str) -> sparse.csr_matrix:
        """Counts of terms of one kind, a row per text."""
        if kind not in self._counts:
            self._counts[kind] = counts(self.texts, kind)
        return self._counts[kind]


def _text_figures(texts: Sequence[str], phrases: Phrases) -> tuple[np.ndarray, list[frozenset[str]]]:
    """float32 of shape (len(texts), figures of one text), and the distinct words of each."""
    lists = marker_lists()
    place = {name: len(_BASE) + at for at, name in enumerate(phrases.names)}
    found = np.zeros((len(texts), len(_BASE) + len(place)), dtype=np.float32)
    find = phrases.matcher.find
    base = []
    distinct: list[frozenset[str]] = []
    for row, text in enumerate(texts):
        lower = lower_in_place(text)
        words = WORD.findall(lower)
        known = frozenset(words)
        distinct.append(known)
        size = len(text)
        upper = sum(map(str.isupper, text)) if not text.islower() else 0
        base.append(
            (
                len(words),
                size,
                (size - text.count(" ")) / max(1, len(words)),
                upper / max(1, size),
                0.0,
                text.count("!"),
                text.count("?"),
                bool(words) and words[0] in _QUESTION_WORDS,
                text.count("["),
                not text.isascii(),
                len(NEGATORS & known),
                len(_FIRST_PERSON & known),
                len(_SECOND_PERSON & known),
                0.0,
                0.0,
                len(known - lists.stop_words),
            )
        )
        for name, spans in find(lower, words).items():
            found[row, place[name]] = len(spans)
    if texts:
        found[:, : len(_BASE)] = base
        found[:, _BASE.index("polarity")], found[:, _BASE.index("subjectivity")] = sentiment(texts)
    for name in ("words", "characters", "content", "exclamations", "questions", "negations"):
        column = _BASE.index(name)
        found[:, column] = np.log1p(found[:, column])
    return found, distinct


@dataclass
class Seen:
    """Features of targets.

    Attributes:
        figures: float32 of shape (targets, len(names)); finite.
        names: Of the figures.
        selectors: View -> matrix (targets x texts) that averages the texts of the view; an empty row where there is none.
    """

    figures: np.ndarray
    names: list[str]
    selectors: dict[str, sparse.csr_matrix]


def message_features(corpus: Corpus, texts: Texts, rows: dict[str, sparse.csr_matrix], targets: np.ndarray) -> Seen:
    """Features of single messages.

    Args:
        corpus: The conversations.
        texts: Their distinct texts.
        rows: Kind of term -> TF-IDF row of each distinct text.
        targets: Turns, ascending.
    """
    names: list[str] = []
    columns: list[np.ndarray] = []

    def add(name: str, values: np.ndarray) -> None:
        names.append(name)
        columns.append(np.asarray(values, dtype=np.float32))

    def at(links: np.ndarray) -> np.ndarray:
        """Texts of linked turns of the targets."""
        linked = links[targets]
        return np.where(linked >= 0, corpus.text_of[np.maximum(linked, 0)], 0)

    own = corpus.text_of[targets]
    before, own_before, after = (at(links) for links in (corpus.previous_other, corpus.previous_own, corpus.next_other))
    second = at(corpus.second_other)
    for label, linked in (("own", own), ("before", before), ("own_before", own_before), ("after", after)):
        for column, name in enumerate(texts.names):
            add(f"{label}_{name}", texts.figures[linked, column])

    owner = corpus.owner[targets]
    length = (corpus.last - corpus.first)[owner]
    place = corpus.place[targets]
    add("place", np.log1p(place))
    add("place_share", place / np.maximum(1, length - 1))
    add("turns_left", np.log1p(length - 1 - place))
    add("turns", np.log1p(length))
    add("is_first", place == 0)
    add("is_last", place == length - 1)
    add("has_before", corpus.previous_other[targets] >= 0)
    add("has_after", corpus.next_other[targets] >= 0)
    add("own_side_again", (corpus.previous_own[targets] == targets - 1) & (place > 0))
    add("is_agent", corpus.side[targets] == 1)
    add("is_ai", corpus.is_ai[targets])

    moments = corpus.sent_at
    for label, links in (("wait_before", corpus.previous_other), ("wait_after", corpus.next_other)):
        linked = links[targets]
        gap = np.abs(moments[targets] - moments[np.maximum(linked, 0)])
        add(label, np.where(linked >= 0, np.log1p(gap), 0))
    add("tool_failures", np.log1p(corpus.failed_tools[targets]))
    add("has_tools", corpus.tool_of[targets] > 0)
    tools_before = _tools_before(corpus, targets)
    add("has_tools_before", tools_before > 0)

    pairs = {
        "own_before": (own, before),
        "own_own_before": (own, own_before),
        "own_after": (own, after),
        "before_second": (before, second),
        "after_before": (after, before),
        "own_tools_before": (own, tools_before),
    }
    for label, (left, right) in pairs.items():
        for kind in KINDS:
            add(f"similar_{label}_{kind}", similarities(rows[kind], left, right))
    history = _repetition(corpus, rows[WORDS])
    add("own_repeats", history[targets])
    for label, links in (("before_repeats", corpus.previous_other), ("after_repeats", corpus.next_other)):
        linked = links[targets]
        add(label, np.where(linked >= 0, history[np.maximum(linked, 0)], 0))
    for name, values in _running(corpus, texts, history).items():
        add(name, values[targets])
    for name, values in zip(_NOVELTY, _novelty(corpus, texts, targets), strict=True):
        add(name, values)

    views = {
        "own": own,
        "before": before,
        "own_before": own_before,
        "after": after,
        "own_tools": corpus.tool_of[targets],
        "tools_before": tools_before,
        # without tools, who speaks when is told by the figures
        "acts": np.where(_uses_tools(corpus)[corpus.owner[targets]], corpus.act_of[targets], 0),
    }
    selectors = {name: _selector(which, len(texts.texts)) for name, which in views.items()}
    return Seen(np.column_stack(columns) if targets.size else np.zeros((0, len(names)), np.float32), names, selectors)


def _tools_before(corpus: Corpus, targets: np.ndarray) -> np.ndarray:
    """Text of the last tool call or result before a target."""
    turns = np.arange(len(corpus.tool_of))
    latest = np.maximum.accumulate(np.where(corpus.tool_of > 0, turns, -1)) if turns.size else turns
    earlier = np.where(targets > 0, latest[np.maximum(targets - 1, 0)], -1)
    inside = earlier >= corpus.first[corpus.owner[targets]]
    return np.where(inside, corpus.tool_of[np.maximum(earlier, 0)], 0)


def _uses_tools(corpus: Corpus) -> np.ndarray:
    """Conversation -> whether any turn of it calls a tool."""
    return np.bincount(corpus.owner[corpus.tool_of > 0], minlength=len(corpus.first)) > 0


_NOVELTY = ("new_words", "new_numbers", "tool_new_words", "tool_repeated", "tool_words")


def _novelty(corpus: Corpus, texts: Texts, targets: np.ndarray) -> np.ndarray:
    """What of a turn was not said, or returned by a tool, in the turns before it: float32 of shape (5, targets).

    Shares of words and of words with digits in the text and in the tool call, whether the same call was made before, and
    how long the call is.
    """
    found = np.zeros((len(_NOVELTY), len(targets)), dtype=np.float32)
    place = {turn: at for at, turn in enumerate(targets.tolist())}
    text_of, tool_of = corpus.text_of.tolist(), corpus.tool_of.tolist()
    for conversation in np.unique(corpus.owner[targets]).tolist():
        first, last = int(corpus.first[conversation]), int(corpus.last[conversation])
        known: set[str] = set()
        calls: set[int] = set()
        for turn in range(first, last):
            own, tool = texts.words(text_of[turn]), tool_of[turn]
            at = place.get(turn)
            if at is not None:
                found[0, at] = _new(own, known)
                found[1, at] = _new({word for word in own if not word.isalpha()}, known)
                if tool:
                    called = texts.words(tool)
                    found[2, at] = _new(called, known)
                    found[3, at] = tool in calls
                    found[4, at] = np.log1p(len(called))
            known |= own
            if tool:
                known |= texts.words(tool)
                calls.add(tool)
    return found


def _new(words: frozenset[str] | set[str], known: set[str]) -> float:
    """Share of words that are not known; 0 of no words."""
    return len(words - known) / len(words) if words else 0.0


def _selector(rows: np.ndarray, count: int) -> sparse.csr_matrix:
    """Matrix with a 1 for the text of each target; no entry where the text is the empty one."""
    at = np.flatnonzero(rows)
    return sparse.csr_matrix(
        (np.ones(len(at), dtype=np.float32), (at, rows[at])), shape=(len(rows), count), dtype=np.float32
    )


def similarities(matrix: sparse.csr_matrix, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Cosines of pairs of rows of length 1 (or 0)."""
    both = np.flatnonzero((left > 0) & (right > 0))
    found = np.zeros(len(left), dtype=np.float32)
    if both.size:
        found[both] = np.asarray(matrix[left[both]].multiply(matrix[right[both]]).sum(axis=1)).ravel()
    return found


def _repetition(corpus: Corpus, matrix: sparse.csr_matrix) -> np.ndarray:
    """Turn -> highest similarity with one of the `COMPARED_BACK` turns of the same side before it."""
    highest = np.zeros(len(corpus.text_of), dtype=np.float32)
    earlier = corpus.previous_own
    for _ in range(COMPARED_BACK):
        turns = np.flatnonzero(earlier >= 0)
        if not turns.size:
            break
        found = similarities(matrix, corpus.text_of[turns], corpus.text_of[earlier[turns]])
        highest[turns] = np.maximum(highest[turns], found)
        earlier = np.where(earlier >= 0, corpus.previous_own[np.maximum(earlier, 0)], -1)
    return highest


_RUNNING = ("polarity", "negations", "questions", "words", "marker_frustration", "marker_did_not_help")


def _running(corpus: Corpus, texts: Texts, history: np.ndarray) -> dict[str, np.ndarray]:
    """Means over the turns of each side up to and with a turn."""
    found: dict[str, np.ndarray] = {}
    start = corpus.first[corpus.owner]
    for code, label in ((0, "customer"), (1, "agent")):
        mask = (corpus.side == code).astype(np.float64)
        number = _since(mask, start)
        found[f"{label}_turns_so_far"] = np.log1p(number)
        sources = {name: texts.figures[corpus.text_of, texts.names.index(name)] for name in _RUNNING}
        sources["repeats"] = history
        for name, values in sources.items():
            found[f"{label}_{name}_so_far"] = _since(values * mask, start) / np.maximum(number, 1)
    return found


def _since(values: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Sum of values from the first turn of the conversation up to and with each turn."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    return total[1:] - total[start] if len(values) else total[:0]


def whole_features(corpus: Corpus, texts: Texts, rows: dict[str, sparse.csr_matrix]) -> Seen:
    """Features of whole conversations, one row per conversation of the corpus."""
    count = len(corpus.first)
    names: list[str] = []
    columns: list[np.ndarray] = []

    def add(name: str, values: np.ndarray) -> None:
        names.append(name)
        columns.append(np.asarray(values, dtype=np.float32))

    history = _repetition(corpus, rows[WORDS])
    figures = texts.figures[corpus.text_of]
    text_of = corpus.text_of
    linked = corpus.previous_other
    answer = similarities(rows[CHARACTERS], text_of, np.where(linked >= 0, text_of[np.maximum(linked, 0)], 0))
    waits = np.where(linked >= 0, np.log1p(np.maximum(0, corpus.sent_at - corpus.sent_at[np.maximum(linked, 0)])), 0)
    extra = np.column_stack([history, answer, waits])
    values = np.column_stack([figures, extra]).astype(np.float64)
    labels = [*texts.names, "repeats", "similar_before", "wait"]
    span = corpus.last - corpus.first
    add("turns", np.log1p(span))
    ends = (
        corpus.sent_at[np.maximum(corpus.last - 1, 0)]
        - corpus.sent_at[np.minimum(corpus.first, max(0, len(corpus.sent_at) - 1))]
        if len(corpus.sent_at)
        else np.zeros(count)
    )
    add("duration", np.where(span > 0, np.log1p(np.maximum(0, ends)), 0))
    add("tool_failures", np.log1p(_summed(corpus.failed_tools.astype(float), corpus.owner, count)))
    add("tools", np.log1p(_summed((corpus.tool_of > 0).astype(float), corpus.owner, count)))
    add("last_is_customer", _last_side(corpus) == 0)
    views: dict[str, sparse.csr_matrix] = {}
    for code, label in ((0, "customer"), (1, "agent")):
        turns = np.flatnonzero(corpus.side == code)
        whose = corpus.owner[turns]
        number = np.bincount(whose, minlength=count)
        add(f"{label}_turns", np.log1p(number))
        some = np.maximum(number, 1)
        mean = np.stack([_summed(values[turns, at], whose, count) for at in range(values.shape[1])], 1) / some[:, None]
        most = np.zeros((count, values.shape[1]))
        np.maximum.at(most, whose, values[turns])
        least = np.zeros((count, values.shape[1]))
        np.minimum.at(least, whose, values[turns])
        final = np.full(count, -1)
        final[whose] = turns  # ascending: the last one stays
        opening = np.full(count, -1)
        opening[whose[::-1]] = turns[::-1]
        for at, name in enumerate(labels):
            add(f"{label}_mean_{name}", mean[:, at])
            add(f"{label}_most_{name}", most[:, at])
            add(f"{label}_last_{name}", np.where(final >= 0, values[np.maximum(final, 0), at], 0))
        add(f"{label}_least_polarity", least[:, labels.index("polarity")])
        share = sparse.csr_matrix(
            ((1 / some[whose]).astype(np.float32), (whose, text_of[turns])), shape=(count, len(texts.texts))
        )
        views[label] = share
        views[f"{label}_last"] = _selector(np.where(final >= 0, text_of[np.maximum(final, 0)], 0), len(texts.texts))
        if code == 0:
            first = np.where(opening >= 0, text_of[np.maximum(opening, 0)], 0)
            views["customer_first"] = _selector(first, len(texts.texts))
    used = np.flatnonzero(corpus.tool_of > 0)
    calls = np.maximum(np.bincount(corpus.owner[used], minlength=count), 1)
    views["tools"] = sparse.csr_matrix(
        ((1 / calls[corpus.owner[used]]).astype(np.float32), (corpus.owner[used], corpus.tool_of[used])),
        shape=(count, len(texts.texts)),
    )
    return Seen(np.column_stack(columns), names, {name: views[name] for name in WHOLE_VIEWS})


def _summed(values: np.ndarray, owners: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(owners, weights=values, minlength=count)


def _last_side(corpus: Corpus) -> np.ndarray:
    if not len(corpus.side):
        return np.full(len(corpus.first), -1)
    return np.where(corpus.last > corpus.first, corpus.side[np.maximum(corpus.last - 1, 0)], -1)

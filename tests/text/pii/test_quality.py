"""The figures of `quality.py` on a part of the data, and that they can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from touchstone.text.pii import quality
from touchstone.text.pii.tagger import Span, tagger_of

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the labelled texts are not at {DATA}")


def test_words_of_one_slot_become_one_span() -> None:
    text, slots = "im kim lee 4482", ["O", "name", "name", "account_number"]
    assert quality.spans_of(text, slots) == [Span(3, 10, "name"), Span(11, 15, "account_number")]


@needs_data
def test_the_shipped_tagger_reaches_the_bars_on_people_s_own_typing() -> None:
    rows = list(quality.multidogo_rows(DATA / "multidogo-dev", conversations=250))
    assert {row.name: row.value for row in rows if row.bar is not None and not row.holds} == {}


@needs_data
def test_the_shipped_tagger_reaches_the_bars_on_sentences() -> None:
    rows = list(quality.presidio_rows(DATA / "presidio-synth-dev"))
    assert {row.name: row.value for row in rows if not row.holds} == {}


@needs_data
def test_a_tagger_that_knows_nothing_fails() -> None:
    blind = tagger_of({"format": 1, "labels": ["O", "name"], "bias": [9.0, -9.0], "weights": [{}, {}]})
    counts = quality._Counts()
    counts.add(quality.multidogo(DATA / "multidogo-dev", "airline")[:60], blind)
    assert counts.share("name") < 0.1

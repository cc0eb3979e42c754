"""The tagger: what it reads, that its file is checked, and that labels teach it."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import pytest

from touchstone.errors import ConfigurationError
from touchstone.text.pii.tagger import Context, Span, load_tagger, read, tagger_of, word_of
from touchstone.text.pii.training import Example, generated, labelled, read_labels, train, written
from touchstone.text.redact import Conversation


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("Priya", "FN"),
        ("PRIYA", "FN"),
        ("Fernández", "SN"),
        ("Grace", "FNW"),
        ("We've", "FUN"),
        ("Lindenstraße", "STE"),
        ("Berlin", "CIT"),
        ("zorvane", "OOV"),
        ("1994", "YEA"),
        ("44821", "D5"),
        ("B2C3", "MIX2"),
        ("3rd", "ORD"),
        ("10am", "QTY"),
    ],
)
def test_kinds_of_words(word: str, kind: str) -> None:
    assert word_of(word).kind.rstrip("+") == kind


def test_what_rules_have_taken_is_one_word() -> None:
    message = read("mail a@b.org now", [(5, 12, "email")])
    assert [word.kind for word in message.words][1] == "[email]"
    assert message.places == [(0, 4), (5, 12), (13, 16)]


def test_generated_text_is_the_same_each_time_and_labels_what_it_holds() -> None:
    first, second = generated(300), generated(300)
    assert [(example.text, example.spans) for example in first] == [(example.text, example.spans) for example in second]
    types = {span.type for example in first for span in example.spans}
    assert {"name", "address", "account_number", "ssn"} <= types
    for example in first:
        assert all(example.text[span.start : span.end].strip() for span in example.spans), example


@pytest.mark.long
def test_the_model_that_ships_is_what_the_generated_text_gives() -> None:
    shipped = json.loads((resources.files("touchstone.text.pii") / "model.json").read_text(encoding="utf-8"))
    fitted = train(generated())
    assert fitted["labels"] == shipped["labels"]
    for mine, theirs in zip(fitted["weights"], shipped["weights"], strict=True):
        assert len(mine.keys() ^ theirs.keys()) <= len(theirs) * 0.02
        assert all(abs(mine[name] - theirs[name]) <= 5 for name in mine.keys() & theirs.keys())


def test_labels_of_a_company_teach_the_tagger(tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    codes = [f"qx{number}zz" for number in range(100, 160)]
    lines = [
        {
            "messages": [
                {"actor": "customer", "text": "hello", "pii": []},
                {
                    "actor": "customer",
                    "text": f"locker {code} is stuck",
                    "pii": [{"type": "account_number", "start": 7, "end": 14}],
                },
            ]
        }
        for code in codes
    ]
    labels.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    own = list(labelled(read_labels(labels)))
    assert own[1] == Example("locker qx100zz is stuck", [Span(7, 14, "account_number")], Context(frozenset(), "stream"))
    tagger = tagger_of(json.loads(written(train(generated(1_500), own))))
    conversation = Conversation(tagger)
    conversation.find("customer", "hello")
    assert conversation.find("customer", "locker ab417cd is stuck") == [Span(7, 14, "account_number")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "cannot be read"),
        ('{"messages": [{"actor": "customer", "text": "a"}]}', "cannot be read"),
        ('{"messages": [{"actor": "customer", "text": "a", "pii": [{"type": "shoe", "start": 0, "end": 1}]}]}', "shoe"),
        (
            '{"messages": [{"actor": "customer", "text": "a", "pii": [{"type": "name", "start": 0, "end": 2}]}]}',
            "0 to 2 of 1",
        ),
    ],
)
def test_a_label_that_does_not_fit_is_refused_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message) as raised:
        list(read_labels(file))
    assert "line 2" in str(raised.value)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.json"
    for content in ("not json", '{"format": 0}'):
        file.write_text(content, encoding="utf-8")
        with pytest.raises(ConfigurationError, match=r"model\.json"):
            load_tagger(file)

"""Training and prediction: rows accounted for, figures that hold, models that reproduce."""

from __future__ import annotations

import csv
import gzip
import json

import numpy as np
import pandas as pd
import pytest
from intents_world import INTENTS, new_questions, questions
from typer.testing import CliRunner

from touchstone.cli import app
from touchstone.errors import ConfigurationError, SourceError, TouchstoneError
from touchstone.intents import figures, machine
from touchstone.intents.files import labels_from, read_labels, read_questions, write_rows
from touchstone.intents.model import load, save, train
from touchstone.intents.vectors import embed


def as_labels(rows):
    return labels_from(enumerate(({"text": text, "intent": intent} for text, intent in rows), 1))


def test_a_model_knows_unseen_wordings(static_model, labelled):
    seen = {text for text, _ in labelled}
    unseen = [(text, intent) for text, intent in questions(60, seed=9) if text not in seen]
    said = static_model.predict([text for text, _ in unseen])
    right = said["intent"] == [intent for _, intent in unseen]
    assert len(unseen) > 60
    assert right.mean() > 0.95
    assert said["confidence"].between(0, 1).all()


def test_questions_of_no_known_intent_look_new(static_model, labelled):
    new = static_model.predict(new_questions(40))
    seen = {text for text, _ in labelled}
    known = static_model.predict([text for text, _ in questions(60, seed=9) if text not in seen])
    assert figures.auroc(known["novelty"].to_numpy(), new["novelty"].to_numpy()) > 0.95
    assert new["is_novel"].mean() > 0.6
    assert known["is_novel"].mean() < 0.15
    assert (new["novelty_percentile"] <= 0.06)[new["is_novel"]].all()


def test_what_is_left_out_is_what_a_model_without_it_says():
    """The closed form of the left-out rows equals a second training without them."""
    rows = questions(12)
    texts, names = [text for text, _ in rows], sorted(INTENTS)
    y = np.array([names.index(intent) for _, intent in rows])
    vectors = {"static": embed(texts, "static")}
    whole, held_out = machine.fit(texts, vectors, y, 0.05, 1)
    out = held_out.fold == 0
    terms = {kind: whole.weights[kind].apply(machine.counts(texts, kind)) for kind in whole.weights}
    views = machine.Views(terms, {"static": machine.restored(*whole.vectors["static"])})
    kernel = machine._gram(views, ("static",))
    targets = np.full((len(y), len(names)), -1 / len(names))
    targets[np.arange(len(y)), y] = 1
    part = kernel[np.ix_(~out, ~out)] + machine.RIDGE * np.eye(int((~out).sum()))
    again = kernel[np.ix_(out, ~out)] @ np.linalg.solve(part, targets[~out])
    assert np.allclose(again, held_out.scores[out], atol=2e-3)


def test_a_written_model_answers_alike(static_model, tmp_path):
    texts = [text for text, _ in questions(40, seed=5)] + new_questions(10)
    save(static_model, tmp_path / "model")
    pd.testing.assert_frame_equal(static_model.predict(texts), load(tmp_path / "model").predict(texts))


def test_the_same_rows_in_another_order_make_the_same_model(static_model, labelled):
    again = train(as_labels(reversed(labelled)), vectors="static", seed=3)
    assert again.version == static_model.version
    assert again.machine.threshold == static_model.machine.threshold
    texts = new_questions(5)
    pd.testing.assert_frame_equal(static_model.predict(texts), again.predict(texts))


def test_a_changed_model_is_refused(static_model, tmp_path):
    save(static_model, tmp_path / "model")
    arrays = tmp_path / "model" / "arrays.npz"
    arrays.write_bytes(arrays.read_bytes()[:-20])
    with pytest.raises(ConfigurationError, match="were changed"):
        load(tmp_path / "model")


def test_a_model_holds_no_text(static_model, tmp_path, labelled):
    save(static_model, tmp_path / "model")
    held = b"".join(path.read_bytes() for path in (tmp_path / "model").iterdir())
    assert not any(text.encode() in held for text, _ in labelled)
    # numbers alone: an array of objects would need pickle
    with np.load(tmp_path / "model" / "arrays.npz", allow_pickle=False) as stored:
        assert all(stored[name].dtype != object for name in stored.files)


def test_rows_in_are_rows_used_and_rows_in_quarantine(tmp_path):
    path = tmp_path / "labels.csv.gz"
    rows = [("text", "intent"), ("where is it", "a"), ("Where  is it", "a"), ("give it", "a"), ("give it", "b"), ("", "b"),
            ("b one", "b"), ("b two", "b"), ("alone", "c"), ("no intent", "")]  # fmt: skip
    with gzip.open(path, "wt", newline="") as stream:
        csv.writer(stream).writerows(rows)
    found = read_labels(path)
    assert found.rows_in == 9
    assert found.duplicates == 1
    assert found.conflicts == 2
    reasons = {one.line: one.reason for one in found.refused}
    assert "repeats line 2" in reasons[3]
    assert "intents a, b" in reasons[4]
    assert "fewer than 2" in reasons[9]
    assert {row.intent for row in found.rows} == {"b"}


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "csv.gz"])
def test_every_format_is_read_and_written(tmp_path, suffix):
    path = tmp_path / f"questions.{suffix}"
    write_rows(path, {"id": ["1", "2"], "text": ["=cmd", "héllo, \n you"]})
    found = read_questions(path)
    texts = [row.text for row in found.rows]
    # a spreadsheet evaluates nothing that a customer wrote
    assert texts == (["'=cmd", "héllo, \n you"] if "csv" in suffix else ["=cmd", "héllo, \n you"])


def test_a_file_without_the_columns_is_named(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("question,label\na,b\n")
    with pytest.raises(SourceError, match="lacks text, intent"):
        read_labels(path)


def test_one_intent_cannot_be_learned():
    with pytest.raises(TouchstoneError, match="one intent"):
        train(as_labels([("a b", "x"), ("c d", "x")]), vectors="static")


def test_a_language_without_known_words_still_trains():
    rows = [(f"привет {word}", "a") for word in ("один", "два", "три")] + [(f"\u4f60\u597d {n}", "b") for n in "abc"]
    said = train(as_labels(rows), vectors="static").predict(["привет четыре", "", "???"])
    assert said["confidence"].notna().all()
    assert said["intent"][0] == "a"


def test_the_wilson_interval_is_that_of_the_textbook():
    # Newcombe (1998), table I: 81 of 263
    low, high = figures.wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_the_threshold_leaves_the_wished_share():
    known = np.arange(1, 1001, dtype=float)
    # never more than wished: one of the thousand and one places is the next question's
    assert (known > machine.threshold_of(known, 0.05)).mean() == pytest.approx(0.049)


def test_entropy_is_one_for_equal_shares_and_less_for_others():
    assert figures.entropy(["a", "b", "c"]) == pytest.approx(1)
    assert figures.entropy(["a"] * 9 + ["b"]) == pytest.approx(0.469, abs=0.001)
    assert figures.entropy(["a", "a"]) == 0


def test_the_commands_train_and_predict(tmp_path, labelled):
    labels = tmp_path / "labels.jsonl"
    rows = [{"text": text, "intent": intent, "channel": "chat"} for text, intent in labelled]
    rows += [{"text": text, "intent": "none of these"} for text in new_questions(12)] + [{"text": "", "intent": "x"}]
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows))
    runner, model = CliRunner(), tmp_path / "model"
    done = runner.invoke(
        app,
        ["intents", "train", str(labels), "--out", str(model), "--vectors", "static", "--novel-label", "none of these"],
    )
    assert done.exit_code == 0, done.output
    report = json.loads((model / "report.json").read_text())
    assert report["novelty"]["miss_rate_of_labelled"]["n"] == 12
    assert report["labels"]["rows_in"] == len(rows)
    assert report["labels"]["suitable"]["hits"] + len((model / "quarantine.jsonl").read_text().splitlines()) == len(
        rows
    )
    assert "none of these" not in load(model).intents
    assert "| accuracy |" in (model / "report.md").read_text()
    texts, out = tmp_path / "texts.txt", tmp_path / "out.csv"
    texts.write_text("where is my parcel\n\nI lost my bank card\n")
    done = runner.invoke(app, ["intents", "predict", str(texts), "--model", str(model), "--out", str(out)])
    assert done.exit_code == 0, done.output
    found = pd.read_csv(out)
    assert found["intent"].tolist() == ["delivery_late", "card_lost"]
    assert found["line"].tolist() == [1, 3]


def test_labels_that_the_taxonomy_does_not_know_are_refused(tmp_path, labelled):
    labels, taxonomy = tmp_path / "labels.jsonl", tmp_path / "taxonomy.yml"
    labels.write_text("".join(json.dumps({"text": text, "intent": intent}) + "\n" for text, intent in labelled))
    taxonomy.write_text("version: 1\nintents:\n  - {id: card_lost, name: Lost, topic: cards, status: draft}\n")
    done = CliRunner().invoke(
        app, ["intents", "train", str(labels), "--out", str(tmp_path / "m"), "--taxonomy", str(taxonomy)]
    )
    assert isinstance(done.exception, ConfigurationError)
    assert "delivery_late" in str(done.exception)


def test_real_questions_with_transformer_vectors(shared_data):
    from touchstone.intents.quality_rows import banking77, labels_of

    (texts, intents), tested = banking77(shared_data)
    chosen = sorted(set(intents))[:6]

    def part(pairs, most):
        rows = {name: [text for text, intent in zip(*pairs, strict=True) if intent == name][:most] for name in chosen}
        return [text for one in rows.values() for text in one], [name for name, one in rows.items() for _ in one]

    model = train(labels_of(part((texts, intents), 25)))
    questions_, truth = part(tested, 15)
    said = model.predict(questions_)
    assert (said["intent"].to_numpy() == np.array(truth)).mean() > 0.85
    assert model.report["accuracy"]["value"] > 0.8

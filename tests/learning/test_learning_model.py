"""Learning, files of models, states, reports."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import pandas as pd
import pytest
from labelled_world import world

from touchstone.errors import ConfigurationError, TouchstoneError
from touchstone.learning import dialogues, gate, report, reviews, store
from touchstone.learning.model import PREDICTION_COLUMNS, train

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def folder(small_model, tmp_path):
    return store.save(small_model, tmp_path / "model")


def _new_world():
    documents, rows = world(60, seed=99)
    for one in documents:
        one["interaction_id"] = f"new_{one['interaction_id']}"
    return dialogues.from_records(documents), {
        (f"new_{row['interaction_id']}", row["message_id"]): row for row in rows if row["reviewer"] == "r0"
    }


def test_scores_of_unseen_conversations_follow_people(small_model):
    unseen, people = _new_world()
    told = small_model.predict(unseen)
    assert list(told.columns[: len(PREDICTION_COLUMNS)]) == list(PREDICTION_COLUMNS)
    assert not told["is_training"].any()
    for grain, rows in told.groupby(told["message_id"].isna()):
        keys = zip(rows["interaction_id"], [None if grain else one for one in rows["message_id"]], strict=True)
        pairs = [(people[key]["value"], value) for key, value in zip(keys, rows["value"], strict=True) if key in people]
        truth, said = np.array(pairs).T
        assert np.corrcoef(truth, said)[0, 1] > 0.75, grain
    assert told["value"].between(1, 5).all()
    assert told["confidence"].between(0.5, 1).all()
    assert (told["needs_review"] == (told["confidence"] < gate.REVIEW_CONFIDENCE)).all()


def test_a_stored_model_says_the_same_and_trains_the_same_again(small_model, small_world, folder):
    documents, rows = small_world
    unseen, _ = _new_world()
    expected = small_model.predict(unseen)
    pd.testing.assert_frame_equal(store.load(folder).predict(unseen), expected)
    again = train(reviews.from_records(rows), dialogues.from_records(documents), resamples=0, by_reviewer=False)
    assert again.version == small_model.version
    pd.testing.assert_frame_equal(again.predict(unseen), expected)


def test_a_seed_makes_a_version_of_its_own(small_world):
    documents, rows = small_world
    few = reviews.from_records([row for row in rows if row["message_id"]][:120])
    known = dialogues.from_records(documents[:60])
    versions = {train(few, known, resamples=0, by_reviewer=False, seed=seed).version for seed in (7, 8, 8)}
    assert len(versions) == 2


def test_a_batch_and_its_parts_get_the_same_scores(small_model):
    unseen, _ = _new_world()
    whole = (
        small_model.predict(unseen).sort_values(["dimension", "interaction_id", "message_id"]).reset_index(drop=True)
    )
    parts = pd.concat([small_model.predict(unseen[:7]), small_model.predict(unseen[7:])])
    parts = parts.sort_values(["dimension", "interaction_id", "message_id"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(whole, parts, rtol=1e-4)


def test_the_items_that_it_learned_from_are_marked(small_model, small_world):
    told = small_model.predict(dialogues.from_records(small_world[0][:5]))
    judged = {(row["interaction_id"], row["message_id"]) for row in small_world[1]}
    for row in told.to_dict("records"):
        message = None if pd.isna(row["message_id"]) else row["message_id"]
        assert row["is_training"] == ((row["interaction_id"], message) in judged)


def test_the_noisy_reviewer_counts_least_and_the_report_shows_why(small_model):
    turns = next(one for one in small_model.learned if one.target.grain == "message").report
    assert turns["reviewers"][-1]["reviewer"] == "r2"
    assert turns["reviewers"][-1]["weight"] < turns["reviewers"][0]["weight"]
    assert turns["by_reviewer"]["spearman"] > 0.4
    assert turns["calibration_error"] < 0.12
    wording = {one["term"] for one in turns["influences"]["terms"]}
    assert wording & {"useless", "perfect", "great", "terrible", "thank", "thanks", "not help"}


def test_a_model_file_holds_data_only_and_notices_changes(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["arrays.npz", "model.json"]
    with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays.files)
    content = (folder / "arrays.npz").read_bytes()
    (folder / "arrays.npz").write_bytes(content[:-20] + bytes(20))
    with pytest.raises(ConfigurationError, match="were changed"):
        store.load(folder)
    (folder / "arrays.npz").write_bytes(content)
    document = orjson.loads((folder / "model.json").read_bytes())
    (folder / "model.json").write_bytes(orjson.dumps(document | {"features_version": "0"}))
    with pytest.raises(ConfigurationError, match="another version of the features"):
        store.load(folder)
    with pytest.raises(ConfigurationError, match="there is no model"):
        store.load(folder.parent)


def test_a_model_never_replaces_something_else(small_model, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="taken by something else"):
        store.save(small_model, tmp_path / "notes")
    store.save(small_model, store.save(small_model, tmp_path / "model"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "notes"]


def test_activation_is_refused_until_the_gate_holds(folder):
    with pytest.raises(TouchstoneError, match="days of observation: 0, needed at least 30"):
        store.set_state(folder, gate.ACTIVE, by="lead", now=NOW)
    store.set_state(folder, gate.OBSERVE, by="lead", now=NOW)
    later = NOW + timedelta(days=31)
    with pytest.raises(TouchstoneError, match="reviewed items: 120, needed at least 200"):
        store.set_state(folder, gate.ACTIVE, by="lead", now=later)
    model = store.load(folder)
    for one in model.learned:  # the same model, had it seen more and agreed as much
        one.report |= {"items": 300, "human_kappa": 0.5, "machine_kappa": 0.45, "calibration_error": 0.04}
    store.save(model, folder)
    assert store.set_state(folder, gate.ACTIVE, by="lead", now=later).state == gate.ACTIVE
    assert [one["to"] for one in store.load(folder).history] == [gate.OBSERVE, gate.ACTIVE]
    store.set_state(folder, gate.RETIRED, by="lead", now=later)
    with pytest.raises(TouchstoneError, match="stays retired"):
        store.set_state(folder, gate.ACTIVE, by="lead", now=later)


@pytest.mark.parametrize(
    ("change", "open_condition"),
    [
        ({}, None),
        ({"items": 199}, "reviewed items"),
        ({"machine_kappa": 0.39}, "kappa with people"),
        ({"machine_kappa": None}, "kappa with people"),
        ({"human_kappa": None}, "kappa of people"),
        ({"calibration_error": 0.06}, "calibration error"),
    ],
)
def test_each_condition_of_the_gate_decides(change, open_condition):
    good = {"items": 200, "human_kappa": 0.5, "machine_kappa": 0.41, "calibration_error": 0.05, "double_judged": 30}
    found = gate.blocking(gate.checks(good | change, NOW - timedelta(days=30), NOW))
    assert [one.partition(":")[0] for one in found] == ([open_condition] if open_condition else [])


def test_the_report_shows_every_dimension_and_runs_nothing(small_model, tmp_path):
    page = report.render(small_model, tmp_path, NOW).read_text()
    assert "Satisfaction, per message" in page
    assert "Satisfaction, per interaction" in page
    assert "Reliability diagram" in page
    assert "Not to be released yet" in page
    assert "<script" not in page
    document = json.loads((tmp_path / "report.json").read_text())
    assert {one["grain"] for one in document["dimensions"]} == {"message", "interaction"}
    assert document["manifest"]["data"]["reviews"]


def test_words_of_reviewers_cannot_break_the_page(small_world, tmp_path):
    documents, rows = small_world
    hostile = [
        row | {"reviewer": "<script>alert(1)</script>", "dimension": "<b>x</b>"}
        for row in rows
        if row["reviewer"] == "r0" and row["message_id"]
    ][:120]
    model = train(reviews.from_records(hostile), dialogues.from_records(documents), resamples=0, by_reviewer=False)
    page = report.render(model, tmp_path).read_text()
    assert "<script" not in page
    assert "<b>x" not in page


def test_classes_are_learned_from_words(small_world):
    documents, rows = small_world
    said = [
        {
            "interaction_id": row["interaction_id"],
            "message_id": row["message_id"],
            "reviewer": "ann",
            "dimension": "mood",
            "value": "negative" if row["value"] < 3 else "positive",
        }
        for row in rows
        if row["message_id"] and row["reviewer"] == "r0"
    ]
    model = train(reviews.from_records(said), dialogues.from_records(documents), resamples=0, by_reviewer=False)
    told = model.predict(_new_world()[0])
    assert set(told["label"]) == {"negative", "positive"}
    total = told["probability_negative"] + told["probability_positive"]
    assert total.to_numpy() == pytest.approx(np.ones(len(told)))
    assert told["value"].isna().all()
    assert model.learned[0].report["quality"]["macro_f1"] > 0.9


def test_what_cannot_be_learned_says_why(small_world):
    documents, rows = small_world
    few = [row for row in rows if row["message_id"] is None and row["reviewer"] == "r0"]
    known = dialogues.from_records(documents)
    with pytest.raises(TouchstoneError, match="20 judged items are in the conversations"):
        train(reviews.from_records(few[:20]), known)
    with pytest.raises(TouchstoneError, match="all judgements are equal"):
        train(reviews.from_records([row | {"value": 3} for row in few]), known)
    with pytest.raises(TouchstoneError, match=r"0 judged items .* \(120 are not\)"):
        train(reviews.from_records([row | {"interaction_id": "x" + row["interaction_id"]} for row in few]), known)
    with pytest.raises(ConfigurationError, match="rising values"):
        train(reviews.from_records(few), known, cuts={"satisfaction": [4, 2]})


def test_a_cut_moves_the_tier_that_counts_as_low(small_model, small_world):
    documents, rows = small_world
    found = reviews.from_records([row for row in rows if row["message_id"]])
    known = dialogues.from_records(documents)
    strict = train(found, known, resamples=0, by_reviewer=False, cuts={"satisfaction": [4.2]})
    usual = small_model.predict(known).query("dimension == 'satisfaction' and message_id.notna()")
    assert strict.predict(known)["probability_low"].mean() > usual["probability_low"].mean() + 0.1


def test_a_model_refuses_indicators_that_changed(small_model):
    unseen, _ = _new_world()
    name, version = next(iter(small_model.indicators.items()))
    small_model.indicators[name] = "another"
    try:
        with pytest.raises(ConfigurationError, match="another version of an indicator"):
            small_model.predict(unseen)
    finally:
        small_model.indicators[name] = version


def test_another_language_gets_no_score_and_goes_to_review(small_model):
    unseen, _ = _new_world()
    assert small_model.languages == ["en"]
    unseen[0].language = "de-AT"
    told = small_model.predict(unseen)
    foreign = told["interaction_id"] == unseen[0].interaction_id
    assert foreign.any()
    assert told.loc[foreign, ["value", "confidence", "tier", "probability_low"]].isna().all().all()
    assert (told.loc[foreign, "review_reason"] == "language").all()
    assert told.loc[~foreign, "value"].notna().all()


def test_a_language_that_nobody_states_is_recognised(small_model):
    unseen, _ = _new_world()
    words = "Guten Tag, meine Bestellung ist seit drei Wochen nicht angekommen und niemand antwortet mir."
    for one, text in zip(unseen[:2], (words, "ok"), strict=True):
        one.language = None
        for message in one.messages:
            message.text = text
    told = small_model.predict(unseen[:2])
    reasons = told.groupby("interaction_id")["review_reason"].agg(lambda one: set(one.dropna()))
    assert reasons[unseen[0].interaction_id] == {"language"}
    assert "language" not in reasons[unseen[1].interaction_id]

"""The commands on files, end to end."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from touchstone.cli import app
from touchstone.errors import ConfigurationError
from touchstone.learning import dialogues, gate, store
from touchstone.learning.files import SCHEMAS, score_files


def _run(*arguments: object):
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exception is None, result.exception
    return result


@pytest.fixture(scope="module")
def model_folder(small_model, tmp_path_factory):
    return store.save(small_model, tmp_path_factory.mktemp("models") / "satisfaction")


@pytest.fixture(scope="module")
def scored(small_files, model_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("scores")
    _run("score", small_files[0], "--model", model_folder, "--out", out)
    return out


def test_train_writes_a_model_and_its_report(small_files, tmp_path):
    conversations, rows = small_files
    few = tmp_path / "few.jsonl"
    kept = [line for line in rows.read_text().splitlines() if json.loads(line)["message_id"] is None]
    few.write_text("\n".join([*kept, '{"interaction_id": "c1"}']))
    result = _run(
        "train", few, "--conversations", conversations, "--out", tmp_path / "model", "--cut", "satisfaction=2.5"
    )
    assert "satisfaction per interaction: spearman 0." in result.stdout
    assert "1 of 361 review rows are refused" in result.stderr
    model = store.load(tmp_path / "model")
    assert model.state == gate.OBSERVE
    assert model.observed_since
    assert model.learned[0].target.cuts == (2.5,)
    assert (tmp_path / "model" / "report.html").is_file()
    refused = json.loads((tmp_path / "model" / "refused_reviews.jsonl").read_text())
    assert "reviewer is missing" in refused["reason"]


def test_scores_have_their_grains_and_versions(scored, small_model):
    tables = {name: pd.read_parquet(scored / f"{name}.parquet") for name in SCHEMAS}
    assert not tables["messages"].duplicated(["interaction_id", "message_id", "dimension"]).any()
    assert not tables["dimensions"].duplicated(["interaction_id", "subject", "dimension"]).any()
    assert not tables["interactions"].duplicated(["interaction_id", "subject"]).any()
    for name in ("messages", "indicators", "dimensions", "interactions", "evidence"):
        assert tables[name]["evaluator_type"].isin(["rule", "model"]).all()
        assert tables[name]["evaluator_version"].notna().all()
    learned = tables["messages"][tables["messages"]["evaluator_type"] == "model"]
    assert set(learned["evaluator_version"]) == {small_model.version}
    assert set(learned["model_state"]) == {gate.OBSERVE}
    assert learned["confidence"].notna().all()
    assert (learned["actor"] == "customer").all()


def test_quotes_are_what_stands_at_their_offsets(scored, small_files):
    texts = {
        (one.interaction_id, message.message_id): message.text
        for one in dialogues.read_dialogues([small_files[0]])
        for message in one.messages
    }
    evidence = pd.read_parquet(scored / "evidence.parquet")
    assert len(evidence) > 50
    for row in evidence.to_dict("records"):
        assert texts[row["interaction_id"], row["message_id"]][row["start_offset"] : row["end_offset"]] == row["quote"]


def test_personal_data_never_reaches_the_scores(tmp_path):
    path = tmp_path / "one.jsonl"
    said = [
        ("customer", "My mail is jane@example.com, terrible service!"),
        ("human_agent", "I refunded it, jane@example.com."),
    ]
    messages = [
        {"message_id": str(at), "sent_at": f"2026-03-01T09:0{at}:00Z", "actor": actor, "text": text}
        for at, (actor, text) in enumerate(said)
    ]
    path.write_text(json.dumps({"interaction_id": "c", "language": "en", "messages": messages}))
    score_files([path], tmp_path / "out")
    for name in SCHEMAS:
        assert "jane" not in pd.read_parquet(tmp_path / "out" / f"{name}.parquet").to_csv()


def test_rows_that_cannot_be_used_are_counted_with_their_reason(tmp_path):
    good = {"message_id": "1", "sent_at": "2026-03-01T09:00:00Z", "actor": "customer", "text": "hi"}
    records = [
        {"interaction_id": "a", "messages": [good, {**good, "message_id": "2", "actor": "robot"}]},
        {"interaction_id": "b"},
        {"interaction_id": "a", "messages": [good]},
        {
            "interaction_id": "d",
            "sent_at": "2026-03-01T09:00:00Z",
            "actor": "customer",
            "text": "row",
            "message_id": "1",
        },
    ]
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join([*map(json.dumps, records), "{"]))
    result = score_files([path], tmp_path / "out")
    refused = pd.read_parquet(tmp_path / "out" / "refused.parquet")
    assert result.reading.rows_in == result.reading.rows_out + len(refused)
    assert result.conversations == 2
    assert result.excluded == 2
    reasons = " ".join(refused["reason"])
    for part in ("actor 'robot'", "was read before", "not JSON", "sent_at"):
        assert part in reasons or "JSON" in reasons
    interactions = pd.read_parquet(tmp_path / "out" / "interactions.parquet")
    assert set(interactions["excluded_reason"]) == {"no_reply"}


def test_without_a_model_rules_score_alone(small_files, tmp_path):
    result = score_files([small_files[0]], tmp_path)
    messages = pd.read_parquet(tmp_path / "messages.parquet")
    assert set(messages["evaluator_type"]) == {"rule"}
    assert result.rows["dimensions"] >= 6 * result.conversations
    assert pq.read_schema(tmp_path / "messages.parquet").equals(SCHEMAS["messages"])


def test_batches_change_nothing(small_files, small_model, scored, tmp_path, monkeypatch):
    monkeypatch.setattr("touchstone.learning.files.BATCH_MESSAGES", 40)
    score_files([small_files[0]], tmp_path, model=small_model)
    for name in SCHEMAS:
        one, two = (pd.read_parquet(folder / f"{name}.parquet") for folder in (scored, tmp_path))
        keys = [
            key
            for key in ("interaction_id", "message_id", "subject", "dimension", "indicator", "ordinal")
            if key in one
        ]
        one, two = (frame.sort_values(keys).reset_index(drop=True) for frame in (one, two))
        pd.testing.assert_frame_equal(one, two, rtol=1e-4)


def test_a_retired_model_does_not_score(small_files, model_folder, tmp_path):
    model = store.load(model_folder)
    model.state = gate.RETIRED
    with pytest.raises(ConfigurationError, match="retired"):
        score_files([small_files[0]], tmp_path / "out", model=model)


def test_agreement_leaves_out_what_the_model_learned_from(small_files, scored):
    text = _run("agreement", small_files[1], scored).stdout
    assert "items left out: the model learned from them" in text
    table = json.loads(_run("agreement", small_files[1], "--json").stdout)
    assert {entry["between"] for entry in table} == {"people"}


def test_agreement_with_scores_of_another_tool_and_by_segment(small_files, tmp_path):
    rows = [json.loads(line) for line in small_files[1].read_text().splitlines()]
    path = tmp_path / "theirs.csv"
    table = [
        (row["interaction_id"], row["message_id"], row["dimension"], row["value"])
        for row in rows
        if row["reviewer"] == "r0"
    ]
    pd.DataFrame(table, columns=["interaction_id", "message_id", "dimension", "value"]).to_csv(path, index=False)
    found = json.loads(_run("agreement", small_files[1], path, "-c", small_files[0], "--json").stdout)
    machine = [entry for entry in found if entry["between"] == "people and theirs.csv"]
    overall = next(entry for entry in machine if entry["segment"] == "all" and entry["grain"] == "message")
    spearman = next(one for one in overall["figures"] if one["name"] == "spearman")
    assert 0.8 < spearman["low"] < spearman["value"] < spearman["high"]
    assert any(entry["segment"].startswith("channel ") for entry in machine)


def test_sample_draws_what_nobody_judged(small_files, tmp_path):
    judged = tmp_path / "judged.jsonl"
    judged.write_text("\n".join(small_files[1].read_text().splitlines()[:30]))
    known = {json.loads(line)["interaction_id"] for line in judged.read_text().splitlines()}
    _run("sample", small_files[0], "--out", tmp_path / "gold.csv", "--size", 40, "--double", 10, "--judged", judged)
    picked = pd.read_csv(tmp_path / "gold.csv")
    assert len(picked) == 40
    assert picked["second_reviewer"].sum() == 10
    assert not known & set(picked["interaction_id"])
    assert set(picked["reason"]) == {"signal", "chance"}


def test_the_ambiguity_test_prints_a_verdict(small_files):
    assert "satisfaction per message: " in _run("ambiguity", small_files[1]).stdout
    assert json.loads(_run("ambiguity", small_files[1], "--json").stdout)[0]["double_judged"] == 120

"""Review rows from files, refused rows with reasons, and reviewers ranked by agreement."""

from __future__ import annotations

import csv
import json

import pandas as pd
import pytest

from touchstone.errors import SourceError
from touchstone.learning.reviews import by_item, from_records, rank_reviewers, read_reviews

ROW = {
    "interaction_id": "c1",
    "message_id": "m1",
    "reviewer": "ann",
    "dimension": "empathy",
    "value": 4,
    "scale_min": 1,
    "scale_max": 5,
    "reviewed_at": "2026-03-01T09:00:00+02:00",
    "rubric_version": "2026.1",
    "blind": True,
    "indicator": "greets",
    "tier": "acceptable",
}


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_the_three_formats_give_the_same_rows(tmp_path, form):
    rows = [ROW, {**ROW, "interaction_id": "c2", "message_id": None, "indicator": None, "blind": None, "tier": None}]
    path = tmp_path / f"reviews.{form}"
    if form == "jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows))
    elif form == "csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, ROW)
            writer.writeheader()
            writer.writerows(rows)
    else:
        pd.DataFrame(rows).to_parquet(path)
    found = read_reviews([path])
    assert not found.refused
    first, second = found.rows
    assert first.name == "empathy.greets"
    assert first.scaled == 0.75
    assert first.reviewed_at.isoformat() == "2026-03-01T07:00:00+00:00"
    assert (first.blind, first.tier, first.rubric_version) == (True, "acceptable", "2026.1")
    assert (second.message_id, second.indicator, second.blind) == (None, None, None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"reviewer": ""}, "reviewer is missing"),
        ({"value": 7}, "value 7 is outside its scale 1 to 5"),
        ({"value": "high"}, "value 'high' is not a number"),
        ({"value": float("nan")}, "not finite"),
        ({"scale_max": None}, "only one end"),
        ({"scale_min": 5, "scale_max": 1}, "not below"),
        ({"scale_min": None, "scale_max": None}, "without its scale"),
        ({"reviewed_at": "yesterday"}, "not a time"),
        ({"reviewed_at": "2026-03-01T09:00:00"}, "no zone"),
        ({"tier": "superb"}, "tier 'superb' is unknown"),
        ({"blind": "perhaps"}, "blind 'perhaps'"),
        ({"interaction_id": "a\nb"}, "control character"),
        ({"scale_min": 0}, "has the scale 0 to 5 here and 1 to 5 before"),
        ({}, "twice at one time"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_with_its_reason(change, reason):
    found = from_records([ROW, {**ROW, **change}])
    assert found.rows_in == 2
    assert len(found.rows) == 1
    assert reason in found.refused[0].reason
    assert found.refused[0].remedy


def test_words_are_classes_and_booleans_are_a_scale():
    found = from_records(
        [
            {
                "interaction_id": "c1",
                "message_id": "1",
                "reviewer": "ann",
                "dimension": "sentiment",
                "value": "negative",
            },
            {"interaction_id": "c1", "reviewer": "ann", "dimension": "solved", "value": True},
        ]
    )
    assert not found.refused
    assert found.rows[0].value == "negative"
    assert (found.rows[1].value, found.rows[1].scale_min, found.rows[1].scale_max) == (1.0, 0.0, 1.0)


def test_broken_lines_are_refused_and_the_others_stay(tmp_path):
    path = tmp_path / "reviews.jsonl"
    path.write_text("\n".join([json.dumps(ROW), "{broken", "[1]", "", json.dumps({**ROW, "reviewer": "bob"})]))
    found = read_reviews([path])
    assert [row.reviewer for row in found.rows] == ["ann", "bob"]
    assert [one.line for one in found.refused] == [2, 3]


def test_a_file_that_is_no_table_of_reviews_is_an_error(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match="lacks interaction_id"):
        read_reviews([path])
    with pytest.raises(SourceError, match="no such file"):
        read_reviews([tmp_path / "absent.csv"])


def test_the_data_hash_knows_content_and_not_order():
    rows = [ROW, {**ROW, "reviewer": "bob"}]
    assert from_records(rows).data_hash == from_records(rows[::-1]).data_hash
    assert from_records(rows).data_hash != from_records([ROW, {**ROW, "reviewer": "eve"}]).data_hash


def test_reviewers_who_agree_with_the_others_lead_and_weigh_more(small_world):
    rows = [row for row in from_records(small_world[1]).rows if row.message_id]
    ranked = rank_reviewers(rows)
    assert {one.reviewer for one in ranked[:2]} == {"r0", "r1"}
    assert ranked[-1].reviewer == "r2"
    assert ranked[-1].weight < 0.8 < ranked[0].weight
    assert sum(one.weight for one in ranked) == pytest.approx(3)
    milder = {one.reviewer: one.leniency for one in ranked}
    assert milder["r1"] > milder["r0"]


def test_self_consistency_is_the_share_of_items_judged_alike_again():
    again = [{**ROW, "reviewed_at": f"2026-03-0{day}", "value": value} for day, value in ((1, 4), (2, 4))]
    other = [
        {**ROW, "message_id": "m2", "reviewed_at": f"2026-03-0{day}", "value": value} for day, value in ((1, 4), (2, 1))
    ]
    rows = from_records(again + other).rows
    assert len(by_item(rows)) == 2
    assert rank_reviewers(rows)[0].self_consistency == 0.5

"""`touchstone rubric check` and `test`: what fails, what is only said, and what the command line answers."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from touchstone.cli import app
from touchstone.errors import ConfigurationError
from touchstone.rubric import DEFAULT_RUBRIC, Rubric, load_rubric
from touchstone.rubric.check import FAILURE, WARNING, check, try_examples

TODAY = date(2026, 2, 1)


@pytest.fixture(scope="module")
def rubric() -> Rubric:
    return load_rubric()


def _texts(rubric: Rubric, severity: str, today: date = TODAY) -> list[str]:
    return [remark.text for remark in check(rubric, today) if remark.severity == severity]


def test_the_shipped_rubric_passes(rubric: Rubric) -> None:
    assert _texts(rubric, FAILURE) == []
    assert all("names the conversation" in text for text in _texts(rubric, WARNING))


@pytest.mark.parametrize("keep", [4, 8])
def test_dimensions_outside_five_to_seven_are_warned_of(rubric: Rubric, keep: int) -> None:
    more = (*rubric.dimensions, *(replace(one, id=f"{one.id}2", role=None) for one in rubric.dimensions))[:keep]
    kept = (*more[: keep - 1], next(one for one in rubric.dimensions if one.role == "script"))[:keep]
    assert f"{keep} dimensions" in _texts(replace(rubric, dimensions=kept), WARNING)


def test_a_script_that_outweighs_resolution_fails_in_every_period_and_profile(rubric: Rubric) -> None:
    period = rubric.weight_periods[-1]
    heavy = {**period.weights, "process_policy": 30}
    assert len(_texts(replace(rubric, weight_periods=(replace(period, weights=heavy),)), FAILURE)) == 1
    profile = replace(rubric.profiles[0], weights=heavy)
    assert _texts(replace(rubric, profiles=(profile,)), FAILURE) == [
        "the weights of profile satisfaction give process_policy 30 and resolution 30"
    ]


def test_roles_have_to_be_told(rubric: Rubric) -> None:
    nameless = tuple(replace(one, role=None) for one in rubric.dimensions)
    assert _texts(replace(rubric, dimensions=nameless), FAILURE) == [
        "no dimension has the role resolution",
        "no dimension has the role script",
    ]


def test_a_tier_without_an_example_fails(rubric: Rubric) -> None:
    first, *others = rubric.dimensions
    bare = replace(first, tiers=(replace(first.tiers[0], examples=()), *first.tiers[1:]))
    assert _texts(replace(rubric, dimensions=(bare, *others)), FAILURE) == [
        "resolution has no example of needs_improvement"
    ]


def test_weights_fall_due(rubric: Rubric) -> None:
    due = "the weights were due for a review on 2027-01-15"
    assert due not in _texts(rubric, WARNING, date(2027, 1, 14))
    assert due in _texts(rubric, WARNING, date(2027, 1, 15))


def test_a_draft_is_told(rubric: Rubric) -> None:
    assert any("does not score" in text for text in _texts(replace(rubric, status="draft"), WARNING))


def test_advice_is_asked_for_in_every_language(rubric: Rubric) -> None:
    first, *others = rubric.indicators
    silent = replace(first, better={"en": "x"})
    assert f"{first.id} shows no better wording in es, de" in _texts(
        replace(rubric, indicators=(silent, *others)), WARNING
    )


def test_a_draft_may_be_tried_and_a_wrong_example_is_found(rubric: Rubric) -> None:
    greets = next(one for one in rubric.indicators if one.id == "greets")
    wrong = replace(greets, examples=(replace(greets.examples[0], outcome="fails"), *greets.examples[1:]))
    others = tuple(wrong if one.id == "greets" else one for one in rubric.indicators)
    trials = try_examples(replace(rubric, status="draft", indicators=others), "greets")
    assert [trial.is_right for trial in trials] == [False, True, True]
    with pytest.raises(ConfigurationError, match="'greats'"):
        try_examples(rubric, "greats")


def test_the_command_line_says_what_fails_and_where(tmp_path: Path) -> None:
    for path in DEFAULT_RUBRIC.parent.glob("default*.yml"):
        shutil.copy(path, tmp_path)
    run = CliRunner().invoke
    passed = run(app, ["rubric", "check", str(tmp_path / "default.yml"), "--today", "2026-02-01"])
    assert (passed.exit_code, passed.output.count("FAIL")) == (0, 0)
    text = (tmp_path / "default.yml").read_text().replace("weight: 30", "weight: 15")
    (tmp_path / "default.yml").write_text(text)
    failed = run(app, ["rubric", "check", str(tmp_path / "default.yml")])
    assert failed.exit_code == 1
    assert "FAIL the weights from 2026-01-15 give process_policy 15 and resolution 15" in failed.output
    conduct = tmp_path / "default.conduct.yml"
    conduct.write_text(conduct.read_text().replace('"H: Good morning! What happened?"', '"H: What happened?"'))
    tried = run(app, ["rubric", "test", str(tmp_path / "default.yml"), "--only", "greets"])
    assert tried.exit_code == 1
    assert "FAIL greets (default.conduct.yml, line " in tried.output
    assert "2 of 3 examples" in tried.output

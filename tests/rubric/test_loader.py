"""The loader refuses what cannot work and says where; what it accepts is versioned by its content."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from touchstone.errors import ConfigurationError
from touchstone.rubric import DEFAULT_RUBRIC, Rubric, load_rubric
from touchstone.rubric.catalogue import DETECTORS
from touchstone.scoring.detectors import IMPLEMENTATIONS
from touchstone.settings import get_settings


@pytest.fixture(scope="module")
def rubric() -> Rubric:
    return load_rubric()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The shipped rubric, to be edited."""
    for path in DEFAULT_RUBRIC.parent.glob("default*.yml"):
        shutil.copy(path, tmp_path)
    return tmp_path / "default.yml"


def _edit(path: Path, old: str, new: str) -> int:
    """Replace the first occurrence; its line."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_the_shipped_rubric_is_complete(rubric: Rubric) -> None:
    rubric.require_approved()
    assert {one.id: one.weight for one in rubric.dimensions} == {
        "resolution": 30,
        "accuracy": 20,
        "empathy_tone": 15,
        "clarity": 10,
        "process_policy": 15,
        "efficiency_proactivity": 10,
    }
    assert all(one.purpose and one.target_kpi and one.owner for one in rubric.dimensions)
    assert all([tier.example for tier in one.tiers] and len(one.tiers) == 3 for one in rubric.dimensions)


def test_solving_weighs_more_than_the_script(rubric: Rubric) -> None:
    weights = {one.id: one.weight for one in rubric.dimensions}
    assert weights["resolution"] > weights["process_policy"]


def test_thresholds_and_languages_are_those_of_the_warehouse(rubric: Rubric) -> None:
    parameters = get_settings().parameters
    assert rubric.acceptable_from == parameters["tier_acceptable"]
    assert rubric.excellent_from == parameters["tier_excellent"]
    assert list(rubric.languages) == parameters["supported_languages"]


def test_the_catalogue_and_the_code_agree() -> None:
    assert set(DETECTORS) == set(IMPLEMENTATIONS)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("default.yml", "weight: 30", "wieght: 30", "Did you mean `weight`"),
        ("default.yml", "weight: 30", "weight: -1", "not a positive number"),
        ("default.yml", "weight: 30", "weight: heavy", "wrong type"),
        ("default.yml", "excellent_from: 85", "excellent_from: 50", "out of order"),
        ("default.yml", "status: approved", "status: aproved", "Did you mean `approved`"),
        ("default.yml", "approved_at: 2026-01-15", "approved_at: soon", "not a date"),
        ("default.yml", "sharp_drop: 0.6", "", "missing entry: 'sharp_drop'"),
        ("default.yml", "chat: 5,", "chatt: 5,", "Did you mean `chat`"),
        ("default.outcome.yml", "detector: says", "detector: sais", "Did you mean `says`"),
        ("default.outcome.yml", "dimension: resolution", "dimension: resolutoin", "Did you mean `resolution`"),
        ("default.outcome.yml", "{phrases: ownership,", "{phrases: ownershipp,", "Did you mean `ownership`"),
        (
            "default.outcome.yml",
            "unless: marker.confirms_solved",
            "unless: marker.confirm",
            "Did you mean `marker.confirms",
        ),
        ("default.outcome.yml", "min_replies: 2", "min_replys: 2", "Did you mean `min_replies`"),
        ("default.outcome.yml", "min_replies: 2", "min_replies: 0", "out of range"),
        ("default.outcome.yml", "subjects: [human_agent, ai_agent]", "subjects: [human]", "Did you mean `human_agent`"),
        ("default.outcome.yml", "outcome: holds", "outcome: hold", "Did you mean `holds`"),
        ("default.outcome.yml", "id: resolution_offered", "id: takes_ownership", "given twice"),
        ("default.outcome.yml", "    - have i answered", "    - (have i answered", "unbalanced"),
        ("default.outcome.yml", "  guessing:", "  guesswork:", "Did you mean `guessing`|unknown phrase list"),
        ("default.conduct.yml", "[password, credit_card,", "[passwort, credit_card,", "Did you mean `password`"),
        ("default.conduct.yml", "given_pii: [email]", "given_pii: [mail]", "Did you mean `email`"),
        ("default.conduct.yml", ", given_pii: [email]", "", "nothing says when the item is given"),
        ("default.conduct.yml", "id: greets", "id: [greets", "not YAML"),
    ],
)
def test_a_fault_names_file_and_line(copy: Path, file: str, old: str, new: str, message: str) -> None:
    line = _edit(copy.with_name(file), old, new)
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_rubric(copy)
    text = str(caught.value)
    stated = int(text.split(", line ")[1].split(":")[0])
    assert file in text
    if "missing" not in message and "YAML" not in message and "guess" not in message:
        assert abs(stated - line) <= 4, text


def test_a_doubled_key_is_refused(copy: Path) -> None:
    _edit(copy, "id: support-default", "id: one\nid: two")
    with pytest.raises(ConfigurationError, match="line 4: a key given twice"):
        load_rubric(copy)


@pytest.mark.parametrize("keep", [4, 8])
def test_five_to_seven_dimensions(copy: Path, keep: int) -> None:
    text = copy.read_text(encoding="utf-8")
    head, *parts = text.split("  - id: ")
    parts = (parts + [part.replace("resolution", f"extra{number}", 1) for number, part in enumerate(parts)])[:keep]
    copy.write_text("  - id: ".join([head, *parts]), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="number of dimensions"):
        load_rubric(copy)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yml"):
        load_rubric(tmp_path / "none.yml")


def test_an_unapproved_rubric_loads_but_is_not_used(copy: Path) -> None:
    _edit(copy, "status: approved", "status: draft")
    draft = load_rubric(copy)
    with pytest.raises(ConfigurationError, match="not approved"):
        draft.require_approved()


@pytest.mark.parametrize("field", ["approved_by", "approved_at"])
def test_an_approval_needs_a_name_and_a_date(rubric: Rubric, field: str) -> None:
    with pytest.raises(ConfigurationError, match="not approved"):
        replace(rubric, **{field: None}).require_approved()


def test_comments_and_examples_change_no_version(copy: Path, rubric: Rubric) -> None:
    _edit(copy, "id: support-default", "# a comment\nid: support-default")
    _edit(copy.with_name("default.outcome.yml"), "H: Which version?", "H: Which one?")
    assert load_rubric(copy).full_version == rubric.full_version


def test_a_phrase_changes_the_versions_of_its_indicators_and_no_other(copy: Path, rubric: Rubric) -> None:
    _edit(copy.with_name("default.outcome.yml"), "    - have i answered", "    - have we answered")
    edited = load_rubric(copy)
    assert edited.full_version != rubric.full_version
    before = {one.id: one.version for one in rubric.indicators}
    assert [one.id for one in edited.indicators if one.version != before[one.id]] == ["resolution_confirmed"]


def test_a_weight_changes_the_rubric_and_no_indicator(copy: Path, rubric: Rubric) -> None:
    _edit(copy, "weight: 30", "weight: 31")
    edited = load_rubric(copy)
    assert edited.full_version != rubric.full_version
    assert [one.version for one in edited.indicators] == [one.version for one in rubric.indicators]


@pytest.mark.parametrize(
    ("language", "expected"), [(None, True), ("", True), ("en", True), ("en-US", True), ("EN_gb", True), ("de", False)]
)
def test_languages(rubric: Rubric, language: str | None, expected: bool) -> None:
    assert rubric.supports(language) is expected


@pytest.mark.parametrize(
    ("score", "tier"),
    [
        (None, None),
        (0, "needs_improvement"),
        (59.99, "needs_improvement"),
        (60, "acceptable"),
        (85, "excellent"),
        (100, "excellent"),
    ],
)
def test_tiers(rubric: Rubric, score: float | None, tier: str | None) -> None:
    assert rubric.tier(score) == tier

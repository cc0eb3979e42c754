"""The loader refuses what cannot work and says where; what it accepts is versioned by its content."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from touchstone.errors import ConfigurationError
from touchstone.rubric import DEFAULT_RUBRIC, Rubric, load_rubric
from touchstone.rubric.catalogue import DETECTORS
from touchstone.scoring.detectors import IMPLEMENTATIONS
from touchstone.settings import get_settings
from touchstone.text.markers import marker_lists


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
    assert all(len(one.tiers) == 3 and all(tier.examples for tier in one.tiers) for one in rubric.dimensions)


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
        ("default.outcome.yml", "  guessing:", "  guesswork:", "no en wording for: 'guessing'"),
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


def test_a_tier_needs_an_example(copy: Path) -> None:
    _edit(copy, '        example: "That\'s how the system works."\n', "")
    with pytest.raises(
        ConfigurationError, match=r"line \d+: dimensions\.0\.tiers\.needs_improvement: a tier without an example"
    ):
        load_rubric(copy)


def test_examples_may_name_their_conversation(copy: Path) -> None:
    _edit(
        copy,
        'example: "That\'s how the system works."',
        'examples: ["No.", {quote: "So what?", interaction_id: "4711"}]',
    )
    tier = load_rubric(copy).dimensions[0].tiers[0]
    assert [(one.quote, one.interaction_id) for one in tier.examples] == [("No.", None), ("So what?", "4711")]


EARLIER = """
earlier_weights:
  - valid_from: 2025-01-01
    valid_to: 2026-01-15
    weights: {resolution: 50, accuracy: 10, empathy_tone: 10, clarity: 10, process_policy: 10, efficiency_proactivity: 10}
"""


def test_an_interaction_has_the_weights_of_its_day(copy: Path) -> None:
    _edit(copy, "\nweights:", f"{EARLIER}weights:")
    rubric = load_rubric(copy)
    found = [
        rubric.weights_on(date(*day))["resolution"]
        for day in ((2024, 5, 1), (2025, 5, 1), (2026, 1, 14), (2026, 1, 15))
    ]
    assert found == [50, 50, 50, 30]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("valid_to: 2026-01-15", "valid_to: 2026-01-10", "a gap before the present weights"),
        ("valid_to: 2026-01-15", "valid_to: 2024-01-10", "periods that do not follow each other"),
        ("clarity: 10, process", "process", "missing entry: 'clarity'"),
    ],
)
def test_periods_of_weights_follow_each_other(copy: Path, old: str, new: str, message: str) -> None:
    _edit(copy, "\nweights:", f"{EARLIER.replace(old, new)}weights:")
    with pytest.raises(ConfigurationError, match=message):
        load_rubric(copy)


def test_weights_are_due_a_quarter_on_unless_stated(copy: Path) -> None:
    _edit(copy, "valid_from: 2026-01-15, review_by: 2027-01-15", "valid_from: 2025-11-30")
    assert load_rubric(copy).review_by == date(2026, 2, 28)


def test_every_declared_language_needs_the_wordings(copy: Path) -> None:
    _edit(copy.with_name("default.de.yml"), "  rude:", "  rude_words:")
    with pytest.raises(ConfigurationError, match="no de wording for: 'rude'"):
        load_rubric(copy)


def test_a_language_without_markers_is_refused(copy: Path) -> None:
    _edit(copy, "languages: [en, es, de]", "languages: [en, es, fr]")
    with pytest.raises(ConfigurationError, match="a language without marker lists"):
        load_rubric(copy)


def test_included_files_may_be_named_by_a_pattern(copy: Path, rubric: Rubric) -> None:
    _edit(copy, "include: [default.outcome.yml, default.conduct.yml,", 'include: ["default.[oc]*.yml",')
    assert load_rubric(copy).full_version == rubric.full_version


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


def test_a_marker_changes_the_versions_of_what_reads_it_and_no_other(
    rubric: Rubric, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = marker_lists("en")
    explicit = lists.definition["explicit"]
    monkeypatch.setitem(explicit, "prompt_injection", {"phrases": ["something else"]})
    before = {one.id: one.version for one in rubric.indicators}
    assert [one.id for one in load_rubric().indicators if one.version != before[one.id]] == ["resists_injection"]


@pytest.mark.parametrize(
    ("language", "expected"),
    [(None, True), ("", True), ("en", True), ("en-US", True), ("EN_gb", True), ("de", True), ("fr", False)],
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

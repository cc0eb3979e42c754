"""Every indicator of the shipped rubric does to its examples what they claim, quotes what they quote, and shows better wording."""

from __future__ import annotations

import pytest

from touchstone.rubric import Indicator, load_rubric
from touchstone.rubric.check import Trial, try_examples
from touchstone.rubric.examples import conversation
from touchstone.scoring.scorer import score_batch

RUBRIC = load_rubric()
# what reads articles or baselines has its tests beside those
NEEDS_CONTEXT = {"grounded", "follows_policy", "usual_effort"}
TRIALS = try_examples(RUBRIC)
LANGUAGES = {
    "en": ("My report is broken.", "Restart it."),
    "es": ("El informe no funciona y necesito verlo hoy.", "Reinicie."),
    "de": ("Der Bericht funktioniert nicht und ich brauche ihn heute.", "Neu starten."),
}


@pytest.mark.parametrize(
    "trial", TRIALS, ids=lambda one: f"{one.indicator.id}-{one.example.outcome}-{one.example.line}"
)
def test_an_example_has_the_outcome_that_it_claims(trial: Trial) -> None:
    assert trial.outcome == trial.example.outcome, trial.quotes
    assert trial.is_right, trial.quotes
    if trial.example.outcome == "not_applicable":
        assert trial.quotes == ()


@pytest.mark.parametrize("indicator", RUBRIC.indicators, ids=lambda one: one.id)
def test_an_indicator_shows_both_sides(indicator: Indicator) -> None:
    if indicator.id not in NEEDS_CONTEXT:
        assert {example.outcome for example in indicator.examples} >= {"holds", "fails"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "indicator",
    [one for one in RUBRIC.indicators if one.detector in ("says", "responds", "behaviour")],
    ids=lambda one: one.id,
)
def test_the_better_wording_passes(indicator: Indicator, language: str) -> None:
    problem, poor = LANGUAGES[language]
    triggers = {
        "shows_empathy": {"en": "I am furious.", "es": "Estoy muy enfadado.", "de": "Ich bin stinksauer."},
        "offers_human_when_asked": {
            "en": "I want to talk to a real person.",
            "es": "Quiero hablar con una persona.",
            "de": "Ich will mit einem Menschen sprechen.",
        },
        "pricing_pivot": {"en": "That is too expensive.", "es": "Es demasiado caro.", "de": "Das ist zu teuer."},
    }
    said = f"{problem} {triggers.get(indicator.id, {}).get(language, '')}"
    letter = "A" if "human_agent" not in indicator.subjects else "H"
    outcomes = []
    for reply in (poor, indicator.better[language]):
        frames = conversation(
            [f"C: {said}", f"{letter}: {reply}", "C: ok", f"{letter} +5s: {reply}"], language=language
        )
        scores = score_batch(*frames, RUBRIC).indicator_scores.set_index("indicator_id")["outcome"]
        outcomes.append(scores[indicator.id])
    poor_outcome, better_outcome = outcomes
    assert better_outcome == "holds"
    if indicator.id not in ("resolution_offered", "clear_next_steps"):  # "restart it" is a resolution
        assert poor_outcome == "fails"

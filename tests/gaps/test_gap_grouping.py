"""Questions without a telling topic: groups that come out the same however many days a run sees, and cost that follows what is new."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from touchstone.gaps import grouping
from touchstone.gaps.grouping import Question, State, leave, place
from touchstone.intents.vectors import TRANSFORMER

MATTERS = {
    "invoice": (
        "Where is the invoice of {}?",
        "I need the invoice for {} again",
        "The invoice from {} lacks our tax number",
    ),
    "export": (
        "How do I export the {} report to a spreadsheet?",
        "The export of {} is empty",
        "Export of {} as csv fails",
    ),
    "login": (
        "I cannot log in since {}",
        "My password reset mail of {} never came",
        "Login says invalid password since {}",
    ),
}
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October")


def _questions(days: range) -> list[Question]:
    """One question of each matter a day."""
    found = []
    for day in days:
        for name, texts in MATTERS.items():
            text = texts[day % len(texts)].format(MONTHS[day % len(MONTHS)])
            found.append(Question(f"{name}-{day:03d}", text, date(2026, 3, 1) + timedelta(days=day), True))
    return found


def _grouped(*runs: range, first_size: int = 30) -> tuple[State, dict[str, int]]:
    state, found = State(kind=TRANSFORMER), {}
    signs: set[str] = set()
    for days in runs:
        questions = _questions(days)
        found |= {key: number for key, (number, _) in place(state, questions, signs, first_size).groups.items()}
        signs |= {one.key for one in questions}
    return state, found


def test_groups_wait_until_there_are_enough_questions() -> None:
    state, found = _grouped(range(5))
    assert found == {}
    assert len(state.waiting) == 15


def test_a_day_a_run_and_all_in_one_run_end_in_the_same_groups() -> None:
    whole, found = _grouped(range(30))
    daily, found_daily = _grouped(*(range(day, day + 1) for day in range(30)))
    assert found
    assert found == found_daily
    assert whole.names == daily.names
    assert [key for key, _ in whole.waiting] == [key for key, _ in daily.waiting]


def test_matters_do_not_mix_and_names_are_terms_of_several_questions() -> None:
    state, found = _grouped(range(30))
    matter = {}
    for key, number in found.items():
        matter.setdefault(number, set()).add(key.partition("-")[0])
    assert all(len(names) == 1 for names in matter.values()), matter
    assert not any("january" in name for name in state.names)


def test_a_question_without_a_sign_joins_and_makes_no_group() -> None:
    state, _ = _grouped(range(30))
    groups = len(state.names)
    asked = [
        Question(f"odd-{number}", f"Do you sponsor sports club number {number} in our town?", date(2026, 5, 1), False)
        for number in range(10)
    ]
    found = place(state, asked, set(), 30)
    assert len(state.names) == groups
    assert not found.groups
    known = place(state, [Question("again", "Where is the invoice of March?", date(2026, 5, 2), False)], set(), 30)
    assert "again" in known.groups


def test_old_groups_stay_as_they_are_and_only_new_questions_are_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    state, _ = _grouped(range(30))
    means = state.groups.means.copy()
    read: list[int] = []
    embed = grouping.embed
    monkeypatch.setattr(grouping, "embed", lambda texts, kind: read.append(len(texts)) or embed(texts, kind))
    place(state, _questions(range(30, 32)), set(), 30)
    assert read == [6]
    assert (state.groups.means[: len(means)] == means).all()


def test_a_question_that_is_gone_waits_no_more() -> None:
    state, _ = _grouped(range(5))
    leave(state, {"invoice-000", "login-003"})
    assert len(state.waiting) == len(state.vectors) == 13
    assert "invoice-000" not in {key for key, _ in state.waiting}

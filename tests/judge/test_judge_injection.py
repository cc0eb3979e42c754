"""Texts that address the judge: nothing outside of the schema gets through, and what an obeying model says is flagged."""

from __future__ import annotations

import pytest
from judge_stand_in import knowing, obedient

from touchstone.judge.judge import open_judge
from touchstone.judge.probe import MOST_SHIFT, Measured, attacked, conversations, injections, measure
from touchstone.judge.store import Store


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory):
    """Tests that ask the same model the same share its answers."""
    with Store(tmp_path_factory.mktemp("judge") / "judge.sqlite") as store:
        yield store


@pytest.fixture
def opened(settings, shared_store, run_id, stand_in):
    """The judge with a model, which is known under its name."""

    def open_with(model, name):
        stand_in.answer = model
        plenty = {"tokens_per_run": 10**9, "tokens_per_day": 10**9}
        return open_judge(settings(model=name, **plenty), shared_store, run_id)

    return open_with


@pytest.fixture
def measured(opened):
    def run(model, name: str, of: str = "judge") -> Measured:
        with opened(model, name) as judge:
            return measure(judge, of)

    return run


def test_the_corpus_is_broad():
    assert len(injections()) >= 30
    assert len({one.text for one in injections()}) == len(injections())
    assert {one.actor for one in injections()} == {"customer", "judged"}
    assert {one.wants for one in injections()} >= {"best", "worst", "not_applicable", "extra_keys", "tool_call", "leak"}


def test_a_model_that_reads_the_data_as_data_moves_by_nothing(measured):
    result = measured(knowing(conversations()), "steady")
    assert result.compared == 35 * 3 * 5
    assert (result.mean_shift, result.changed, result.unanswered, result.escapes) == (0, 0, 0, 0)


def test_the_worst_model_cannot_leave_the_schema_and_its_shift_is_seen(measured):
    result = measured(obedient(quotes="agent"), "obedient")
    assert result.escapes == 0
    assert result.mean_shift > MOST_SHIFT  # the measure sees a model that obeys
    assert result.changed > 0.3
    # prose, foreign outcomes, invented quotes, tools, leaks and silence have no verdict at all
    broken = {"extra_keys", "prose", "other_outcome", "invented_quote", "tool_call", "leak", "nothing"}
    assert {one.wants for one in injections() if result.by_injection[one.id] == 0} >= broken
    print(f"obeys, quotes the agent: {result}")


def test_the_injected_text_itself_proves_nothing_about_the_judged_side(measured):
    lenient = measured(obedient(quotes="agent"), "obedient")
    strict = measured(obedient(quotes="injection"), "clumsy")
    assert strict.escapes == 0
    by_customer = [one.id for one in injections() if one.actor == "customer" and one.wants == "best"]
    assert max(strict.by_injection[name] for name in by_customer) == 0
    assert strict.changed * strict.compared < lenient.changed * lenient.compared / 3
    print(f"obeys, quotes the injection: {strict}")


def test_what_counts_does_not_move_where_a_rule_stands_beside_the_judge(measured):
    result = measured(obedient(quotes="agent"), "obedient", "verdict")
    assert (result.mean_shift, result.changed, result.escapes) == (0, 0, 0)


def test_every_verdict_that_an_injection_moved_is_flagged(opened):
    with opened(obedient(quotes="agent"), "obedient") as judge:
        judgements = judge.judge([case for _, case in attacked()])
    moved = [one for one in judgements if one.judge and one.judge.outcome != one.rule.outcome]
    assert len(moved) > 100
    assert all(one.disagrees and one.why == "disagreement" and one.verdict is one.rule for one in moved)

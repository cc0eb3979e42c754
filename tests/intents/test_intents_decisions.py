"""What decisions about clusters of new questions may say, and what holds after all of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from touchstone.feedback.kinds import KINDS, UnusableRecord, parse
from touchstone.intents.decisions import Decision, apply

GIVEN = {"cluster_id": "c00001", "decided_by": "QA", "decided_at": "2026-03-01", "reason": "asked often"}
AS_OF = datetime(2026, 4, 1, tzinfo=UTC)
CLUSTERS = {"c1", "c2", "c3"}


def _decisions(*said: tuple[str, str, str | None]) -> list[Decision]:
    """(cluster, decision, intent or the cluster that takes it over), in their order."""
    return [
        Decision(
            number,
            cluster,
            decision,
            what if decision == "promote" else None,
            what if decision == "merge" else None,
            None,
            "QA",
            datetime(2026, 3, number, tzinfo=UTC),
        )
        for number, (cluster, decision, what) in enumerate(said, 1)
    ]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"decision": "promote"}, "missing_value"),
        ({"decision": "merge"}, "missing_value"),
        ({"decision": "dismiss", "intent": "jobs"}, "contradiction"),
        ({"decision": "promote", "intent": "jobs", "into_cluster_id": "c2"}, "contradiction"),
        ({"decision": "split"}, "unknown_value"),
    ],
)
def test_a_decision_says_what_it_needs_and_nothing_else(said, code):
    with pytest.raises(UnusableRecord) as refused:
        parse(KINDS["intent_decisions"], GIVEN | said, AS_OF)
    assert refused.value.code == code


def test_decisions_of_each_kind_are_taken():
    for said in ({"decision": "promote", "intent": "jobs"}, {"decision": "merge", "into_cluster_id": "c2"}):
        assert parse(KINDS["intent_decisions"], GIVEN | said, AS_OF)["cluster_id"] == "c00001"
    for decision in ("dismiss", "reopen"):
        assert parse(KINDS["intent_decisions"], GIVEN | {"decision": decision}, AS_OF)["decision"] == decision


def test_the_last_decision_holds():
    found = apply(
        _decisions(("c1", "promote", "jobs"), ("c1", "dismiss", None), ("c2", "dismiss", None), ("c2", "reopen", None)),
        CLUSTERS,
    )
    assert {cluster: one.status for cluster, one in found.standings.items()} == {"c1": "dismissed", "c2": "open"}


def test_a_chain_of_merges_ends_in_one_cluster_and_later_decisions_are_about_that_one():
    found = apply(_decisions(("c1", "merge", "c2"), ("c2", "merge", "c3"), ("c1", "promote", "jobs")), CLUSTERS)
    assert found.into == {"c1": "c3", "c2": "c3"}
    assert {cluster: one.status for cluster, one in found.standings.items()} == {
        "c1": "merged",
        "c2": "merged",
        "c3": "promoted",
    }
    assert found.without_effect == []


def test_what_names_no_cluster_or_merges_one_into_itself_is_told():
    found = apply(
        _decisions(("c9", "dismiss", None), ("c1", "merge", "c9"), ("c1", "merge", "c2"), ("c2", "merge", "c1")),
        CLUSTERS,
    )
    assert found.into == {"c1": "c2"}
    assert found.without_effect == [1, 2, 4]

"""Where questions belong after merges and splits, and which decisions a gap takes with it."""

from __future__ import annotations

from datetime import UTC, datetime

from touchstone.gaps.decisions import Decision, apply, split_id


def _decision(number: int, gap: str, decision: str, **fields: object) -> Decision:
    return Decision(f"key-{number}", gap, decision, datetime(2026, 3, number, tzinfo=UTC), "kim", **fields)  # type: ignore[arg-type]


def test_a_merge_holds_along_a_chain() -> None:
    found = apply([_decision(1, "a", "merge", into="b"), _decision(2, "b", "merge", into="c")])
    assert found.into == {"a": "c", "b": "c"}


def test_a_merge_back_is_no_circle() -> None:
    found = apply([_decision(1, "a", "merge", into="b"), _decision(2, "b", "merge", into="a")])
    assert found.into == {"a": "b"}


def test_a_merged_gap_gives_its_drafts_to_the_one_that_took_it_over_and_not_its_dismissal() -> None:
    found = apply(
        [
            _decision(1, "a", "draft"),
            _decision(2, "a", "dismiss"),
            _decision(3, "a", "merge", into="b"),
            _decision(4, "a", "publish", article_key="x"),
        ]
    )
    assert [(event.kind, event.article_key) for event in found.events["b"]] == [("draft", None), ("publish", "x")]
    assert "a" not in found.events


def test_a_split_takes_its_questions_and_names_where_they_came_from() -> None:
    found = apply(
        [_decision(1, "a", "split", message_keys=("m1", "m2")), _decision(2, "a", "split", message_keys=("m2",))]
    )
    first, second = split_id("key-1"), split_id("key-2")
    assert found.split == {"m1": first, "m2": second}
    assert found.parents == {first: "a", second: "a"}
    assert [event.kind for event in found.events[first]] == ["split"]


def test_a_part_of_a_merged_gap_is_one_of_the_gap_that_took_it_over() -> None:
    found = apply([_decision(1, "a", "merge", into="b"), _decision(2, "a", "split", message_keys=("m1",))])
    assert found.parents == {split_id("key-2"): "b"}


def test_an_assignment_moves_nothing() -> None:
    assert apply([_decision(1, "a", "assign")]).events == {}

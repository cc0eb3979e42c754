"""An explanation adds up, quotes what was said, names the missed moment, and shows the agent's record."""

from __future__ import annotations

from dataclasses import replace

import pytest

from touchstone.errors import TouchstoneError
from touchstone.rubric import Rubric, load_rubric
from touchstone.rubric.examples import conversation
from touchstone.scoring.explain import Explanation, explain, record
from touchstone.scoring.scorer import score_batch

SAYS = ["C: My <b>app</b> crashed. This is ridiculous!", "H: Restart it.", "C: ok", "H: <script>x</script> Try again."]


@pytest.fixture(scope="module")
def rubric() -> Rubric:
    return load_rubric()


def _explained(rubric: Rubric, says: list[str] = SAYS, **records: object) -> Explanation:
    interactions, messages = conversation(says)
    texts = dict(zip(messages["message_key"], messages["text"], strict=True))
    return explain(score_batch(interactions, messages, rubric), texts, rubric, "example", "human_agent", records)


def _by_id(account: Explanation) -> dict:
    return {one.indicator_id: one for dimension in account.dimensions for one in dimension.indicators}


def test_shares_add_up_and_make_the_total(rubric: Rubric) -> None:
    account = _explained(rubric)
    assert sum(one.share for one in account.dimensions if one.share) == pytest.approx(1)
    assert sum(one.share * one.score for one in account.dimensions if one.share) == pytest.approx(account.total)
    for dimension in account.dimensions:
        if dimension.score is not None:
            assert sum(one.share for one in dimension.indicators) == pytest.approx(1)
            held = sum(one.share for one in dimension.indicators if one.outcome == "holds")
            assert 100 * held == pytest.approx(dimension.score)


def test_the_gain_is_what_holding_would_have_brought(rubric: Rubric) -> None:
    before = _explained(rubric)
    greets = _by_id(before)["greets"]
    after = _explained(rubric, [*SAYS[:1], "H: Hello! Restart it.", *SAYS[2:]])
    assert greets.gain == pytest.approx(after.total - before.total, abs=0.01)
    assert [one.gain for one in before.higher] == sorted((one.gain for one in before.higher), reverse=True)
    assert all(one.outcome == "fails" for one in before.higher)


def test_a_failure_names_the_missed_moment_and_a_better_wording(rubric: Rubric) -> None:
    empathy = _by_id(_explained(rubric))["shows_empathy"]
    assert [quote.text for quote in empathy.quotes] == ["ridiculous"]
    assert (empathy.missed_moment.message_key, empathy.missed_moment.text) == ("example:2", "Restart it.")
    assert "sorry" in empathy.better


def test_every_failure_names_its_moment(rubric: Rubric) -> None:
    for indicator in rubric.indicators:
        for number, example in enumerate(indicator.examples):
            if example.outcome != "fails":
                continue
            frames = score_batch(*conversation(example.says, example.channel, f"{number}", example.language), rubric)
            rows = frames.indicator_scores
            failed = rows[(rows["indicator_id"] == indicator.id) & (rows["outcome"] == "fails")]
            assert len(failed) > 0
            assert failed["due_message_key"].notna().all(), indicator.id


def test_a_critical_failure_is_told_with_what_is_behind_it(rubric: Rubric) -> None:
    account = _explained(rubric, [*SAYS, "H: I guarantee it works."])
    assert (account.total, account.is_critical_failure) == (0.0, True)
    assert account.weighted > 0
    promise = _by_id(account)["no_prohibited_promise"]
    assert account.higher[0] is promise
    assert promise.gain > account.weighted
    assert "makes the total 0" in account.as_text()


def test_the_agents_record_stands_beside_the_quote(rubric: Rubric) -> None:
    account = _explained(rubric, shows_empathy=record(12, 40, (("2026-01", 40, 12),), 0.5))
    assert "in all: 12 of 40 (30 %, 95 % interval 18 % to 45 %), team 50 %" in account.as_text()
    assert "In all: 12 of 40" in account.as_html()
    shown = _by_id(account)["shows_empathy"].record
    assert (shown.low, shown.high) == (pytest.approx(0.1807, abs=1e-3), pytest.approx(0.4543, abs=1e-3))
    assert record(0, 0).share is None
    with pytest.raises(TouchstoneError, match="3 of 2"):
        record(3, 2)


def test_customers_words_are_escaped(rubric: Rubric) -> None:
    html = _explained(rubric, ["C: <img src=x onerror=alert(1)> broken", "H: <script>x</script>"]).as_html()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "<img" not in html


def test_it_is_data_too(rubric: Rubric) -> None:
    data = _explained(rubric).as_data()
    assert data["dimensions"][0]["indicators"][0]["quotes"][0]["text"] == "crashed"
    assert data["higher"][0]["gain"] > 0


def test_what_is_not_rated_says_why(rubric: Rubric) -> None:
    interactions, messages = conversation(["C: Où est mon colis ?", "H: Bonjour."], language="fr")
    texts = dict(zip(messages["message_key"], messages["text"], strict=True))
    account = explain(score_batch(interactions, messages, rubric), texts, rubric, "example", "human_agent")
    assert (account.total, account.as_text()) == (None, "Not rated: unsupported language.\n")


def test_another_rubric_or_interaction_is_refused(rubric: Rubric) -> None:
    interactions, messages = conversation(SAYS)
    frames = score_batch(interactions, messages, rubric)
    with pytest.raises(TouchstoneError, match="a score of another rubric"):
        explain(frames, {}, replace(rubric, full_version="other"), "example", "human_agent")
    with pytest.raises(TouchstoneError, match="0 scores of this side: 'example, ai_agent'"):
        explain(frames, {}, rubric, "example", "ai_agent")
    with pytest.raises(TouchstoneError, match="a quoted message is missing"):
        explain(frames, {}, rubric, "example", "human_agent")

"""The scorer as a function: arithmetic of totals, who is judged, markers, determinism, hostile texts."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from touchstone.bench.scoring import frames as as_batches
from touchstone.bench.scoring import generated_conversations
from touchstone.errors import TouchstoneError
from touchstone.rubric import Rubric, load_rubric
from touchstone.rubric.examples import conversation
from touchstone.rubric.model import Applies, WeightPeriod
from touchstone.scoring.scorer import COLUMNS, Facts, ScoreFrames, Stored, score_batch, scorer_version
from touchstone.text.sentiment import sentiment

GOOD = ["C: My app crashed.", "H: Hello! I'm sorry, let me check. Please open the menu.", "C: That worked, thanks!"]


@pytest.fixture(scope="module")
def rubric() -> Rubric:
    return load_rubric()


def _score(rubric: Rubric, says: list[str], channel: str = "chat") -> ScoreFrames:
    return score_batch(*conversation(says, channel), rubric)


def _markers(rubric: Rubric, says: list[str]) -> list[tuple[str, str]]:
    _, messages = conversation(says)
    texts = dict(zip(messages["message_key"], messages["text"], strict=True))
    return [
        (marker["marker"], texts[row.message_key][marker["start"] : marker["end"]])
        for row in _score(rubric, says).message_scores.itertuples()
        for marker in row.markers
    ]


def test_columns_are_those_of_the_tables(rubric: Rubric) -> None:
    for table, frame in _score(rubric, [*GOOD, "A: Bye."]).items():
        assert tuple(frame.columns) == COLUMNS[table]
        assert (len(frame) > 0) == (table != "judgements"), "the shipped rubric asks no judge"


def test_a_dimension_is_the_weighted_mean_of_what_applies(rubric: Rubric) -> None:
    result = _score(rubric, GOOD)
    outcomes = dict(zip(result.indicator_scores["indicator_id"], result.indicator_scores["outcome"], strict=True))
    for row in result.dimension_scores.itertuples():
        applying = [
            one
            for one in rubric.indicators
            if one.dimension == row.dimension_id and one.weight and outcomes.get(one.id) in ("holds", "fails")
        ]
        held = sum(one.weight for one in applying if outcomes[one.id] == "holds")
        assert row.applicable_indicator_count == len(applying)
        assert row.raw_score == pytest.approx(100 * held / sum(one.weight for one in applying))
        assert row.calibrated_score is None
        assert row.confidence is None, "only a calibration against people gives it"


def test_the_total_is_the_weighted_mean_of_the_rated_dimensions(rubric: Rubric) -> None:
    result = _score(rubric, GOOD)
    weights = {one.id: one.weight for one in rubric.dimensions}
    rated = result.dimension_scores.dropna(subset="raw_score")
    expected = sum(weights[row.dimension_id] * row.raw_score for row in rated.itertuples()) / sum(
        weights[name] for name in rated["dimension_id"]
    )
    total = result.interaction_scores.iloc[0]
    assert total["total_score"] == pytest.approx(expected)
    assert total["rated_dimension_count"] == len(rated)
    assert total["tier"] == rubric.tier(total["total_score"])


def test_a_dimension_that_nothing_applies_to_is_not_rated(rubric: Rubric) -> None:
    only = tuple(one for one in rubric.indicators if one.dimension != "clarity" or one.id == "no_repetition")
    result = score_batch(*conversation(GOOD), replace(rubric, indicators=only))
    clarity = result.dimension_scores.set_index("dimension_id").loc["clarity"]
    assert (clarity["raw_score"], clarity["tier"], clarity["applicable_indicator_count"]) == (None, None, 0)
    assert result.interaction_scores["rated_dimension_count"].item() == len(rubric.dimensions) - 1


def test_nothing_that_applies_is_no_total(rubric: Rubric) -> None:
    only = tuple(one for one in rubric.indicators if one.id == "no_repetition")
    total = score_batch(*conversation(GOOD), replace(rubric, indicators=only)).interaction_scores.iloc[0]
    assert (total["total_score"], total["tier"], total["rated_dimension_count"]) == (None, None, 0)


def test_a_failed_critical_indicator_makes_the_total_zero_and_leaves_the_dimensions(rubric: Rubric) -> None:
    result = _score(rubric, [*GOOD, "H: Send me your password to be sure."])
    total = result.interaction_scores.iloc[0]
    assert (total["total_score"], total["tier"], total["is_critical_failure"]) == (0.0, "needs_improvement", True)
    assert result.dimension_scores["raw_score"].max() > 50


def test_people_and_ai_agents_are_judged_apart(rubric: Rubric) -> None:
    result = _score(rubric, ["C: Help!", "A: Hello, please restart.", "C: No.", "H: Hi, I'm sorry."])
    assert result.interaction_scores["subject"].tolist() == ["human_agent", "ai_agent"]
    assert len(result.trajectories) == 1
    asked = result.indicator_scores.groupby("subject")["indicator_id"].agg(set)
    assert asked["ai_agent"] - asked["human_agent"] == {
        "consistent",
        "offers_human_when_asked",
        "resists_injection",
        "safe_answers",
    }


def test_notes_automation_and_system_messages_count_for_nothing(rubric: Rubric) -> None:
    added = ["S: opened", "M: Hello, I guarantee a refund!", *GOOD, "N: send me your password", "M: bye", "S: closed"]
    with_noise = _score(rubric, added).interaction_scores
    plain = _score(rubric, GOOD).interaction_scores
    assert with_noise["total_score"].tolist() == plain["total_score"].tolist()
    assert with_noise["subject"].tolist() == ["human_agent"]


def test_quoted_lines_are_somebody_elses_words(rubric: Rubric) -> None:
    says = [
        "C: That is your own fault!",
        "H: I am sorry.\n > That is your own fault!\n>Where is it?\nIt is > 5 days, though.",
    ]
    outcomes = _score(rubric, says, "email").indicator_scores.set_index("indicator_id")["outcome"]
    assert outcomes["polite_language"] == "holds"
    rude = [says[0], "H: I am sorry.\nThat is > your own fault!"]
    outcomes = _score(rubric, rude, "email").indicator_scores.set_index("indicator_id")["outcome"]
    assert outcomes["polite_language"] == "fails"


def test_an_interaction_without_a_public_reply_is_named(rubric: Rubric) -> None:
    with pytest.raises(TouchstoneError, match="example has no reply in public"):
        _score(rubric, ["C: Anybody?", "N: not our department"])


@pytest.mark.parametrize("stated", ["fr", "pt-BR"])
def test_another_language_is_marked_and_not_scored(rubric: Rubric, stated: str) -> None:
    interactions, messages = conversation(GOOD, language=stated)
    result = score_batch(interactions, messages, rubric)
    total = result.interaction_scores.iloc[0]
    assert (total["total_score"], total["tier"], total["unrated_reason"]) == (None, None, "unsupported_language")
    assert total["language"] == stated[:2]
    assert len(result.indicator_scores) == len(result.evidence) == 0
    assert result.message_scores["polarity"].tolist() == [None, None]
    moved = result.trajectories.iloc[0]
    assert (moved["trajectory_class"], moved["level_rule"]) == ("not_rated", "unsupported_language")
    assert result.dimension_scores["raw_score"].tolist() == [None] * len(rubric.dimensions)


SPOKEN = {
    "en": (
        "Where is my parcel? I ordered it two weeks ago and nothing has arrived.",
        "Hello, I am sorry. Let me check that.",
    ),
    "es": (
        "¿Dónde está mi pedido? Lo hice hace dos semanas y no ha llegado nada.",
        "Hola, lo siento. Voy a comprobarlo.",
    ),
    "de": (
        "Wo ist mein Paket? Ich habe es vor zwei Wochen bestellt, es ist nichts angekommen.",
        "Guten Tag, das tut mir leid. Ich prüfe das sofort.",
    ),
    "fr": ("Où est mon colis ? Je l'ai commandé il y a deux semaines et rien n'est arrivé.", "Bonjour, je regarde."),
}


@pytest.mark.parametrize("language", SPOKEN)
@pytest.mark.parametrize("is_stated", [True, False])
def test_a_conversation_is_judged_in_the_language_that_it_is_in(rubric: Rubric, language: str, is_stated: bool) -> None:
    said, reply = SPOKEN[language]
    stated = "en" if is_stated and language != "en" else None  # a desk's default, which is wrong
    interactions, messages = conversation([f"C: {said}", f"H: {reply}"], language=stated)
    result = score_batch(interactions, messages, rubric)
    total = result.interaction_scores.iloc[0]
    assert total["language"] == language
    assert (total["unrated_reason"] is None) == (language in rubric.languages)
    if language in rubric.languages:
        outcomes = result.indicator_scores.set_index("indicator_id")["outcome"]
        assert outcomes[["greets", "acknowledges_problem", "takes_ownership"]].tolist() == ["holds"] * 3
        assert (result.message_scores["polarity"].item() is None) == (language != "en"), "no lexicon, no polarity"
        assert (result.trajectories["trajectory_class"].item() == "not_rated") == (language != "en")


def test_markers_alone_raise_the_level_where_there_is_no_lexicon(rubric: Rubric) -> None:
    frames = conversation(["C: Das ist falsch, ich schalte meinen Anwalt ein!", "H: Oh."], language="de")
    moved = score_batch(*frames, rubric).trajectories.iloc[0]
    assert (moved["sentiment_level"], moved["level_rule"]) == ("escalate", "legal_threat")


def test_a_reply_in_another_language_than_the_customers(rubric: Rubric) -> None:
    frames = conversation([f"C: {SPOKEN['de'][0]}", f"H: {SPOKEN['en'][0]}"], language="de")
    outcomes = score_batch(*frames, rubric).indicator_scores.set_index("indicator_id")["outcome"]
    assert outcomes["customers_language"] == "fails"


def test_context_is_told_in_columns_and_raises_the_level(rubric: Rubric) -> None:
    says = [
        "C: Where is the blue parcel?",
        "H +7m: Soon.",
        "C: But where is the blue parcel?",
        "H: Hm.",
        "C: I want your manager",
    ]
    frames = _score(rubric, says)
    rows = frames.message_scores
    assert rows["has_repeat_question"].tolist() == [False, True, False]
    assert rows["has_escalation_request"].tolist() == [False, False, True]
    assert rows["response_gap_minutes"].tolist() == [7.0, 1.0, None]
    moved = frames.trajectories.iloc[0]
    assert (moved["escalation_request_count"], moved["repeat_question_count"]) == (1, 1)
    assert moved["longest_response_gap_minutes"] == 7.0
    assert (moved["sentiment_level"], moved["level_rule"]) == ("supervisor", "escalation_request")
    assert _score(rubric, says[:2]).trajectories["level_rule"].item() == "response_gap"
    assert _score(rubric, [*says[:1], "H: Soon."]).trajectories["level_rule"].item() == "none"


def test_a_repeat_contact_is_noted_and_watched(rubric: Rubric) -> None:
    interactions, messages = conversation(["C: Hello", "H: Hi"])
    for value, level in ((True, "repeat_contact"), (False, "none"), (None, "none")):
        interactions["is_repeat_contact"] = pd.Series([value], dtype=object)
        moved = score_batch(interactions, messages, rubric).trajectories.iloc[0]
        assert (moved["is_repeat_contact"], moved["level_rule"]) == (value, level)


def test_a_recovery_is_a_column(rubric: Rubric) -> None:
    says = ["C: This is terrible.", "H: Sorry.", "C: It is awful.", "H: Done.", "C: Wonderful, great, excellent!"]
    moved = _score(rubric, says).trajectories.iloc[0]
    assert (moved["trajectory_class"], moved["is_recovery"]) == ("recovered", True)
    assert _score(rubric, says[:4]).trajectories["is_recovery"].item() is False


def test_every_row_names_its_evaluator(rubric: Rubric) -> None:
    for table, frame in _score(rubric, [*GOOD, "A: Hi."]).items():
        if table not in ("evidence", "judgements"):
            assert set(frame["evaluator_type"]) == {"rule"}, table
            assert frame["evaluator_version"].str.len().min() > 3, table


def test_facets_stand_beside_the_dimensions_of_ai_agents_alone(rubric: Rubric) -> None:
    facets = _score(rubric, ["C: My app crashed.", "A: Hello, I am a real person.", "H: Hi."]).facet_scores
    assert set(facets["subject"]) == {"ai_agent"}
    scores = facets.set_index("facet_id")["score"]
    assert set(scores.index) == {"correctness", "tone", "consistency", "safety", "escalation"}
    assert scores["safety"] == pytest.approx(100 * 6 / 8), "secrets and promises kept, an unsafe claim made"
    assert scores["escalation"] is None


def test_profiles_are_reported_and_one_that_applies_makes_the_total(rubric: Rubric) -> None:
    plain = _score(rubric, GOOD)
    scores = dict(zip(plain.profile_scores["profile_id"], plain.profile_scores["score"], strict=True))
    assert set(scores) == {"satisfaction", "first_contact", "handle_time"}
    assert plain.interaction_scores["profile_id"].item() is None
    chosen = replace(rubric.profiles[1], applies=Applies(channels=("chat",)))
    frames = score_batch(*conversation(GOOD), replace(rubric, profiles=(chosen,)))
    total = frames.interaction_scores.iloc[0]
    assert (total["profile_id"], total["total_score"]) == ("first_contact", pytest.approx(scores["first_contact"]))
    email = score_batch(*conversation(GOOD, "email"), replace(rubric, profiles=(chosen,))).interaction_scores.iloc[0]
    assert email["profile_id"] is None


def test_the_weights_are_those_of_the_day_on_which_it_started(rubric: Rubric) -> None:
    early = WeightPeriod(date(2025, 1, 1), date(2026, 1, 6), {one.id: 1.0 for one in rubric.dimensions})
    late = replace(rubric.weight_periods[-1], valid_from=date(2026, 1, 6))
    frames = _score(replace(rubric, weight_periods=(early, late)), GOOD)
    scores = [one for one in frames.dimension_scores["raw_score"] if one is not None]
    assert frames.interaction_scores["total_score"].item() == pytest.approx(sum(scores) / len(scores))


def test_what_stands_already_is_added_up_and_not_made_again(rubric: Rubric) -> None:
    interactions, messages = conversation([*GOOD, "A: Hello."])
    first = score_batch(interactions, messages, rubric)
    outcomes: dict = {}
    for row in first.indicator_scores.itertuples():
        outcomes.setdefault("example", {}).setdefault(row.subject, {})[row.indicator_id] = row.outcome
    facts = {
        row.subject: Facts(*(getattr(row, name) for name in Facts._fields))
        for row in first.interaction_scores.itertuples()
    }
    stored = Stored(outcomes, {"example": facts}, frozenset({"example"}))
    again = score_batch(interactions, messages[:0], rubric, stored=stored)
    pd.testing.assert_frame_equal(again.interaction_scores, first.interaction_scores)
    pd.testing.assert_frame_equal(again.dimension_scores, first.dimension_scores)
    assert len(again.indicator_scores) == len(again.message_scores) == len(again.evidence) == 0
    del outcomes["example"]["human_agent"]["greets"]
    partly = score_batch(interactions, messages, rubric, stored=stored)
    assert partly.indicator_scores["indicator_id"].tolist() == ["greets"]
    pd.testing.assert_frame_equal(partly.interaction_scores, first.interaction_scores)


def test_a_fault_of_a_detector_names_the_interaction(rubric: Rubric) -> None:
    interactions, messages = conversation(GOOD)
    messages["sent_at"] = None
    with pytest.raises(TouchstoneError, match="interaction example cannot be scored: AttributeError") as caught:
        score_batch(interactions, messages, rubric)
    assert isinstance(caught.value.__cause__, AttributeError)


def test_messages_of_another_batch_are_refused(rubric: Rubric) -> None:
    interactions, messages = conversation(GOOD)
    _, others = conversation(GOOD, key="other")
    with pytest.raises(TouchstoneError, match="other"):
        score_batch(interactions, pd.concat([messages, others]), rubric)


def test_polarity_is_that_of_the_text(rubric: Rubric) -> None:
    result = _score(rubric, GOOD)
    polarity, subjectivity = sentiment([GOOD[0][3:], GOOD[2][3:]])
    assert result.message_scores["polarity"].tolist() == polarity.tolist()
    assert result.message_scores["subjectivity"].tolist() == subjectivity.tolist()


def test_contextual_markers(rubric: Rubric) -> None:
    says = ["C: WHERE IS MY BLUE PARCEL?", "H +7m: On its way.", "C: Yes, but where is the blue parcel?"]
    assert _markers(rubric, says) == [
        ("all_caps", "WHERE IS MY BLUE PARCEL"),
        ("response_gap", "WHERE IS MY BLUE PARCEL?"),
        ("repeat_question", "Yes, but where is the blue parcel?"),
    ]


def test_the_wait_is_told_in_minutes(rubric: Rubric) -> None:
    markers = _score(rubric, ["C: Hello", "H +7m: Hi"]).message_scores["markers"].item()
    assert markers == [{"marker": "response_gap", "start": 0, "end": 5, "minutes": 7.0}]


def test_the_order_of_messages_and_of_other_interactions_does_not_matter(rubric: Rubric) -> None:
    (interactions, messages), *_ = as_batches(list(generated_conversations())[:40])
    straight = score_batch(interactions, messages, rubric)
    shuffled = score_batch(interactions, messages.sample(frac=1, random_state=3), rubric)
    for (_, left), (_, right) in zip(straight.items(), shuffled.items(), strict=True):
        pd.testing.assert_frame_equal(left, right)
    alone = score_batch(
        interactions[5:6], messages[messages["interaction_key"] == interactions["interaction_key"][5]], rubric
    )
    key = interactions["interaction_key"][5]
    pd.testing.assert_frame_equal(
        alone.evidence, straight.evidence[straight.evidence["interaction_key"] == key].reset_index(drop=True)
    )


def test_an_empty_batch_gives_empty_frames_with_all_columns(rubric: Rubric) -> None:
    interactions, messages = conversation(GOOD)
    for table, frame in score_batch(interactions[:0], messages[:0], rubric).items():
        assert (len(frame), tuple(frame.columns)) == (0, COLUMNS[table])


HOSTILE = {
    "empty": "",
    "blank": " \n\t ",
    "one letter": "a" * 1_000_000,
    "question marks": "?" * 1_000_000,
    "questions": "a? " * 200_000,
    "dots": "." * 1_000_000,
    "dots and letters": "....a" * 200_000,
    "exclamation": "! " * 500_000,
    "one phrase": "sorry " * 100_000,
    "capitals": "NO " * 300_000,
    "zalgo": "Z\u0351\u0363\u0315a\u0489 " * 100_000,
    "right to left": "\u202eolleh\u202c \u05e9\u05dc\u05d5\u05dd? " * 30_000,
    "joiners": "\U0001f468\u200d\U0001f469\u200d\U0001f467 " * 50_000,
    "dotted capital": "İ" * 200_000 + " terrible?",
    "apostrophes": "'" * 500_000 + "don't'",
    "emoticons": ":) ( ! ) " * 50_000,
    "quotes": "> " * 300_000 + "\n> a?" * 50_000,
    "indents": " \t" * 500_000,
    "replacement": "\ufffd\x01\x7f" * 100_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_texts_are_scored(rubric: Rubric, text: str) -> None:
    interactions, messages = conversation(["C: x", "H: x", "C: x", "A: x", "C: x", "H: x", "A: x"])
    messages["text"] = text
    result = score_batch(interactions, messages, rubric)
    assert len(result.interaction_scores) == 2
    assert all(0 <= row.start_offset < row.end_offset <= len(text) for row in result.evidence.itertuples())
    spans = [marker for markers in result.message_scores["markers"] for marker in markers]
    assert all(0 <= marker["start"] < marker["end"] <= len(text) for marker in spans)


def test_ten_thousand_messages_in_one_interaction(rubric: Rubric) -> None:
    says = ["C: Where is my blue parcel number seven?", "H: Please open the menu and choose the tracking page now."]
    result = _score(rubric, says * 5_000)
    assert result.trajectories["customer_message_count"].item() == 5_000


def test_the_same_content_scores_the_same_as_when_its_version_was_made(rubric: Rubric) -> None:
    # When this fails, behaviour has changed: give the detector (in the catalogue), READING_VERSION, MARKERS_VERSION or
    # CODE_VERSION a new value, so that new
    # rows stand beside the old ones, and then write down the new digest.
    digest = hashlib.sha256()
    examples = [
        conversation(example.says, example.channel, f"{indicator.id}-{number}")
        for indicator in rubric.indicators
        for number, example in enumerate(indicator.examples)
    ]
    for interactions, messages in [*as_batches(list(generated_conversations())[:300]), *examples]:
        for table, frame in score_batch(interactions, messages, rubric).items():
            kept = [name for name in frame.columns if not name.endswith("_version")]
            digest.update(f"{table}\n{frame[kept].to_csv(index=False, float_format='%.9f')}".encode())
    assert (scorer_version(rubric), digest.hexdigest()[:16]) == EXPECTED


EXPECTED = ("support-default-2026.2-e10180fc+code2.5ee348f5", "c26f6bb18038b1a1")

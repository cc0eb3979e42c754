"""Quoted history, signatures, automatic and canned texts neither earn nor lose."""

from __future__ import annotations

import time

import pytest

from touchstone.rubric import load_rubric
from touchstone.rubric.examples import conversation
from touchstone.scoring.context import Context
from touchstone.scoring.regions import Templates, is_automatic, own_words
from touchstone.scoring.scorer import score_batch
from touchstone.text.phrases import WORD, lower_in_place

KEPT = {
    "plain text": ("Hello,\nplease restart.\nIt helps.", "hello, please restart. it helps."),
    "quoted lines": ("> is it on?\nYes.\n>> old", "yes."),
    "an answer above its history": ("Done.\n\nOn Mon, 5 Jan 2026 at 10:00, Kim <k@x.example> wrote:\n> Help", "done."),
    "an answer below what it quotes": ("On 5 Jan 2026 Kim wrote:\n> Help\n\nDone.", "done."),
    "German history": ("Erledigt.\nAm 05.01.2026 um 10:00 schrieb Kim Muster:\n> Hilfe", "erledigt."),
    "Spanish history": ("Hecho.\nEl 05/01/2026 a las 10:00, Kim escribió:\n> Ayuda", "hecho."),
    "a forwarded mail": ("See below.\n-----Original Message-----\nFrom: Kim\nPlease help!", "see below."),
    "the head of a mail": ("Done.\nFrom: Kim\nSent: Monday\nTo: us\nPlease help!", "done."),
    "a delimiter": ("Done.\n-- \nKim Muster\nSales", "done."),
    "a sign-off": ("Done.\n\nKind regards,\nKim Muster\nSupport | Firm", "done."),
    "a German sign-off": ("Erledigt.\nMit freundlichen Grüßen\nKim Muster", "erledigt."),
    "a Spanish sign-off": ("Hecho.\nSaludos cordiales,\nKim", "hecho."),
    "a device": ("Done.\nSent from my iPhone", "done."),
    "thanks that are no sign-off": (
        "Thanks,\nthat helped. Could you tell me now how to export the report with all of the fields that we use in it every day?",
        "thanks, that helped. could you tell me now how to export the report with all of the fields that we use in it every day?",
    ),
    "a date that is no history": ("On Monday we wrote: nothing", "on monday we wrote: nothing"),
}


@pytest.mark.parametrize(("text", "kept"), KEPT.values(), ids=KEPT.keys())
def test_what_the_author_wrote_is_kept_in_its_place(text: str, kept: str) -> None:
    lower = lower_in_place(text)
    found = own_words(lower)
    assert len(found) == len(text)
    assert " ".join(found.split()) == kept
    assert all(one in (two, " ") for one, two in zip(found, lower, strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("This is an automatic reply: we are closed.", True),
        ("Dies ist eine automatische Antwort.", True),
        ("Este es un mensaje automático.", True),
        ("I am out of the office until Monday.", True),
        ("The payment is automatic.", False),
        ("Hello! " * 40 + "This is an automatic reply", False),
    ],
)
def test_a_machine_that_says_so(text: str, expected: bool) -> None:
    assert is_automatic(lower_in_place(text)) is expected


def test_canned_sentences_are_taken_out_around_their_placeholders() -> None:
    templates = Templates(
        ["Hello {{name}}, thank you for contacting our team. Is there anything else we can do for you?"]
    )
    text = lower_in_place("Hello Kim, thank you for contacting our team. I have fixed it.")
    assert templates.without(text, WORD.findall(text)).split(".")[1:] == [" i have fixed it", ""]
    assert len(templates.without(text, WORD.findall(text))) == len(text)


def _outcomes(says: list[str], context: Context | None = None, channel: str = "email") -> dict[str, str]:
    scores = score_batch(*conversation(says, channel), load_rubric(), context).indicator_scores
    return dict(zip(scores["indicator_id"], scores["outcome"], strict=True))


def test_canned_text_earns_nothing_and_loses_nothing() -> None:
    says = ["C: It broke.", "H: Thank you for contacting us today. Restart it, whatever you did before."]
    assert _outcomes(says)["greets"] == "holds"
    assert _outcomes(says)["polite_language"] == "fails"
    canned = Context(
        templates=Templates(["Thank you for contacting us today.", "Restart it, whatever you did before."])
    )
    assert _outcomes(says, canned)["greets"] == "fails"
    assert _outcomes(says, canned)["polite_language"] == "holds"


def test_a_signature_earns_no_closing() -> None:
    says = ["C: It broke.", "H: Hello.", "C: And?", "H: Fixed.\n\nBest regards,\nKim\nHave a great day"]
    assert _outcomes(says)["closes_properly"] == "fails"


def test_an_automatic_reply_is_no_reply() -> None:
    automatic = "H: This is an automatic reply. Hello, we guarantee you an answer."
    outcomes = _outcomes(["C: It broke.", automatic, "H: Restart it."])
    assert outcomes["greets"] == "fails"
    assert outcomes["no_prohibited_promise"] == "holds"
    frames = score_batch(*conversation(["C: It broke.", automatic]), load_rubric())
    total = frames.interaction_scores.iloc[0]
    assert (total["total_score"], total["unrated_reason"]) == (None, "only_automatic_replies")
    assert len(frames.indicator_scores) == 0


@pytest.mark.parametrize(
    "text",
    [
        "\n" * 200_000,
        "on " * 100_000,
        "from: x\n" * 50_000,
        "-" * 200_000,
        "best\n" * 50_000,
        "> \n" * 100_000,
        " \t" * 200_000,
    ],
    ids=range(7),
)
def test_reading_is_linear(text: str) -> None:
    start = time.perf_counter()
    assert len(own_words(text)) == len(text)
    assert time.perf_counter() - start < 3

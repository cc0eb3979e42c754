"""What a conversation adds: questions decide how answers are read, and what was given is known again."""

from __future__ import annotations

import random

import pytest

from touchstone.text.redact import redact, redact_conversation


def _read(*messages: str) -> list[str]:
    """Redacted texts of messages in the notation `C: ...` (customer), `H: ...` (agent)."""
    actors = {"C": "customer", "H": "human_agent", "A": "ai_agent", "S": "system"}
    return [text for text, _ in redact_conversation([(actors[line[0]], line[3:]) for line in messages])]


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("Can I have your SSN?", "yes 123456789", "yes [SSN]"),
        ("Could you confirm the last four digits of your social security number?", "it's 4482", "it's [SSN]"),
        ("What's the full name on the account?", "john smith", "[NAME]"),
        ("May I know your name?", "sure, kavisri", "sure, [NAME]"),
        ("Please share your card number.", "5500 1234 5678 9999 12", "[CREDIT_CARD]"),
        ("and the three digits on the back?", "737", "[CARD_CODE]"),
        ("What is your account number?", "00 482 113", "[ACCOUNT_NUMBER]"),
        ("What's your date of birth?", "03121980", "[DATE_OF_BIRTH]"),
        ("Which phone number can we call?", "5550142", "[PHONE]"),
        ("What is your passport number?", "it is 99A1234567", "it is [PASSPORT]"),
        ("Tell me your password, please.", "swordfish", "[PASSWORD]"),
        ("What is your order number?", "4711", "[ORDER_NUMBER]"),
        ("¿Me indica su número de cuenta?", "es el 4482113", "es el [ACCOUNT_NUMBER]"),
        ("Wie lautet Ihre Kundennummer?", "die 4482113", "die [ACCOUNT_NUMBER]"),
        ("What is your delivery address?", "17 bramble lane leeds", "[ADDRESS]"),
    ],
)
def test_a_bare_answer_is_read_by_its_question(question: str, answer: str, expected: str) -> None:
    assert _read("C: hi, i need help", f"H: {question}", f"C: {answer}")[2] == expected


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many people?", "45"),
        ("What is your name?", "why do you need that?"),
        ("Can I have your SSN?", "i would rather not say that here"),
        ("What is your password?", "i forgot it, sorry"),
        ("Can I have your account number?", "I paid $450 two days ago"),
    ],
)
def test_an_answer_that_gives_nothing_stays(question: str, answer: str) -> None:
    assert _read("C: hi, i need help", f"H: {question}", f"C: {answer}")[2] == answer


def test_the_same_words_without_the_question_stay() -> None:
    assert _read("C: hi, i need help", "H: How much was it?", "C: 4482")[2] == "4482"


def test_a_question_is_given_up_after_two_messages_of_the_agent() -> None:
    answers = _read("H: What is your order number?", "H: One moment.", "H: Let me check.", "C: 4711")
    assert answers[3] == "4711"


def test_what_was_given_is_known_when_an_agent_repeats_it() -> None:
    texts = _read(
        "H: Can I have your full name and SSN?",
        "C: zorvane kimmelin",
        "C: 123 45 6789",
        "H: Zorvane, 123456789, right?",
    )
    assert texts[1:] == ["[NAME]", "[SSN]", "[NAME], [SSN], right?"]


def test_what_was_given_is_not_known_in_another_conversation() -> None:
    _read("H: What is your account number?", "C: 448211")
    assert _read("C: it was 448211 in all") == ["it was 448211 in all"]


def test_a_system_message_is_no_answer() -> None:
    assert _read("H: What is your order number?", "S: 4711 people wait")[1] == "4711 people wait"


def test_a_later_message_changes_no_earlier_one() -> None:
    messages = [
        ("customer", "hi im zorvane"),
        ("human_agent", "Can I have your account number?"),
        ("customer", "448211"),
        ("human_agent", "Thanks Zorvane, 448211 it is."),
    ]
    whole = redact_conversation(messages)
    for count in range(len(messages)):
        assert redact_conversation(messages[:count]) == whole[:count]


def test_redacting_twice_changes_nothing_more() -> None:
    messages = [
        ("human_agent", "Your name and SSN?"),
        ("customer", "kim lee, 123-45-6789, kim@x.org"),
        ("human_agent", "Thanks Kim"),
    ]
    once = [text for text, _ in redact_conversation(messages)]
    again = redact_conversation([(actor, text) for (actor, _), text in zip(messages, once, strict=True)])
    assert [text for text, _ in again] == once


def test_no_value_of_any_length_is_left_of_what_was_found() -> None:
    rng = random.Random(5)
    for _ in range(200):
        number = "".join(rng.choice("0123456789") for _ in range(9))
        typed = rng.choice((number, f"{number[:3]}-{number[3:5]}-{number[5:]}", " ".join(number)))
        texts = _read("H: Can I have your SSN?", f"C: {rng.choice(('', 'yes ', 'sure, its '))}{typed}")
        assert typed not in texts[1]
        assert "[SSN]" in texts[1]


def test_offsets_lie_on_the_placeholders_of_every_message() -> None:
    messages = [("human_agent", "Name?"), ("customer", "\U0001f600 José Pérez, j@p.es")]
    for text, pii in redact_conversation(messages):
        assert [text[entry["start"] : entry["end"]] for entry in pii] == [f"[{entry['type'].upper()}]" for entry in pii]


def test_a_text_alone_is_read_without_expectations() -> None:
    assert redact("123456789") == ("123456789", [])

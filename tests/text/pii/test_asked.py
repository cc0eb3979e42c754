"""What a message asks for, and what it does not."""

from __future__ import annotations

import pytest

from touchstone.text.pii.asked import asked
from touchstone.text.pii.policy import Finding, findings
from touchstone.text.redact import redact_conversation


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("Can I have your SSN?", ["ssn"]),
        ("What's the full name on the booking?", ["name"]),
        ("Could you provide your date of birth and zip code please?", ["date_of_birth", "address"]),
        ("Send me your password.", ["password"]),
        ("¿Podría indicarme su correo electrónico?", ["email"]),
        ("Nennen Sie mir bitte Ihre Adresse und Telefonnummer.", ["address", "phone"]),
        ("Which product name is it?", []),
        ("I have sent you an email.", []),
        ("Never send your password. Do not share the CVV.", []),
        ("Bitte teilen Sie Ihr Passwort nicht mit.", []),
        ("", []),
    ],
)
def test_what_is_asked_for(text: str, types: list[str]) -> None:
    assert [item.type for item in asked(text)] == types


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("Please enter your password on the login page.", []),
        ("Please reset your password with the link.", []),
        ("Please type your password here in the chat.", ["password"]),
        ("And can I get the CVV?", ["card_code"]),
    ],
)
def test_what_is_to_be_written_back(text: str, types: list[str]) -> None:
    assert [item.type for item in asked(text, to_be_told=True)] == types


def test_offsets_are_those_of_the_words_that_ask() -> None:
    text = "Señor, ¿me da su contraseña?"
    (item,) = asked(text)
    assert text[item.start : item.end] == "contraseña"


def test_findings_say_what_was_asked_given_and_exposed() -> None:
    said = [
        ("customer", "My card is 4111 1111 1111 1111."),
        ("human_agent", "Tell me the CVV."),
        ("customer", "123"),
        ("ai_agent", "Card 4111 1111 1111 1111 it is. Never share your PIN."),
        ("system", "Card 4111 1111 1111 1111 was stored."),
    ]
    redacted = redact_conversation(said)
    messages = [(actor, text, pii) for (actor, _), (text, pii) in zip(said, redacted, strict=True)]
    assert findings(messages) == [
        Finding(0, "given", "credit_card", 11, 24),
        Finding(1, "asked", "card_code", 12, 15),
        Finding(2, "given", "card_code", 0, 11),
        Finding(3, "exposed", "credit_card", 5, 18),
    ]

"""What the redactor finds, what it leaves, and where its placeholders lie."""

from __future__ import annotations

import random

import pytest

from touchstone.text.redact import PII_TYPES, redact

FOUND = [
    ("mail jo.doe+x@mail.example.co.uk.", "mail [EMAIL]."),
    ("an josé@exämple.com", "an [EMAIL]"),
    ("a@b.co;c@d.org", "[EMAIL];[EMAIL]"),
    ("<mailto:kim@example.com>", "<mailto:[EMAIL]>"),
    ("call +49 30 1234567 now", "call [PHONE] now"),
    ("call (555) 123-4567 now", "call [PHONE] now"),
    ("call 1-800-555-0199", "call [PHONE]"),
    ("ring 07911 123456", "ring [PHONE]"),
    ("my phone number is 12345678", "my phone number is [PHONE]"),
    ("card 4111 1111 1111 1111 exp 12/27", "card [CREDIT_CARD] exp 12/27"),
    ("378282246310005", "[CREDIT_CARD]"),
    ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "[CREDIT_CARD]"),
    ("４１１１ １１１１ １１１１ １１１１", "[CREDIT_CARD]"),
    ("4111\u200b1111\u200b1111\u200b1111", "[CREDIT_CARD]"),
    ("pay to DE89 3704 0044 0532 0130 00 please", "pay to [IBAN] please"),
    ("GB82WEST12345698765432", "[IBAN]"),
    ("ssn 123-45-6789", "ssn [SSN]"),
    ("my social security number is 123456789", "my social security number is [SSN]"),
    ("from 192.168.1.20", "from [IP_ADDRESS]"),
    ("from fe80::1ff:fe23:4567:890a", "from [IP_ADDRESS]"),
    ("see https://user:pw@host.example/x now", "see [URL] now"),
    ("see https://host.example/c?id=1&token=abc123.", "see [URL]."),
    ("key sk_live_abcdefghij0123456789", "key [API_KEY]"),
    ("AKIAIOSFODNN7EXAMPLE", "[API_KEY]"),
    ("Bearer token: abcdef123456789", "Bearer token: [API_KEY]"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN", "[API_KEY]"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- ok", "[API_KEY] ok"),
    ("my password is hunter2, ok", "my password is [PASSWORD], ok"),
    ("my password is swordfish.", "my password is [PASSWORD]."),
    ("password: 'open sesame'", "password: '[PASSWORD]'"),
    ("PIN: 4432", "PIN: [PASSWORD]"),
    ("order number is A-12345", "order number is [ORDER_NUMBER]"),
    ("order #9981", "order #[ORDER_NUMBER]"),
    ("account number 00112233", "account number [ACCOUNT_NUMBER]"),
    ("4111 1111 1111 1112, mistyped", "[CREDIT_CARD], mistyped"),
    ("the cvv is 123", "the cvv is [CARD_CODE]"),
    ("jo at example dot com", "[EMAIL]"),
    ("my mail is kimgmailcom", "my mail is [EMAIL]"),
    ("my SSN is one two three, four five, six seven eight nine", "my SSN is [SSN]"),
    ("the last four of my social are 1234", "the last four of my social are [SSN]"),
    ("DNI 12345678Z", "DNI [NATIONAL_ID]"),
    ("mi CPF: 111.444.777-35", "mi CPF: [NATIONAL_ID]"),
    ("AHV 756.9217.0769.85", "AHV [NATIONAL_ID]"),
    ("national insurance number QQ123456C", "national insurance number [NATIONAL_ID]"),
    ("Steuer-ID 65929970489", "Steuer-ID [NATIONAL_ID]"),
    ("passport number X1234567", "passport number [PASSPORT]"),
    ("my driver's license is D1234567", "my driver's license is [DRIVER_LICENSE]"),
    ("geboren am 3. Mai 1980", "geboren am [DATE_OF_BIRTH]"),
    ("fecha de nacimiento: 12/03/1980", "fecha de nacimiento: [DATE_OF_BIRTH]"),
    ("username: kim99", "username: [USERNAME]"),
    ("My name is Olga Brandt.", "My name is [NAME]."),
    ("Dear Mrs. Whitfield,", "Dear [NAME],"),
    ("me llamo Lucía Fernández y tengo una duda", "me llamo [NAME] y tengo una duda"),
    ("Hier ist Katrin Schröder, guten Tag", "Hier ist [NAME], guten Tag"),
    ("Our new address is 12 Oak Avenue, Austin, TX 78701.", "Our new address is [ADDRESS]."),
    ("Unsere neue Adresse: Lindenstraße 5, 10969 Berlin.", "Unsere neue Adresse: [ADDRESS]."),
    ("Nuestra nueva dirección es Calle Mayor 12, 28013 Madrid.", "Nuestra nueva dirección es [ADDRESS]."),
]
KEPT = [
    "",
    "Nothing here.",
    "my password is not working",
    "My password is wrong.",
    "I forgot my password, is there a way to reset it?",
    "reset your password is required",
    "version 1.2.3.4 of the app",
    "2026-03-01 09:00:00 until 12:30:45",
    "I paid 10000 for 3 items at 12.50 each, 20% off",
    "1589375664",
    "I moved from Berlin to Madrid in May.",
    "May I have your full name, please?",
    "We've been customers for 9 years, will you mark this as done?",
    "Does it work with Salesforce, Chrome 133 and the Grand Plan?",
    "The flight with id 204 costs 1,150 dollars on Friday",
    "Vielen Dank, die Rechnung ist da.",
    "Gracias, el informe no llega y la cuenta sigue abierta.",
    "GB82WEST12345698765433 fails its check",
    "user@localhost, @handle, a @ b",
    "https://example.com/help?page=2",
    "999.999.999.999",
    "[EMAIL] was typed by the customer",
    "order 66",
    "the order is late",
]
HOSTILE = [
    "a" * 1_000_000,
    "1" * 1_000_000,
    "1 " * 500_000,
    "4111 " * 200_000,
    "012 " * 250_000,
    "@" * 1_000_000,
    "a@" * 500_000,
    "a.b@c." * 160_000,
    "://" * 330_000,
    "eyJaaaaaaaa." * 80_000,
    "eyJaaaaaaaa-" * 80_000,
    "sk-" * 330_000,
    "-----BEGIN RSA PRIVATE KEY-----" * 30_000,
    "password is " * 80_000,
    "password is '" * 80_000,
    ":" * 1_000_000,
    "1:" * 500_000,
    "1.1." * 250_000,
    "DE89 " * 200_000,
    "(555) " * 160_000,
    "+1 " * 300_000,
    "order " * 160_000,
    "phone 1" * 140_000,
    "٣" * 1_000_000,
    "Z\u0351\u0363\u0315" * 250_000,
    "name is Kim " * 80_000,
    "12 Oak Street, " * 66_000,
    "kim at gmail dot com " * 47_000,
    "gmailcom" * 120_000,
    "one two three " * 70_000,
    "ssn is the number is " * 47_000,
    "born on march " * 70_000,
    "X1 " * 330_000,
    "\u202e\u202da1@" * 200_000,
]


@pytest.mark.parametrize(("text", "expected"), FOUND)
def test_personal_data_becomes_a_placeholder(text: str, expected: str) -> None:
    assert redact(text)[0] == expected


@pytest.mark.parametrize("text", KEPT)
def test_a_text_without_personal_data_is_returned_as_it_came(text: str) -> None:
    redacted, pii = redact(text)
    assert redacted is text
    assert pii == []


@pytest.mark.parametrize("text", [text for text, _ in FOUND])
def test_offsets_are_code_points_of_the_redacted_text(text: str) -> None:
    redacted, pii = redact("\U0001f600é " + text + " and mail x@y.org")
    assert pii[-1]["type"] == "email"
    assert [redacted[entry["start"] : entry["end"]] for entry in pii] == [f"[{entry['type'].upper()}]" for entry in pii]
    assert pii == sorted(pii, key=lambda entry: entry["start"])


@pytest.mark.parametrize("text", [text for text, _ in FOUND] + KEPT)
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once, _ = redact(text)
    assert redact(once) == (once, [])


def test_every_type_is_one_that_a_rubric_may_name() -> None:
    types = {entry["type"] for text, _ in FOUND for entry in redact(text)[1]}
    assert types == set(PII_TYPES)


def test_the_longest_reading_wins_and_nothing_overlaps() -> None:
    text = "order number 4111 1111 1111 1111 and https://a:b@c.example/?mail=kim@example.com&token=x1"
    redacted, pii = redact(text)
    assert redacted == "order number [CREDIT_CARD] and [URL]"
    assert len(pii) == 2


@pytest.mark.long
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_a_hostile_megabyte_is_read_in_linear_time(text: str) -> None:
    # A quadratic rule needs hours for these; the timeout of the test run is the bound, not a stopwatch.
    redacted, pii = redact(text)
    assert all(redacted[entry["start"]] == "[" for entry in pii[:100])


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:12]))
def test_a_hostile_text_is_read_in_linear_time(text: str) -> None:
    redacted, pii = redact(text[:60_000])
    assert all(redacted[entry["start"]] == "[" for entry in pii[:100])


def test_random_texts_keep_everything_around_the_placeholders() -> None:
    rng = random.Random(11)
    alphabet = "ab1 2@.:/-+()[]#='\"\n\u200b\u0661é\U0001f600passwordorder"
    for _ in range(3_000):
        text = "".join(rng.choice(alphabet) for _ in range(rng.randrange(80)))
        redacted, pii = redact(text)
        position = 0
        for start, end in ((entry["start"], entry["end"]) for entry in pii):
            assert start >= position
            assert redacted[position:start] in text
            position = end
        assert redacted[position:] in text
        assert (redacted == text) == (not pii)

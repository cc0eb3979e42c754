"""What is given, what is asked for, and whether two questions are the same."""

from __future__ import annotations

import pytest

from touchstone.errors import ConfigurationError
from touchstone.intents.entities import asked_again, asks_for, extract
from touchstone.scoring.similarity import SAME_QUESTION, same_question, same_questions


def given(text, **more):
    return {(one.type, text[one.start : one.end]) for one in extract(text, **more)}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("My order number is AB-12345, mail kim@example.com", {("order_id", "AB-12345"), ("email", "kim@example.com")}),
        ("It failed with ERR_CONNECTION_RESET on the Acme Pro", {("error", "ERR_CONNECTION_RESET"), ("product", "Acme Pro")}),
        ('The screen says "disk is full".', {("error", "disk is full")}),
        ("I paid $49.90 on 3 March 2026", {("amount", "$49.90"), ("date", "3 March 2026")}),
        ("[ORDER_NUMBER] has not come since yesterday", {("order_id", "[ORDER_NUMBER]"), ("date", "yesterday")}),
        ("Thanks, all good.", set()),
    ],
)  # fmt: skip
def test_a_message_gives(text, found):
    assert given(text, products=["Acme Pro"]) == found


def test_steps_and_the_error_beside_them_are_both_given():
    kinds = {one.type for one in extract("I already restarted the router and it shows error 503.")}
    assert kinds == {"steps_tried", "error"}


def test_a_value_has_one_digest_however_it_is_written():
    one, other = extract("call +1 (415) 555-0100")[0], extract("my phone: 14155550100")[0]
    assert one.value_hash == other.value_hash
    assert extract("call +1 (415) 555-0100", key=b"secret")[0].value_hash != one.value_hash
    assert extract("[PHONE]")[0].value_hash is None


@pytest.mark.parametrize(
    ("text", "language", "wanted"),
    [
        ("Could you give me your order number, please?", "en", {"order_id"}),
        ("What have you tried so far?", "en", {"steps_tried"}),
        ("Which error message do you see?", "en", {"error"}),
        ("When did you buy it and how much was it?", "en", {"date", "amount"}),
        ("Can you confirm the email on your account?", "en", {"email"}),
        ("Thanks, I have your order number.", "en", set()),
        ("Never share your password.", "en", set()),
        ("Haben Sie das Gerät schon neu gestartet?", "de", {"steps_tried"}),
        ("¿Qué producto es?", "es", {"product"}),
    ],
)
def test_a_question_asks_for(text, language, wanted):
    assert asks_for(text, language=language) == wanted


def test_what_was_given_is_asked_for_again():
    said = ["Hi, order number AB-12345 is late", "I already restarted it"]
    assert asked_again("Could you give me your order number and your email?", said) == {"order_id"}
    assert asked_again("What have you tried so far?", said) == {"steps_tried"}
    assert asked_again("Which error message do you see?", said) == set()


def test_questions_that_ask_the_same():
    assert same_question("Where is my card?", "my card has not arrived yet") >= SAME_QUESTION
    assert same_question("Where is my card?", "how do I change my PIN") < SAME_QUESTION
    assert same_question("Where is  my card?", "where is my CARD?") == 1
    assert same_question("", "where is my card") == 0


def test_a_score_does_not_depend_on_its_neighbours():
    first, second = ["where is my card", "cancel my plan", "hello"], ["card not here", "I want to end my plan", "bye"]
    together = same_questions(first, second)
    alone = [same_question(one, other) for one, other in zip(first, second, strict=True)]
    assert together.tolist() == pytest.approx(alone, abs=1e-6)
    assert same_questions(second, first).tolist() == pytest.approx(alone, abs=1e-6)


def test_pairs_need_partners():
    with pytest.raises(ConfigurationError, match="without a partner"):
        same_questions(["a"], [])

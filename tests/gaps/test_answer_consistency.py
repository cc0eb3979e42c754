"""When two answers to similar questions contradict each other."""

from __future__ import annotations

import pytest

from touchstone.gaps.consistency import Exchange, contradicted

FIVE = Exchange("How long does a refund take?", "A refund takes 5 days to reach your card.")


@pytest.mark.parametrize(
    ("question", "answer", "kinds"),
    [
        ("How long does the refund take", "Your refund takes 10 days to reach your card.", ["duration"]),
        ("How long does the refund take", "Your refund takes 5 days to reach your card.", []),
        ("How long does the refund take", "Refunds reach the card they were paid with.", []),
        ("Where are my invoices?", "Invoices are kept for 10 days under Billing.", []),
        # what the customer brought along
        ("My refund takes 10 days already, when does it reach my card?", "10 days is long, a refund takes that to reach your card.", []),
    ],
)  # fmt: skip
def test_another_value_about_the_same_matter_contradicts(question, answer, kinds):
    assert contradicted(FIVE, Exchange(question, answer), "en") == kinds
    assert contradicted(Exchange(question, answer), FIVE, "en") == kinds


def test_languages_without_markers_are_not_read():
    other = Exchange("", "A refund takes 10 days to reach your card.")
    assert contradicted(FIVE, other, "en") == ["duration"]
    assert contradicted(FIVE, other, "fi") == []


def test_amounts_of_two_customers_are_their_own():
    def paid(amount: str) -> Exchange:
        return Exchange(f"I paid {amount} EUR, when is it back?", f"The refund of {amount} EUR reaches your card soon.")

    assert contradicted(paid("30"), paid("50"), "en") == []

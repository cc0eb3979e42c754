"""Check digits: published examples hold, and no single wrong digit passes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from touchstone.text.pii import checks

VALID: list[tuple[Callable[[str], bool], str]] = [
    (checks.luhn, "4111111111111111"),
    (checks.iban, "DE89370400440532013000"),
    (checks.spanish_id, "12345678Z"),
    (checks.spanish_id, "X1234567L"),
    (checks.brazilian_cpf, "111.444.777-35"),
    (checks.swiss_ahv, "756.9217.0769.85"),
    (checks.swedish_number, "811218-9876"),
    (checks.french_number, "255081416802538"),
    (checks.indian_aadhaar, "234123412346"),
]


@pytest.mark.parametrize(("holds", "value"), VALID, ids=[f"{check.__name__} {value}" for check, value in VALID])
def test_a_valid_number_holds_and_no_wrong_digit_does(holds: Callable[[str], bool], value: str) -> None:
    assert holds(value)
    for place, char in enumerate(value):
        if char.isdigit():
            wrong = value[:place] + str((int(char) + 1) % 10) + value[place + 1 :]
            assert not holds(wrong), wrong

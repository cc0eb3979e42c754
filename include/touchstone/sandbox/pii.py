"""Personal data that looks real and belongs to nobody: card numbers that pass Luhn, IBANs that pass mod 97, phones of
fictional ranges, addresses of streets that exist everywhere."""

from __future__ import annotations

import unicodedata

from touchstone.sandbox.dice import Dice
from touchstone.sandbox.world import load

_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ñ": "n"})
_CARD_HEADS = ("400000", "411111", "424242", "510510", "555555", "222300")


def plain(text: str) -> str:
    """Lower case letters and dots only, as in the left side of an address."""
    spelled = unicodedata.normalize("NFKD", text.translate(_SPELLED))
    return "".join(letter for letter in spelled.lower() if letter.isascii() and (letter.isalnum() or letter == "."))


def luhn_digit(head: str) -> str:
    """The digit that makes the number pass Luhn's check."""
    total = 0
    for place, digit in enumerate(reversed(head)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def card(dice: Dice) -> str:
    """A card number of 16 digits in one of the ways in which people write it."""
    head = dice.pick(_CARD_HEADS) + "".join(str(dice.whole(0, 9)) for _ in range(9))
    number = head + luhn_digit(head)
    separator = dice.pick((" ", " ", "-", ""))
    return separator.join(number[place : place + 4] for place in range(0, 16, 4))


def iban(dice: Dice) -> str:
    countries = load("cast")["iban_countries"]
    country = dice.pick(sorted(countries))
    if country in ("NL", "IE", "GB"):
        body = "BANK" + "".join(str(dice.whole(0, 9)) for _ in range(countries[country]))
    else:
        body = "".join(str(dice.whole(0, 9)) for _ in range(countries[country]))
    digits = "".join(str(int(letter, 36)) for letter in f"{body}{country}00")
    number = f"{country}{98 - int(digits) % 97:02d}{body}"
    if dice.chance(0.6):
        return " ".join(number[place : place + 4] for place in range(0, len(number), 4))
    return number


def phone(dice: Dice, country: str) -> str:
    form = load("cast")["phones"][country]
    return form.format(
        a=dice.pick((202, 303, 415, 512, 617, 206)),
        b=f"{dice.whole(100, 999)}",
        b2=f"{dice.whole(100, 999)}",
        c=f"{dice.whole(0, 99):02d}",
        d=dice.whole(0, 9),
    )


def street(country: str, number: int) -> str:
    """The address of the account of that number."""
    streets = load("cast")["streets"][country]
    return streets[number % len(streets)].format(n=2 + number * 37 % 180)

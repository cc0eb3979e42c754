"""Arithmetic of numbers that carry a check: cards, accounts and identity numbers of countries."""

from __future__ import annotations

import re

_IBAN_REGISTRY = """
AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22 DK:18
DO:28 EE:20 EG:29 ES:24 FI:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HR:21 HU:28 IE:22 IL:23
IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 MK:19
MR:27 MT:31 MU:30 NL:18 NO:15 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 SA:24 SC:31 SE:24 SI:19 SK:24
SM:27 ST:25 SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20
"""
IBAN_LENGTHS = {entry[:2]: int(entry[3:]) for entry in _IBAN_REGISTRY.split()}


def luhn(digits: str) -> bool:
    """ISO/IEC 7812: the check of cards, Canadian SIN and Swedish personal numbers."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = ord(char) - 48
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def iban(chars: str) -> bool:
    """ISO 13616: length of the country and mod 97."""
    chars = chars.upper()
    if IBAN_LENGTHS.get(chars[:2]) != len(chars):
        return False
    return int("".join(str(int(char, 36)) for char in chars[4:] + chars[:4])) % 97 == 1


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def spanish_id(value: str) -> bool:
    """DNI and NIE: the letter is the number modulo 23."""
    digits = value[:-1].upper().translate(str.maketrans("XYZ", "012"))
    return digits.isdigit() and "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23] == value[-1].upper()


def brazilian_cpf(value: str) -> bool:
    """CPF: two check digits modulo 11."""
    digits = re.sub(r"\D", "", value)
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    first = _weighted(digits, tuple(range(10, 1, -1))) * 10 % 11 % 10
    second = _weighted(digits, tuple(range(11, 1, -1))) * 10 % 11 % 10
    return digits[9:] == f"{first}{second}"


def swiss_ahv(value: str) -> bool:
    """AHV number: EAN-13."""
    digits = re.sub(r"\D", "", value)
    return len(digits) == 13 and (_weighted(digits, (1, 3) * 7) % 10 == 0)


def swedish_number(value: str) -> bool:
    """Personnummer: Luhn over its last ten digits."""
    digits = re.sub(r"\D", "", value)[-10:]
    return len(digits) == 10 and 1 <= int(digits[2:4]) <= 12 and 1 <= int(digits[4:6]) <= 31 and luhn(digits)


def french_number(value: str) -> bool:
    """NIR: 97 less the number modulo 97."""
    digits = re.sub(r"\D", "", value)
    return len(digits) == 15 and int(digits[13:]) == 97 - int(digits[:13]) % 97


def polish_pesel(digits: str) -> bool:
    """PESEL: weights 1, 3, 7, 9."""
    return len(digits) == 11 and _weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


_VERHOEFF_PERMUTE = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _dihedral(left: int, right: int) -> int:
    """Product in the dihedral group of order 10."""
    if left < 5:
        return (left + right) % 5 + (5 if right > 4 else 0)
    return (left - right) % 5 + (5 if right < 5 else 0)


def indian_aadhaar(value: str) -> bool:
    """Aadhaar: Verhoeff's check."""
    digits = re.sub(r"\D", "", value)
    if len(digits) != 12 or digits[0] in "01":
        return False
    check = 0
    for place, char in enumerate(reversed(digits)):
        digit = int(char)
        for _ in range(place % 8):
            digit = _VERHOEFF_PERMUTE[digit]
        check = _dihedral(check, digit)
    return check == 0

"""The types of personal data and secrets that are found, and those whose exposure is a violation."""

from __future__ import annotations

from typing import TypedDict

PII_TYPES = (
    "account_number",
    "address",
    "api_key",
    "card_code",
    "credit_card",
    "date_of_birth",
    "driver_license",
    "email",
    "iban",
    "ip_address",
    "name",
    "national_id",
    "order_number",
    "passport",
    "password",
    "phone",
    "ssn",
    "url",
    "username",
)
"""What a placeholder can stand for, `[NAME]` for a name. Left as they are: places, firms, products and dates by themselves,
amounts, and order numbers that no word announces."""

SECRET_TYPES = frozenset(("api_key", "card_code", "credit_card", "iban", "national_id", "password", "ssn"))
"""What nobody may ask for, or repeat, in a conversation."""


class Pii(TypedDict):
    """A placeholder: its type and its code-point offsets, half-open, in the redacted text."""

    type: str
    start: int
    end: int

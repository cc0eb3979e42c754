"""Values into SQL templates: `$name` becomes a literal of PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from touchstone.errors import ConfigurationError

_PLACEHOLDER = re.compile(r"\$([a-z_][a-z0-9_]*)")


def literal(value: Any) -> str:
    """A value as a literal that PostgreSQL reads with standard_conforming_strings, which is its default.

    Raises:
        ConfigurationError: The value is of a type that no contract needs.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime):
        return f"timestamptz '{value.isoformat()}'"
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    if isinstance(value, str):
        if "\x00" in value:
            raise ConfigurationError(
                "a parameter of a gate holds a NUL", None, "PostgreSQL cannot store it: remove it."
            )
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, list | tuple):
        return "array[" + ", ".join(literal(item) for item in value) + "]::text[]"
    raise ConfigurationError(
        "a parameter of a gate has an unsupported type",
        type(value).__name__,
        "Use text, numbers, dates or lists of text.",
    )


def render(template: str, values: Mapping[str, Any]) -> str:
    """The template with every `$name` replaced by the literal of `values[name]`.

    Raises:
        ConfigurationError: The template names a value that is not given.
    """

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in values:
            raise ConfigurationError(
                "a contract of a gate uses an undefined parameter",
                f"${name}",
                "Define it under `parameters:` of the contract.",
            )
        return literal(values[name])

    return _PLACEHOLDER.sub(replace, template)


def escape_for_sqlalchemy(statement: str) -> str:
    """The statement with its colons marked as no bind parameters; casts (`::`) stay as they are."""
    return re.sub(r"(?<![:\\]):(?!:)", r"\:", statement)

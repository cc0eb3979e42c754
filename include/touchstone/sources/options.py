"""What an entry of config/sources.yml takes: what all sources share; what one of them adds is part of its declaration."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from touchstone.errors import ConfigurationError

if TYPE_CHECKING:
    from touchstone.sources.declaration import Declaration

NAME = r"^[a-z][a-z0-9_]{0,30}$"
_SECRET = re.compile(r"(?<=://)[^:@/]*:.*(?=@)|(?i:(?<=password=)[^&]*)")
_CRON = r"^(@(hourly|daily|weekly|monthly)|\S+( \S+){4})$"
SANDBOX = "{sandbox}"
"""Stands in `base_url` for the address of this checkout's simulated vendors."""


class Entry(BaseModel):
    """What every source takes.

    Attributes:
        instance: A name of yours, part of every key.
        schedule: Cron expression in UTC; left out, the instance is loaded by hand or by `touchstone run`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    instance: str = Field("default", pattern=NAME)
    schedule: str | None = Field(None, pattern=_CRON)


class Files(Entry):
    """Conversation files.

    Attributes:
        path: Folder or file, relative to the checkout; `{home}` is the folder of its state.
    """

    source: Literal["files"]
    path: str = Field(min_length=1)


class Connected(Entry):
    """A source that a connector reads.

    Attributes:
        connection: Airflow connection that holds the credentials; `touchstone_<source>_<instance>` by default.
        start: First day of interest; what the source holds from before it is not asked for.
    """

    connection: str | None = Field(None, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    start: date

    @field_validator("start", mode="before")
    @classmethod
    def _is_day(cls, value: Any) -> Any:
        if isinstance(value, datetime):
            raise ValueError("must be a day without a time")
        return value


class Http(Connected):
    """A source that a connector reads over HTTP.

    Attributes:
        base_url: Address of the API.
        requests_per_minute: What your plan allows where it differs from the vendor's smallest, by budget of the connector.
    """

    base_url: str
    requests_per_minute: dict[str, float] = Field(default_factory=dict)

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if not value.startswith(("https://", "http://127.0.0.1:", "http://localhost:", SANDBOX)):
            raise ValueError("must start with https://")
        return value.rstrip("/")


def parsed(entry: dict[str, Any], where: str) -> Entry:
    """The entry with its types.

    Raises:
        ConfigurationError: The source is unknown or a value cannot work; the message says what to write.
    """
    from touchstone.sources.registry import declarations

    known = declarations()
    source = entry.get("source")
    if source not in known:
        raise ConfigurationError(f"{where}: unknown source", source, f"Write `source:` with one of {', '.join(known)}.")
    declared = known[source]
    try:
        return declared.options.model_validate(entry)
    except ValidationError as error:
        # a misplaced key explains more than what is missing for it
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            f"{where}: `{name}` {_WORDS.get(first['type'], first['msg'].removeprefix('Value error, '))}",
            None if first["type"] == "missing" else _shown(first.get("input")),
            _remedy(declared, name, first["type"]),
        ) from None


_WORDS = {"missing": "is missing", "extra_forbidden": "is unknown", "string_pattern_mismatch": "cannot be used"}


def _shown(value: Any) -> Any:
    """The value of a message: nothing of a whole mapping, which its name tells, and no password of an address."""
    if isinstance(value, str):
        return _SECRET.sub("***", value)
    return None if isinstance(value, dict | list | tuple) else value


def _remedy(declared: Declaration, name: str, kind: str) -> str:
    if kind == "extra_forbidden" and "." not in name:
        return f"It takes {', '.join(declared.options.model_fields)}."
    if name == "instance":
        return "Write lower-case letters, digits and underscores, such as `instance: shop_eu`."
    if name == "schedule":
        return 'Write a cron expression of five fields, such as `schedule: "0 5 * * *"`.'
    return f"Write it as in {declared.example}."

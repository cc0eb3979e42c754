"""What an entry of config/sources.yml takes, source by source."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from touchstone.errors import ConfigurationError

NAME = r"^[a-z][a-z0-9_]{0,30}$"
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


class Http(Entry):
    """A source that is read over HTTP.

    Attributes:
        base_url: Address of the API.
        connection: Airflow connection that holds the credentials; `touchstone_<source>_<instance>` by default.
        start: First day of interest; what the vendor holds from before it is not asked for.
        requests_per_minute: What your plan allows where it differs from the vendor's smallest, by budget of the connector.
    """

    base_url: str
    connection: str | None = Field(None, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    start: date
    requests_per_minute: dict[str, float] = Field(default_factory=dict)

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if not value.startswith(("https://", "http://127.0.0.1:", "http://localhost:", SANDBOX)):
            raise ValueError("must start with https://")
        return value.rstrip("/")

    @field_validator("start", mode="before")
    @classmethod
    def _is_day(cls, value: Any) -> Any:
        if isinstance(value, datetime):
            raise ValueError("must be a day without a time")
        return value


class AiAgents(BaseModel):
    """The export of Zendesk's AI agents (Advanced), which has an address and a key of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str
    organization_id: str
    bot_ids: list[str] = Field(min_length=1)


class Zendesk(Http):
    """Zendesk Support.

    Attributes:
        help_center: Whether articles are read too.
        ai_agents: The AI agents' export; left out, AI replies are known by their text alone.
        topic_field, product_area_field, language_field: Ids of the custom ticket fields that hold them.
    """

    source: Literal["zendesk"]
    help_center: bool = True
    ai_agents: AiAgents | None = None
    topic_field: int | None = None
    product_area_field: int | None = None
    language_field: int | None = None


class Hubspot(Http):
    """HubSpot: CRM, and tickets with their conversations.

    Attributes:
        tickets: Whether tickets and conversations are read, or the CRM alone.
        full_read_days: Days between two readings of all lists, which find what a search does not tell: changes of associations,
            and what was deleted for good.
    """

    source: Literal["hubspot"]
    base_url: str = "https://api.hubapi.com"
    tickets: bool = True
    full_read_days: int = Field(7, ge=1)


class Mixpanel(Http):
    """Mixpanel's raw export.

    Attributes:
        base_url: Of the export API where the project's data resides (US, EU or India).
        time_zone: Of the project: UTC for those made since 2023, its own for older ones.
    """

    source: Literal["mixpanel"]
    base_url: str = "https://data.mixpanel.com/api/2.0"
    project_id: int
    time_zone: str

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("must be a name of the time zone database, such as UTC or Europe/Berlin") from None
        return value


ENTRIES: dict[str, type[Entry]] = {"files": Files, "zendesk": Zendesk, "hubspot": Hubspot, "mixpanel": Mixpanel}

EXAMPLES = {
    "files": "{source: files, instance: default, path: inbox/}",
    "zendesk": "{source: zendesk, instance: default, base_url: https://acme.zendesk.com, start: 2026-01-01}",
    "hubspot": "{source: hubspot, instance: default, start: 2026-01-01}",
    "mixpanel": "{source: mixpanel, instance: default, project_id: 12345, time_zone: UTC, start: 2026-01-01}",
}


def parsed(entry: dict[str, Any], where: str) -> Entry:
    """The entry with its types.

    Raises:
        ConfigurationError: The source is unknown or a value cannot work; the message says what to write.
    """
    source = entry.get("source")
    if source not in ENTRIES:
        raise ConfigurationError(
            f"{where}: unknown source", source, f"Write `source:` with one of {', '.join(ENTRIES)}."
        )
    try:
        return ENTRIES[source].model_validate(entry)
    except ValidationError as error:
        # a misplaced key explains more than what is missing for it
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            f"{where}: `{name}` {_WORDS.get(first['type'], first['msg'].removeprefix('Value error, '))}",
            None if first["type"] == "missing" else first.get("input"),
            _remedy(source, name, first["type"]),
        ) from None


_WORDS = {"missing": "is missing", "extra_forbidden": "is unknown", "string_pattern_mismatch": "cannot be used"}


def _remedy(source: str, name: str, kind: str) -> str:
    if kind == "extra_forbidden":
        return f"It takes {', '.join(ENTRIES[source].model_fields)}."
    if name == "instance":
        return "Write lower-case letters, digits and underscores, such as `instance: shop_eu`."
    if name == "schedule":
        return 'Write a cron expression of five fields, such as `schedule: "0 5 * * *"`.'
    return f"Write it as in {EXAMPLES[source]}."

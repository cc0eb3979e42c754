"""What a sandbox server is told at its start, and what can be switched while it runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

Share = Field(default=0.0, ge=0.0, le=1.0)
BodyFault = Literal["cut", "html", "empty", "disconnect"]
ExportFault = Literal["terminated", "mid_record", "disconnect"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Drift(_Strict):
    """Changes of the schema that no release note announced.

    Attributes:
        field_type_change: Zendesk's field 900004 turns from a number to text, HubSpot's `number_of_employees` and
            Mixpanel's `$app_build_number` likewise.
        new_enum: Ticket type `outage`, child event `OrganizationActivity`, thread message type `AI_SUMMARY`, and
            Mixpanel's `mp_lib` of a value never seen. A list names further Zendesk fields (priority, status, channel)
            that take a new value on every seventh ticket.
        new_field: Every object holds a key that it did not hold before.
        nul_and_surrogates: `\\u0000` and a lone `\\ud800` inside every fifth subject and text.
    """

    field_type_change: bool = False
    new_enum: bool | list[Literal["priority", "status", "channel"]] = False
    new_field: bool = False
    nul_and_surrogates: bool = False


class Fault(_Strict):
    """A fault at exactly counted requests: of those that match `endpoint`, `skip` pass and the next `times` meet it.

    Attributes:
        endpoint: Name or pattern, such as `zendesk.tickets_export` or `hubspot.*`.
        seconds: How long a hang lasts, or how far `advance_clock` moves the clock before the request is answered.
        body: How a broken body is broken.
    """

    kind: Literal["rate_limited", "server_error", "broken_body", "hang", "advance_clock", "cut_export"]
    endpoint: str = "*"
    skip: int = Field(default=0, ge=0)
    times: int = Field(default=1, ge=1)
    status: int = Field(default=500, ge=500, le=599)
    retry_after: float | None = None
    seconds: float = Field(default=0.0, ge=0.0)
    body: BodyFault = "cut"
    export: ExportFault = "terminated"


class Traps(_Strict):
    """What goes wrong, by how often or from which threshold on. Shares are of requests, drawn from the server's seed.

    Attributes:
        only: Endpoints, by name or pattern, that the shares below concern.
        rate_limited: 429 without a limit being reached.
        retry_after: What such a 429 says, in seconds; None: it says nothing; a list: one of these, drawn.
        server_error, server_error_statuses: 5xx.
        broken_body, broken_body_kinds: A good answer that arrives cut, as HTML, empty, or with the connection closed.
        hang, hang_share: Seconds that a share of requests waits before its answer.
        enforce_limits, limit_scale: The vendors' true request limits, their windows times `limit_scale`.
        html_403_for_ids, html_404_for_ids: Zendesk's and RT's ticket ids whose own endpoints answer with an empty HTML page.
        late_visible_seconds: Zendesk's exports withhold this much instead of the last minute; every HubSpot object,
            thread and message with an odd id shows this much later than it says.
        archived_hidden: Zendesk's lists and search omit tickets closed for 120 days.
        search_index_delay_seconds: HubSpot's search sees objects with an odd id this much later.
        end_of_stream_missing: Zendesk's exports do not say when they end.
        same_next_page: Zendesk's exports hand out the page just read as the next one.
        page_timeout_above: Zendesk answers 504 to pages of more rows than this.
        max_url_length: HubSpot refuses longer request lines with 414.
        purged: What HubSpot deleted for good: `tickets/9000000001`, any other object, `threads/...` or `messages/...`.
        duplicate_events, missing_events: Shares of Mixpanel's events stated twice, or not stated.
        cut_export, cut_export_kinds: Mixpanel's exports that end early.
        split_records: Share of Mixpanel's events with a raw line break inside.
        ai_export_delay_seconds: How long after midnight UTC the day's files of Zendesk's AI agents appear.
        oauth_lifetime_seconds: How long an access token is good, by the virtual clock.
        mixpanel_payment_required: The plan does not hold raw export: 402.
        rt_late_commit_seconds: How much later than it says every fourth of Request Tracker's transactions shows.
        rt_zone_hours: How far east of UTC the account's time zone is, in which its own search language reads times.
        faults: At counted requests; posting them again starts their counts anew.
    """

    only: list[str] = ["*"]
    rate_limited: float = Share
    retry_after: float | list[float | None] | None = 1.0
    server_error: float = Share
    server_error_statuses: list[int] = [500, 502, 503, 504]
    broken_body: float = Share
    broken_body_kinds: list[BodyFault] = ["cut", "html", "empty"]
    hang: float = Field(default=0.0, ge=0.0)
    hang_share: float = Field(default=1.0, ge=0.0, le=1.0)
    enforce_limits: bool = False
    limit_scale: float = Field(default=1.0, gt=0.0)
    html_403_for_ids: list[int] = []
    html_404_for_ids: list[int] = []
    late_visible_seconds: int = Field(default=0, ge=0)
    archived_hidden: bool = True
    search_index_delay_seconds: int = Field(default=0, ge=0)
    end_of_stream_missing: bool = False
    same_next_page: bool = False
    page_timeout_above: int | None = Field(default=None, ge=1)
    max_url_length: int = Field(default=16_000, ge=200)
    purged: list[str] = []
    duplicate_events: float = Share
    missing_events: float = Share
    cut_export: float = Share
    cut_export_kinds: list[ExportFault] = ["terminated", "mid_record"]
    split_records: float = Share
    ai_export_delay_seconds: int = Field(default=0, ge=0)
    oauth_lifetime_seconds: int = Field(default=1800, ge=1)
    mixpanel_payment_required: bool = False
    rt_late_commit_seconds: int = Field(default=0, ge=0)
    rt_zone_hours: float = 0.0
    drift: Drift = Drift()
    faults: list[Fault] = []


class ZendeskCredentials(_Strict):
    """`is_admin` False refuses the incremental exports, as Zendesk does for an agent's token.

    The OAuth client gets access tokens by its own credentials; `oauth_token` is one that lasts.
    """

    email: str = "integration@example.com"
    api_token: str
    oauth_token: str
    client_id: str = "touchstone"
    client_secret: str
    is_admin: bool = True
    ai_api_key: str
    ai_organization_id: str = "org-1"
    ai_bot_id: str = "bot-1"


class HubSpotCredentials(_Strict):
    """`expired_tokens` were valid once; `missing_scopes` are not granted to any token.

    An OAuth app gets access tokens by its refresh token, until that is revoked.
    """

    token: str
    client_id: str
    client_secret: str
    refresh_token: str
    is_revoked: bool = False
    expired_tokens: list[str] = []
    missing_scopes: list[str] = []


class MixpanelCredentials(_Strict):
    """A service account and the project's own secret; `is_member` False refuses the project to the account."""

    user: str = "sandbox.service-account"
    secret: str
    project_id: int = 1_234_567
    project_secret: str
    is_member: bool = True


class RtCredentials(_Strict):
    """An account by its password, or by its token; `sees_all` False is one to which RT does not count what it finds."""

    user: str = "integration"
    password: str
    token: str
    sees_all: bool = True


class Credentials(_Strict):
    """What each API accepts; nothing else gets in."""

    zendesk: ZendeskCredentials
    hubspot: HubSpotCredentials
    mixpanel: MixpanelCredentials
    rt: RtCredentials

    @classmethod
    def random(cls) -> Credentials:
        """Secrets that no other server has."""
        from secrets import token_hex

        return cls(
            zendesk=ZendeskCredentials(
                api_token=token_hex(20),
                oauth_token=token_hex(32),
                client_secret=token_hex(32),
                ai_api_key=token_hex(20),
            ),
            hubspot=HubSpotCredentials(
                token=f"pat-na1-{token_hex(16)}",
                client_id=token_hex(18),
                client_secret=token_hex(18),
                refresh_token=f"na1-{token_hex(18)}",
            ),
            mixpanel=MixpanelCredentials(secret=token_hex(16), project_secret=token_hex(16)),
            rt=RtCredentials(password=token_hex(12), token=f"1-14-{token_hex(16)}"),
        )


class SandboxOptions(_Strict):
    """How a server starts.

    Attributes:
        clock: The virtual now; None: the company's last moment.
        clock_step_seconds: How far each vendor request moves it.
        vendors: Whose APIs are served. Beside the first three, which share the company's conversations among them, every
            helpdesk states those of the zendesk desk, and every analytics tool the same product events.
        seed: Of everything that is drawn: faults, duplicates, cuts.
        mixpanel_timezone: Of the analytics project; other than UTC it is one made before 2023, whose dates and times are
            in that zone.
    """

    clock: AwareDatetime | None = None
    clock_step_seconds: float = Field(default=0.0, ge=0.0)
    vendors: tuple[str, ...] = ("zendesk", "hubspot", "mixpanel")
    seed: int = 0
    zendesk_archive_days: int = Field(default=120, ge=0)
    mixpanel_timezone: str = "UTC"
    traps: Traps = Traps()
    credentials: Credentials = Field(default_factory=Credentials.random)

    @field_validator("mixpanel_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{value!r} is no time zone; write a name such as Europe/Berlin") from None
        return value


class ClockMove(_Strict):
    """A move of the virtual clock, forward only; exactly one of the two."""

    now: AwareDatetime | None = None
    seconds: float | None = Field(default=None, ge=0.0)


def merged(model: BaseModel, changes: dict[str, Any]) -> BaseModel:
    """The model with the named values changed, nested ones too; lists are replaced whole.

    Raises:
        pydantic.ValidationError: A name or a value does not fit.
    """
    return type(model).model_validate(_deep(model.model_dump(), changes))


def _deep(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    result = dict(old)
    for key, value in new.items():
        is_nested = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _deep(result[key], value) if is_nested else value
    return result


def utc_text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")

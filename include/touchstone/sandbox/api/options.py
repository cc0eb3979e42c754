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
        html_403_for_ids, html_404_for_ids: Ids of Zendesk's, Freshdesk's and Request Tracker's tickets whose own endpoints
            answer with an empty HTML page.
        late_visible_seconds: Zendesk's exports withhold this much instead of the last minute; every HubSpot object,
            thread and message with an odd id shows this much later than it says.
        archived_hidden: Zendesk's lists and search omit tickets closed for 120 days.
        search_index_delay_seconds: HubSpot's search sees objects with an odd id this much later.
        end_of_stream_missing: Zendesk's exports do not say when they end.
        same_next_page: Zendesk's exports hand out the page just read as the next one.
        page_timeout_above: Zendesk answers 504 to pages of more rows than this.
        max_url_length: HubSpot refuses longer request lines with 414.
        purged: What HubSpot deleted for good: `tickets/9000000001`, any other object, `threads/...` or `messages/...`.
        duplicate_events, missing_events: Shares of product events stated twice, or not stated.
        cut_export, cut_export_kinds: Exports of product events that end early.
        split_records: Share of Mixpanel's events with a raw line break inside.
        ai_export_delay_seconds: How long after midnight UTC the day's files of Zendesk's AI agents appear.
        oauth_lifetime_seconds: How long an access token is good, by the virtual clock.
        mixpanel_payment_required: The plan does not hold raw export: 402.
        intercom_parts_most: Parts of a conversation that Intercom shows at most, the newest ones.
        intercom_search_by_day: Intercom's search of conversations matches by calendar day, as that of contacts always does.
        intercom_utc_offset_hours: Time zone of Intercom's workspace, whose days a search goes by.
        intercom_contacts_late_seconds: Intercom's lists and searches show a new contact with an odd number this much
            later.
        intercom_merged_contacts: Intercom's contacts that went into another one, by id: gone, their conversations are the other's.
        intercom_scroll_idle_seconds: Real seconds after which a scroll over Intercom's companies ends when it is left alone.
        intercom_fin_is_off: The workspace has no Fin: conversations say nothing of it.
        freshdesk_page_limit: Last page of a list of tickets; one beyond it is refused with 400.
        freshdesk_since_exclusive: `updated_since` leaves out its own second.
        freshdesk_purged: What was deleted for good, such as `tickets/1001` or `contacts/150000000001`.
        freshdesk_archived: Ids of tickets that lists leave out and whose address has moved.
        freshdesk_agents_without_groups: The list of agents does not say which groups they are in.
        freshdesk_refused: Endpoints that the plan does not hold, such as `surveys`: 403.
        salesforce_late_commit_seconds: Records of Salesforce with an odd id show this much later than their stamp says.
        salesforce_page_rows: Salesforce's pages hold this many records instead of 2,000.
        salesforce_expired_locators: Share of the pages of Salesforce's queries, beyond the first, whose locator has expired.
        salesforce_unfilterable: Objects of Salesforce whose SystemModstamp cannot be filtered.
        salesforce_unqueryable, salesforce_missing: Objects that cannot be queried, or that the organisation does not have.
        salesforce_purged: Ids of what Salesforce deleted for good, five minutes ago by its log of deletions.
        salesforce_deleted_log_lost: That log was purged: it names nothing, and begins now.
        salesforce_daily_requests: How many requests Salesforce answers before the day's quota is used up.
        amplitude_ready_hours: How long after its end an hour of Amplitude's export is there.
        amplitude_most_events: Amplitude refuses archives of more events, as it does those of more than 4 GB: 400.
        amplitude_most_hours: Amplitude does not finish archives of more hours in time: 504.
        posthog_late_visible_seconds: PostHog shows events with an odd number this much later than it says that they came.
        posthog_cache_seconds: PostHog answers a query that it has answered as long ago from its memory, unless told not to.
        posthog_most_rows: PostHog does not finish queries of more rows in time: 504.
        posthog_row_cap: PostHog answers with fewer rows than were asked for.
        langfuse_late_seconds: Every second trace of Langfuse, with its observations, shows this much later.
        langfuse_session_late_seconds: Traces of odd conversations name their session this much after they show.
        langfuse_api: Which generation of Langfuse's endpoints is there, v3 or v4; None: both.
        langfuse_same_cursor: Langfuse's lists hand out the cursor that they were asked with.
        langfuse_deleted: Ids of traces that somebody deleted at Langfuse.
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
    intercom_parts_most: int = Field(default=500, ge=1)
    intercom_search_by_day: bool = False
    intercom_utc_offset_hours: float = Field(default=0.0, ge=-12.0, le=14.0)
    intercom_contacts_late_seconds: int = Field(default=0, ge=0)
    intercom_merged_contacts: dict[str, str] = {}
    intercom_scroll_idle_seconds: float = Field(default=60.0, gt=0.0)
    intercom_fin_is_off: bool = False
    freshdesk_page_limit: int = Field(default=300, ge=1)
    freshdesk_since_exclusive: bool = False
    freshdesk_purged: list[str] = []
    freshdesk_archived: list[int] = []
    freshdesk_agents_without_groups: bool = False
    freshdesk_refused: list[str] = []
    salesforce_late_commit_seconds: int = Field(default=0, ge=0)
    salesforce_page_rows: int | None = Field(default=None, ge=1)
    salesforce_expired_locators: float = Share
    salesforce_unfilterable: list[str] = []
    salesforce_unqueryable: list[str] = []
    salesforce_missing: list[str] = []
    salesforce_purged: list[str] = []
    salesforce_deleted_log_lost: bool = False
    salesforce_daily_requests: int | None = Field(default=None, ge=0)
    amplitude_ready_hours: int = Field(default=2, ge=0)
    amplitude_most_events: int | None = Field(default=None, ge=1)
    amplitude_most_hours: int | None = Field(default=None, ge=0)
    posthog_late_visible_seconds: int = Field(default=0, ge=0)
    posthog_cache_seconds: int = Field(default=0, ge=0)
    posthog_most_rows: int | None = Field(default=None, ge=1)
    posthog_row_cap: int = Field(default=50_000, ge=1)
    langfuse_late_seconds: int = Field(default=0, ge=0)
    langfuse_session_late_seconds: int = Field(default=0, ge=0)
    langfuse_api: Literal["v3", "v4"] | None = None
    langfuse_same_cursor: bool = False
    langfuse_deleted: list[str] = []
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


class IntercomCredentials(_Strict):
    """The access token of a private app."""

    token: str


class FreshdeskCredentials(_Strict):
    """The key of an administrator, which is the user of Basic authentication."""

    api_key: str


class SalesforceCredentials(_Strict):
    """A connected app, which gets access tokens by its own credentials or by its refresh token, until it is revoked."""

    client_id: str
    client_secret: str
    refresh_token: str
    is_revoked: bool = False


class AmplitudeCredentials(_Strict):
    """Both keys of a project."""

    api_key: str
    secret_key: str


class PostHogCredentials(_Strict):
    """A personal API key; `has_scope` False: it may not query the project."""

    api_key: str
    project_id: int = 4_711
    has_scope: bool = True


class LangfuseCredentials(_Strict):
    """Keys of the project."""

    public_key: str
    secret_key: str


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
    intercom: IntercomCredentials
    freshdesk: FreshdeskCredentials
    salesforce: SalesforceCredentials
    amplitude: AmplitudeCredentials
    posthog: PostHogCredentials
    langfuse: LangfuseCredentials
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
            intercom=IntercomCredentials(token=token_hex(30)),
            freshdesk=FreshdeskCredentials(api_key=token_hex(10)),
            salesforce=SalesforceCredentials(
                client_id=token_hex(20), client_secret=token_hex(32), refresh_token=token_hex(32)
            ),
            posthog=PostHogCredentials(api_key=f"phx_{token_hex(20)}"),
            amplitude=AmplitudeCredentials(api_key=token_hex(16), secret_key=token_hex(16)),
            langfuse=LangfuseCredentials(public_key=f"pk-lf-{token_hex(16)}", secret_key=f"sk-lf-{token_hex(16)}"),
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

"""Zendesk Support: tickets and what happened to them, people, ratings, articles, and the AI agents' own export.

The incremental exports are the only complete view: lists and searches hide archived tickets and end at 1,000 results. State is
what the export answers, never a clock or an `updated_at`, since a system update changes a ticket and leaves that behind.
`support_type_scope=all` brings the tickets that only an AI agent handled.

The export of events begins with the instance's start, and a ticket may be older. What it lacks of such a ticket comes from the
ticket's own list of audits, which keeps what a merge or an archive hides elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import httpx

from touchstone.sources.config import SourceInstance
from touchstone.sources.http.budget import Budget
from touchstone.sources.http.faults import CredentialsError, NoProgress, PermissionRefused
from touchstone.sources.http.oauth import BearerAuth, RenewedAuth
from touchstone.sources.http.streams import Context, Page, RawStream, Record, State, Stream, Ways, Window
from touchstone.sources.http.walks import cursor_export, cursor_list, time_export
from touchstone.sources.zendesk.source import Zendesk

TOKENS = "/oauth/tokens"
PER_PAGE = 1000
REFERENCE_DAYS = 7  # what an administrator sets up and hardly changes
TOGETHER = 20
AI_TRAILING_DAYS = 3
AI_HORIZON_DAYS = 30
AI_WARNING_DAYS = 25
_SCOPE = {"support_type_scope": "all"}
# start_time has to be more than a minute old
_WITHHELD = timedelta(seconds=61)


def _id(record: Record) -> str | None:
    value = record.get("id")
    return None if value is None else str(value)


def _ticket_id(record: Record) -> str | None:
    value = record.get("ticket_id")
    return None if value is None else str(value)


def _moment(name: str) -> Callable[[Record], datetime | None]:
    def moment(record: Record) -> datetime | None:
        value = record.get(name)
        try:
            return datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            return None

    return moment


def _version(name: str) -> Callable[[Record], int | None]:
    """Milliseconds of an epoch, or of an ISO time."""

    def version(record: Record) -> int | None:
        value = record.get(name)
        if isinstance(value, int):
            return value * 1000
        moment = _moment(name)(record)
        return None if moment is None else int(moment.timestamp() * 1000)

    return version


_STREAMS = (
    RawStream(
        "tickets",
        _id,
        _id,
        _version("generated_timestamp"),
        enums={"status": frozenset({"new", "open", "pending", "hold", "solved", "closed", "deleted"})},
        open_fields=("custom_fields",),
    ),
    RawStream("metric_sets", _ticket_id, _ticket_id),
    RawStream("ticket_events", _id, _ticket_id, happened_at=_moment("created_at")),
    RawStream("ticket_metric_events", _id, _ticket_id),
    RawStream(
        "satisfaction_ratings",
        _id,
        _ticket_id,
        _version("updated_at"),
        enums={"score": frozenset({"good", "bad", "offered", "unoffered", "good_with_comment", "bad_with_comment"})},
    ),
    RawStream("deleted_tickets", _id, _id),
    RawStream(
        "users",
        _id,
        enums={"role": frozenset({"end-user", "agent", "admin"})},
        open_fields=("user_fields",),
    ),
    RawStream("organizations", _id, open_fields=("organization_fields",)),
    RawStream("groups", _id),
    RawStream("group_memberships", _id),
    RawStream("brands", _id),
    RawStream("ticket_fields", _id),
    RawStream("sla_policies", _id),
    RawStream("articles", lambda record: record.get("id") and f"{record['id']}:{record.get('locale', '')}"),
    RawStream(
        "ai_conversations",
        lambda record: record.get("conversationId"),
        lambda record: record.get("externalConversationId"),
    ),
)


class ZendeskConnector:
    """See `touchstone.sources.http.streams.Connector`."""

    name = "zendesk"
    # requests per minute: exports by plan without the high-volume add-on, the rest well below the smallest account's 200
    budgets: ClassVar[dict[str, Budget]] = {
        "incremental": Budget("incremental", 10, 60),
        "default": Budget("default", 150, 60),
    }
    raw: ClassVar[dict[str, RawStream]] = {stream.name: stream for stream in _STREAMS}

    def credentials(self, source: SourceInstance) -> Ways:
        own = {"ai_agents_key": "API key of the AI agents' export"} if source.options(Zendesk).ai_agents else {}
        return (
            {"email": "e-mail address of the API user", **own, "api_token": "API token"},
            {"client_id": "identifier of the OAuth client", **own, "client_secret": "secret of the OAuth client"},
            {**own, "oauth_token": "OAuth access token"},
        )

    def apis(self, source: SourceInstance, secrets: dict[str, str]) -> dict[str, tuple[str, httpx.Auth]]:
        options = source.options(Zendesk)
        found: dict[str, tuple[str, httpx.Auth]] = {"main": (options.base_url, _auth(options.base_url, secrets))}
        if options.ai_agents:
            found["ai_agents"] = (options.ai_agents.base_url, _HeaderAuth(secrets["ai_agents_key"]))
        return found

    def explain(self, response: httpx.Response) -> Exception | None:
        if response.status_code == 401:
            is_oauth = response.request.headers.get("Authorization", "").startswith("Bearer ")
            return CredentialsError(
                "Zendesk does not accept the credentials",
                "401",
                "Renew the OAuth token; its scope has to be `read`."
                if is_oauth
                else "Check the e-mail address and the API token; token access must be switched on in Admin Center.",
            )
        if response.status_code == 403:
            return PermissionRefused(
                "Zendesk refuses",
                f"403 at {response.request.url.path}",
                "Incremental exports need an API user with the role of an administrator.",
            )
        return None

    def streams(self, source: SourceInstance) -> list[Stream]:
        options = source.options(Zendesk)
        exports = "/api/v2/incremental"
        streams = [
            # people and groups first, so that a ticket finds its agents
            _list("groups", "/api/v2/groups.json", "groups"),
            _list("group_memberships", "/api/v2/group_memberships.json", "group_memberships"),
            _list("brands", "/api/v2/brands.json", "brands", every_days=REFERENCE_DAYS),
            _list("ticket_fields", "/api/v2/ticket_fields.json", "ticket_fields", every_days=REFERENCE_DAYS),
            _list("sla_policies", "/api/v2/slas/policies.json", "sla_policies", every_days=REFERENCE_DAYS),
            _by_time("organizations", f"{exports}/organizations.json", "organizations", whole=True),
            _by_cursor("users", f"{exports}/users/cursor.json", {"users": "users"}, whole=True),
            _by_cursor(
                "tickets",
                f"{exports}/tickets/cursor.json",
                {"tickets": "tickets", "metric_sets": "metric_sets"},
                **_SCOPE,
                include="metric_sets",
            ),
            _by_time(
                "ticket_events", f"{exports}/ticket_events.json", "ticket_events", **_SCOPE, include="comment_events"
            ),
            Stream("ticket_histories", _histories),
            _by_time("ticket_metric_events", f"{exports}/ticket_metric_events.json", "ticket_metric_events"),
            Stream("satisfaction_ratings", _ratings),
            Stream("deleted_tickets", _deleted),
        ]
        if options.help_center:
            streams.append(
                _by_time("articles", "/api/v2/help_center/incremental/articles.json", "articles", whole=True)
            )
        if options.ai_agents:
            streams.append(Stream("ai_conversations", _ai_conversations, backfill=_ai_interval))
        return streams

    def check(self, context: Context) -> list[tuple[str, Callable[[], Any]]]:
        since = _start(context)
        api = context.api
        exports = ("tickets/cursor", "users/cursor", "organizations", "ticket_events")
        asked: list[tuple[str, Callable[[], Any]]] = [("credentials", partial(_identity, api))]
        asked += [
            (
                f"export of {name.partition('/')[0]}",
                partial(api.get, f"/api/v2/incremental/{name}.json", {"start_time": since, "per_page": 1}),
            )
            for name in exports
        ]
        if context.source.options(Zendesk).ai_agents:
            asked.append(
                ("export of AI agents", partial(_ai_urls, context, context.window.now.date() - timedelta(days=1)))
            )
        return asked


def _identity(api: Any) -> Any:
    """A wrong token does not fail here: Zendesk answers as the anonymous user."""
    answer = api.get("/api/v2/users/me.json")
    if not (answer.get("user") or {}).get("id"):
        raise CredentialsError(
            "Zendesk does not know the API user", "anonymous", "Check the e-mail address and the API token."
        )
    return answer


def _auth(base_url: str, secrets: dict[str, str]) -> httpx.Auth:
    if "oauth_token" in secrets:
        return BearerAuth(secrets["oauth_token"])
    if "client_id" in secrets:
        grant = {
            "grant_type": "client_credentials",
            "client_id": secrets["client_id"],
            "client_secret": secrets["client_secret"],
            "scope": "read",
        }
        remedy = "Check identifier and secret of the OAuth client; it has to be confidential, and allowed to read."
        return RenewedAuth("Zendesk", f"{base_url}{TOKENS}", grant, remedy)
    return httpx.BasicAuth(f"{secrets['email']}/token", secrets["api_token"])


class _HeaderAuth(httpx.Auth):
    def __init__(self, key: str) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:
        request.headers["Authorization"] = self._key
        yield request


# --- walks


def _start(context: Context) -> int:
    """Epoch seconds of the first request: the first moment of interest, or the interval's first day."""
    interval = context.window.interval
    first = (
        datetime(interval[0].year, interval[0].month, interval[0].day, tzinfo=UTC) if interval else context.window.start
    )
    return int(min(first, context.window.now - _WITHHELD).timestamp())


def _first_of(context: Context, *, whole: bool) -> int:
    """Where an export begins: people, companies and articles are read whole, since old ones take part in new tickets."""
    return 1 if whole and context.window.interval is None else _start(context)


def _until(context: Context) -> int | None:
    interval = context.window.interval
    if interval is None:
        return None
    last = interval[1] + timedelta(days=1)
    return int(datetime(last.year, last.month, last.day, tzinfo=UTC).timestamp())


def _from_the_start(window: Window) -> State:
    """A backfill walks from the interval's first day on; tickets are addressed by when they last changed."""
    return {}


def _by_cursor(name: str, path: str, keys: dict[str, str], *, whole: bool = False, **params: Any) -> Stream:
    def walk(context: Context, state: State) -> Iterator[Page]:
        return cursor_export(
            context.api,
            path,
            state,
            start=_first_of(context, whole=whole),
            params={"per_page": PER_PAGE, **params},
            budget="incremental",
            records_of=lambda answer: {stream: answer.get(key) or [] for stream, key in keys.items()},
        )

    return Stream(name, walk, backfill=_from_the_start)


def _by_time(name: str, path: str, key: str, *, whole: bool = False, **params: Any) -> Stream:
    def walk(context: Context, state: State) -> Iterator[Page]:
        return time_export(
            context.api,
            path,
            state,
            start=_first_of(context, whole=whole),
            params={"per_page": PER_PAGE, **params},
            budget="incremental",
            records_of=lambda answer: {name: answer[key]},
            until=_until(context),
        )

    return Stream(name, walk, backfill=_from_the_start)


def _histories(context: Context, state: State) -> Iterator[Page]:
    """The whole past of tickets that are older than the instance's start, each once.

    A ticket that took in another, or went into one, before the start is but a part of the conversation: tickets that its
    past names land too, and their own past then. All audits of a ticket land together, so that one whose
    first audit is held is whole.

    Its state:
        ticket_load: The load of tickets up to which their past has been read.
    """
    load_id = int(state.get("ticket_load", 0))
    while (newest := context.rows.last_load("tickets")) > load_id:
        told = context.rows.told("tickets", load_id, ("created_at", "status"))
        old = [(one, moment) for one, created, status in told if (moment := _older(context, created, status))]
        for start in range(0, len(old), TOGETHER):
            wanted = _without_past(context, dict(old[start : start + TOGETHER]))
            audits = [audit for one in wanted for audit in _audits(context, one)]
            held = context.held("ticket_events", [str(audit.get("id")) for audit in audits])
            # what the export has told already, it has told in full
            fresh = [audit for audit in audits if str(audit.get("id")) not in held]
            yield Page({"ticket_events": fresh, "tickets": _merged_with(context, audits)}, None)
        yield Page({}, {"ticket_load": newest})
        load_id = newest


def _older(context: Context, created: str | None, status: str | None) -> datetime | None:
    """When a ticket was made that is older than the instance's start, and of which there is something to be seen."""
    moment = _moment("created_at")({"created_at": created})
    return moment if moment is not None and moment < context.window.start and status != "deleted" else None


def _without_past(context: Context, tickets: dict[str, datetime]) -> list[str]:
    """Those of which the audit that made them is not held."""
    held = context.rows.payloads("ticket_events", context.rows.ids("ticket_events", list(tickets)))
    first: dict[str, datetime] = {}
    for audit in held.values():
        moment, ticket_id = _moment("created_at")(audit), str(audit.get("ticket_id"))
        if moment is not None:
            first[ticket_id] = min(moment, first.get(ticket_id, moment))
    return [one for one, made in tickets.items() if one not in first or first[one] > made + timedelta(minutes=1)]


def _audits(context: Context, ticket_id: str) -> list[Record]:
    """Everything that ever happened to a ticket; nothing where it was deleted meanwhile, or is not to be seen."""
    audits: list[Record] = []
    after: str | None = None
    path = f"/api/v2/tickets/{ticket_id}/audits.json"
    while True:
        asked = {"page[size]": 100, **({"page[after]": after} if after else {})}
        answer = context.api.get(path, asked, absent=(403, 404))
        if answer is None:
            context.skip("tickets whose past is not to be seen")
            return []
        audits += answer["audits"]
        following = _following(answer)
        if following is None:
            return audits
        if following == after:
            raise NoProgress(
                f"{context.api.name}: {path} stands still", after, "The API repeats its page; run it again."
            )
        after = following


def _merged_with(context: Context, audits: list[Record]) -> list[Record]:
    """Tickets that merges name and that are not held."""
    named: dict[str, None] = {}
    for audit in audits:
        source = (audit.get("via") or {}).get("source") or {}
        if source.get("rel") == "merge":
            for side in (source.get("from") or {}, source.get("to") or {}):
                named |= dict.fromkeys(
                    str(one) for one in (side.get("ticket_id"), *(side.get("ticket_ids") or ())) if one
                )
    held = context.held("tickets", list(named))
    found = [context.api.get(f"/api/v2/tickets/{one}.json", absent=(403, 404)) for one in named if one not in held]
    return [answer["ticket"] for answer in found if answer is not None]


def _following(answer: dict[str, Any]) -> str | None:
    meta = answer.get("meta") or {}
    return meta["after_cursor"] if meta.get("has_more") else None


def _position(state: State) -> State:
    """Where a list that was not read to its end goes on."""
    return {"after": state["after"]} if state.get("after") else {}


def _list(name: str, path: str, key: str, *, every_days: int = 0) -> Stream:
    """A short list, read whole in every run, or again after so many days."""

    def walk(context: Context, state: State) -> Iterator[Page]:
        today = context.window.now.date()
        read_on = state.get("read_on")
        if every_days and read_on and (today - date.fromisoformat(read_on)).days < every_days:
            return iter(())
        return cursor_list(
            context.api,
            path,
            _position(state),
            params={"page[size]": 100},
            budget="default",
            records_of=lambda answer: {name: answer[key]},
            following_of=_following,
            after_parameter="page[after]",
            finished={"read_on": today.isoformat()},
        )

    return Stream(name, walk, backfill=_from_the_start)


def _ratings(context: Context, state: State) -> Iterator[Page]:
    """Ratings since the newest that was seen, a day of overlap included: a rating may be changed, and is stated late."""
    newest = int(state.get("newest", _start(context)))
    since = int(state.get("since", newest - 86_400))
    seen = newest

    def records_of(answer: dict[str, Any]) -> dict[str, list[Record]]:
        nonlocal seen
        ratings = answer["satisfaction_ratings"]
        moments = [moment for record in ratings if (moment := _moment("updated_at")(record))]
        seen = max([seen, *(int(moment.timestamp()) for moment in moments)])
        return {"satisfaction_ratings": ratings}

    for page in cursor_list(
        context.api,
        "/api/v2/satisfaction_ratings.json",
        _position(state),
        params={"page[size]": 100, "start_time": max(since, 0)},
        budget="default",
        records_of=records_of,
        following_of=_following,
        after_parameter="page[after]",
        finished={},
    ):
        after = (page.state or {}).get("after")
        page.state = {"newest": newest, "since": since, "seen": seen, "after": after} if after else {"newest": seen}
        yield page


def _deleted(context: Context, state: State) -> Iterator[Page]:
    """Deleted tickets, newest first, until a page holds none that is new; a walk that was stopped begins again."""
    walk = cursor_list(
        context.api,
        "/api/v2/deleted_tickets.json",
        {},
        params={"page[size]": 100, "sort_by": "deleted_at", "sort_order": "desc"},
        budget="default",
        records_of=lambda answer: {"deleted_tickets": answer["deleted_tickets"]},
        following_of=_following,
        after_parameter="page[after]",
        finished={},
    )
    was_finished = bool(state.get("is_finished"))
    for page in walk:
        records = page.records["deleted_tickets"]
        known = context.held("deleted_tickets", [str(record.get("id")) for record in records])
        is_last = not (page.state or {}).get("after")
        is_known = was_finished and len(known) == len(records)
        page.state = {"is_finished": is_last or is_known}
        yield page
        if is_known:
            return


def _ai_conversations(context: Context, state: State) -> Iterator[Page]:
    """One file set per UTC day of beginning, made anew at midnight: the last days are read again, since a day completes late,
    and so are the days of conversations whose tickets went on, now and with the next day's files.

    Days before the instance's start count for conversations whose tickets are held. The export reaches 30 days back: what no
    run has read by then is lost, which a run says before it happens.

    Its state:
        last_day: The last day that was read.
        ticket_load: The load of tickets up to which the days of their conversations have been found.
        again: Days that the next files are to be read of.
    """
    today = context.window.now.date()
    followed = {name: state[name] for name in ("ticket_load", "again") if name in state}
    reached = followed
    if "days" in state:
        days = [date.fromisoformat(day) for day in state["days"]]
    else:
        yesterday, oldest = today - timedelta(days=1), today - timedelta(days=AI_HORIZON_DAYS)
        last_good = date.fromisoformat(state["last_day"]) if "last_day" in state else None
        if last_good and (today - last_good).days > AI_WARNING_DAYS:
            context.warn(f"the AI agents' export was last read for {last_good}; it reaches {AI_HORIZON_DAYS} days back")
        first = oldest if last_good is None else max(oldest, last_good - timedelta(days=AI_TRAILING_DAYS - 1))
        if last_good is None:
            load_id, went_on, again = context.rows.last_load("tickets"), set(), set()
        else:
            load_id, went_on = _days_that_went_on(context, int(state.get("ticket_load", 0)))
            again = {date.fromisoformat(day) for day in state.get("again", ())}
        days = sorted(day for day in went_on | again if oldest <= day < first)
        days += [first + timedelta(days=number) for number in range((yesterday - first).days + 1)]
        # until there are new files, what they are wanted for waits
        later = went_on | again if last_good == yesterday else went_on
        reached = {"ticket_load": load_id, "again": sorted(day.isoformat() for day in later)}
    last_day = state.get("last_day", "")
    for day in days:
        conversations: list[Record] = []
        for url in _ai_urls(context, day):
            conversations += context.apis["ai_agents"].get(url, auth=None)
        if day < context.window.start.date():
            tickets = [str(one.get("externalConversationId")) for one in conversations]
            held = context.held("tickets", tickets)
            conversations = [one for one, ticket in zip(conversations, tickets, strict=True) if ticket in held]
        last_day = max(day.isoformat(), last_day)
        yield Page(
            {"ai_conversations": conversations}, {"last_day": last_day, **(reached if day == days[-1] else followed)}
        )


def _days_that_went_on(context: Context, ticket_load: int) -> tuple[int, set[date]]:
    """The newest load of tickets, and the days on which the conversations of tickets that changed since had begun."""
    days: set[date] = set()
    while (found := context.rows.changed("tickets", ticket_load)) is not None:
        ticket_load, tickets = found
        held = context.rows.ids("ai_conversations", [one for one, _ in tickets])
        begun = [_moment("startedAt")(one) for one in context.rows.payloads("ai_conversations", held).values()]
        days |= {moment.astimezone(UTC).date() for moment in begun if moment is not None}
    return ticket_load, days


def _ai_interval(window: Window) -> State:
    first, last = window.interval
    return {"days": [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]}


def _ai_urls(context: Context, day: date) -> list[str]:
    options = context.source.options(Zendesk).ai_agents
    urls: list[str] = []
    for bot_id in options.bot_ids:
        answer = context.apis["ai_agents"].post(
            "/data-export/v3/get-signed-urls",
            {"date": day.isoformat()},
            headers={"organizationId": options.organization_id, "botId": bot_id},
        )
        urls += answer["urls"]
    return urls

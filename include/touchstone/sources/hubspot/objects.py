"""The objects of HubSpot's CRM: read whole by list at first, then by search for what changed, with what was archived.

Search is the only way to ask for changes, and has four faults: it ends at 10,000 results, its index lags behind, it shows
nothing that is archived, and it notes no change of an association. So it is walked by id and never paged; it looks back by
`MARGIN`; archived objects are listed apart; and the whole list is read again every `full_read_days`, which finds the rest,
and what is there no more (`touchstone.sources.hubspot.sweep`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from touchstone.sources.http.faults import BrokenAnswer, NoProgress
from touchstone.sources.http.streams import Context, Page, Placed, Record, State, Stream, Window
from touchstone.sources.hubspot import associations
from touchstone.sources.hubspot.moments import epoch_ms, midnight_ms, ms
from touchstone.sources.hubspot.source import Hubspot
from touchstone.sources.hubspot.sweep import Sweep, deleted, gone_objects

MARGIN = timedelta(minutes=5)
LIST_PAGE = 100
SEARCH_PAGE = 200
MAX_PROPERTIES_LENGTH = 15_000


@dataclass(frozen=True)
class CrmObject:
    """One type of object.

    Attributes:
        modified: Property that holds when it last changed.
        properties: What is asked for beside the account's own properties.
        associations: Types of object that its associations are read to.
        ticket_by: Which of them are tickets, where the object belongs to one.
        is_case: Whether those that last changed before the instance's start are left out.
    """

    name: str
    modified: str
    properties: tuple[str, ...]
    associations: tuple[str, ...] = ()
    ticket_by: str | None = None
    is_case: bool = False


_COMMON = ("hs_object_id", "createdate", "hubspot_owner_id", "hs_merged_object_ids")

OBJECTS = (
    CrmObject(
        "companies",
        "hs_lastmodifieddate",
        (
            *_COMMON,
            "name",
            "domain",
            "hs_additional_domains",
            "tier",
            "segment",
            "plan",
            "health_score",
            "arr",
            "industry",
            "country",
            "lifecyclestage",
            "churned_on",
            "renewal_month",
            "number_of_employees",
        ),
    ),
    CrmObject(
        "contacts",
        "lastmodifieddate",
        (
            *_COMMON,
            "email",
            "hs_additional_emails",
            "firstname",
            "lastname",
            "phone",
            "product_user_id",
            "associatedcompanyid",
        ),
        associations=("companies",),
    ),
    CrmObject(
        "deals",
        "hs_lastmodifieddate",
        (
            *_COMMON,
            "dealname",
            "dealstage",
            "pipeline",
            "amount",
            "arr_before",
            "arr_after",
            "deal_kind",
            "closedate",
        ),
        associations=("companies",),
    ),
    CrmObject(
        "tickets",
        "hs_lastmodifieddate",
        (
            *_COMMON,
            "subject",
            "content",
            "hs_pipeline",
            "hs_pipeline_stage",
            "hs_ticket_priority",
            "hs_ticket_category",
            "product_area",
            "conversation_language",
            "source_type",
            "closed_date",
        ),
        associations=("companies", "contacts", "conversations"),
        is_case=True,
    ),
    CrmObject(
        "feedback_submissions",
        "hs_lastmodifieddate",
        (
            *_COMMON,
            "hs_survey_type",
            "hs_value",
            "hs_content",
            "hs_submission_timestamp",
        ),
        associations=("tickets",),
        ticket_by="tickets",
        is_case=True,
    ),
)


def stream(spec: CrmObject) -> Stream:
    """The walk over one type of object."""

    def walk(context: Context, state: State) -> Iterator[Page]:
        return _ObjectWalk(spec, context, state).pages()

    return Stream(spec.name, walk, backfill=_interval)


def _interval(window: Window) -> State:
    """A backfill asks for what last changed within the interval."""
    first, last = window.interval
    return {"phase": "search", "since": midnight_ms(first), "until": midnight_ms(last + timedelta(days=1))}


class _ObjectWalk:
    """One walk: the whole list where that is due, then search, then what is archived; it goes on where it stopped.

    Its state:
        since: Milliseconds from which on the search asks for changes.
        newest: Latest change that was seen.
        listed: When the last reading of the whole list began.
        passed: Last id of the page of that list that was read last.
        phase: list, search or archived, while the walk is under way; `began` when that phase did, `after` how far it is.
        until: End of a backfill's interval.
    """

    def __init__(self, spec: CrmObject, context: Context, state: State) -> None:
        self._spec = spec
        self._context = context
        self._api = context.api
        self._now = ms(context.window.now)
        self._start = ms(context.window.start)
        self._path = f"/crm/v3/objects/{spec.name}"
        self.state: dict[str, Any] = dict(state)
        self._names = _property_names(spec, context)
        self._sweep = Sweep(context, spec.name, self.state)

    def pages(self) -> Iterator[Page]:
        if "phase" not in self.state:
            listed = self.state.get("listed")
            self._begin("list" if is_due(self._context, listed) else "search")
        if self.state["phase"] == "list":
            yield from self._list(self._end_of_list)
        if self.state["phase"] == "search":
            yield from self._search()
        if self.state.get("phase") == "archived":
            yield from self._list(self._end_of_archive, archived=True)

    # --- state

    def _begin(self, phase: str) -> None:
        self.state |= {"phase": phase, "began": self._now}
        self.state.pop("after", None)

    def _end_of_list(self) -> None:
        began = self.state["began"]
        self.state |= {"listed": began, "since": self._next_since(began)}
        self._begin("search")

    def _end_of_search(self) -> None:
        self.state["since"] = self._next_since(self.state["began"])
        self._begin("archived")

    def _end_of_archive(self) -> None:
        for name in ("phase", "began", "after"):
            self.state.pop(name, None)

    def _next_since(self, began: int) -> int:
        """From where the next search asks: never later than what this one can have missed."""
        return min(began, self.state.get("newest", began)) - MARGIN // timedelta(milliseconds=1)

    # --- phases

    def _list(self, end: Callable[[], None], *, archived: bool = False) -> Iterator[Page]:
        while True:
            after = self.state.get("after")
            records, following = self._listed(after, archived)
            lacking = []
            if not archived:
                lacking = self._sweep.lacking([str(record["id"]) for record in records], is_last=following is None)
            if self._spec.is_case:
                records = [record for record in records if self._is_of_interest(record)]
            landed = self._landed(records, with_associations=not archived)
            landed[self._spec.name] += self._gone(lacking)
            if following is None:
                end()
            else:
                self.state["after"] = following
            yield Page(landed, dict(self.state))
            if following is None:
                return
            if following == after:
                raise NoProgress(
                    f"{self._api.name}: {self._path} stands still",
                    str(after),
                    "HubSpot repeats its page; run it again.",
                )

    def _listed(self, after: str | None, archived: bool) -> tuple[list[Record], str | None]:
        """One page of the list, in as many requests as its properties need.

        The first says which objects there are and how they stand; what another adds is merged by id. One that changes in
        between keeps the date of before, so that the search brings it again.
        """
        params = {
            "limit": LIST_PAGE,
            "archived": "true" if archived else "false",
            **({"after": after} if after else {}),
        }
        records: dict[str, Record] = {}
        following = None
        for number, names in enumerate(_chunks(self._names)):
            answer = self._api.get(self._path, {**params, "properties": names})
            if number == 0:
                records = {str(record["id"]): record for record in answer["results"]}
                following = ((answer.get("paging") or {}).get("next") or {}).get("after")
                continue
            stated = {str(record["id"]): record["properties"] for record in answer["results"]}
            for object_id in set(records) - set(stated):
                # archived in between: the list of what is archived has it
                del records[object_id]
            for object_id, record in records.items():
                record["properties"] = {**stated[object_id], **record["properties"]}
        return list(records.values()), following

    def _search(self) -> Iterator[Page]:
        """What changed since, ascending by id: each request asks for the ids beyond the last, so that the cap is never met."""
        until = self.state.get("until")
        while True:
            last = int(self.state.get("after", 0))
            filters = [
                _filter(self._spec.modified, "GTE", self.state["since"]),
                _filter("hs_object_id", "GT", last),
            ]
            if until is not None:
                filters.append(_filter(self._spec.modified, "LT", until))
            answer = self._api.post(
                f"{self._path}/search",
                {
                    "filterGroups": [{"filters": filters}],
                    "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
                    "properties": self._names,
                    "limit": SEARCH_PAGE,
                },
                budget="search",
            )
            records = answer["results"]
            ids = [int(record["id"]) for record in records]
            if ids != sorted(ids):
                raise BrokenAnswer(
                    f"{self._api.name}: {self._path}/search is not in the order that was asked for",
                    None,
                    "Run it again.",
                )
            is_over = ((answer.get("paging") or {}).get("next") or {}).get("after") is None
            if not is_over and (not ids or ids[-1] <= last):
                raise NoProgress(
                    f"{self._api.name}: {self._path}/search stands still",
                    last,
                    "HubSpot repeats its page; run it again.",
                )
            landed = self._landed(records, with_associations=True)
            if not is_over:
                self.state["after"] = ids[-1]
            elif until is None:
                self._end_of_search()
            yield Page(landed, dict(self.state))
            if is_over:
                if until is not None:
                    self.state.pop("phase")
                return

    # --- what lands

    def _landed(self, records: list[Record], *, with_associations: bool) -> dict[str, list[Record]]:
        """Records of a page by stream, with the associations of its objects."""
        for record in records:
            moment = epoch_ms(record["properties"].get(self._spec.modified)) or epoch_ms(record.get("updatedAt"))
            if moment is not None:
                self.state["newest"] = max(self.state.get("newest", moment), moment)
        links: list[Record] = []
        tickets: dict[str, str] = {}
        if with_associations:
            for target in self._spec.associations:
                found = associations.read(self._api, self._spec.name, target, [str(record["id"]) for record in records])
                links += associations.rows(self._spec.name, target, found)
                if target == self._spec.ticket_by:
                    tickets = {one: str(stated[0]["toObjectId"]) for one, stated in found.items() if stated}
        if self._spec.ticket_by:
            records = [Placed(record, str(record["id"]), tickets.get(str(record["id"]))) for record in records]
        return {self._spec.name: records} | ({"associations": links} if links else {})

    def _gone(self, lacking: list[str]) -> list[Record]:
        """What takes the place of the objects among these that were deleted for good."""
        ids = gone_objects(self._api, self._spec.name, lacking)
        held = self._context.rows.payloads(self._spec.name, ids)
        if held:
            self._context.count_deleted(self._spec.name, len(held))
        return [Placed(deleted(record, self._context), one) for one, record in held.items()]

    def _is_of_interest(self, record: Record) -> bool:
        """Whether it changed since the instance's start; what states no time is kept."""
        moments = [epoch_ms(record.get(name)) for name in ("updatedAt", "archivedAt")]
        known = [moment for moment in moments if moment is not None]
        return not known or max(known) >= self._start


def is_due(context: Context, listed: int | None) -> bool:
    """Whether the whole list is to be read again, which was last begun at these milliseconds."""
    every = timedelta(days=context.source.options(Hubspot).full_read_days)
    return listed is None or ms(context.window.now) - listed >= every // timedelta(milliseconds=1)


def _filter(name: str, operator: str, value: int) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": str(value)}


def _property_names(spec: CrmObject, context: Context) -> list[str]:
    """The properties to ask for: ours, and all that the account made for itself."""
    answer = context.api.get(f"/crm/v3/properties/{spec.name}", absent=(403, 404))
    if answer is None:
        context.warn(f"the properties of {spec.name} are not to be seen; only the usual ones are read")
        return sorted({*spec.properties, spec.modified})
    own = {one["name"] for one in answer["results"] if not one.get("hubspotDefined")}
    return sorted({*spec.properties, spec.modified, *own})


def _chunks(names: list[str]) -> Iterator[str]:
    """Names for the URLs of a GET, each of a length that every proxy lets through."""
    chunk: list[str] = []
    length = 0
    for name in names:
        size = len(quote(name)) + len(quote(","))
        if chunk and length + size > MAX_PROPERTIES_LENGTH:
            yield ",".join(chunk)
            chunk, length = [], 0
        chunk.append(name)
        length += size
    yield ",".join(chunk)

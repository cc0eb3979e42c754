"""What HubSpot deleted for good: it is neither listed nor archived nor found, and nothing tells of it.

The lists are read whole every so often anyway, in the order of ids. So a page also says what is not there: whatever is held
between its first and its last id and is not on it. That is asked for by its id, archived or not, before it counts as deleted.
The answer takes the place of the row: an archived object without its content, since when only the discovery can say.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import Any

from touchstone.sources.http.client import ApiClient
from touchstone.sources.http.faults import BrokenAnswer
from touchstone.sources.http.streams import Context, Record, State
from touchstone.sources.hubspot.moments import iso, ms

BATCH = 100
# neither text nor person: what a deleted case is still counted by
KEPT = (
    "closed_date",
    "createdate",
    "hs_merged_object_ids",
    "hs_object_id",
    "hs_pipeline",
    "hs_pipeline_stage",
    "hs_ticket_category",
    "hs_ticket_priority",
    "product_area",
    "source_type",
    "status_detail",
)


class Sweep:
    """Compares the pages of one list with what is held.

    Args:
        state: Of the walk; `passed` is the last id of the page before, and leaves with the last page.
    """

    def __init__(self, context: Context, stream: str, state: State) -> None:
        self._context = context
        self._stream = stream
        self._state = state
        self._held: array[int] | None = None

    def lacking(self, listed: list[str], *, is_last: bool) -> list[str]:
        """Ids that are held, not archived, and should have been on this page."""
        ids = [int(one) for one in listed if one.isdigit()]
        passed = int(self._state.get("passed", -1))
        if len(ids) < len(listed) or any(later <= one for one, later in zip([passed, *ids], ids, strict=False)):
            if not self._state.get("is_unordered"):
                self._context.warn(f"{self._stream} are not listed by id: what was deleted for good is not found")
            self._state["is_unordered"] = True
        is_unordered = self._state.get("is_unordered")
        if self._held is None:
            self._held = array(
                "q", sorted(int(one) for one in self._context.rows.present(self._stream) if one.isdigit())
            )
        start = bisect_right(self._held, passed)
        stop = len(self._held) if is_last else bisect_right(self._held, ids[-1]) if ids else start
        if ids:
            self._state["passed"] = ids[-1]
        if is_last:
            for name in ("passed", "is_unordered"):
                self._state.pop(name, None)
        there = set(ids)
        return [] if is_unordered else [str(one) for one in self._held[start:stop] if one not in there]


def gone_objects(api: ApiClient, name: str, ids: list[str]) -> list[str]:
    """Those objects that HubSpot knows no more: neither as they are, nor archived, nor merged into another."""
    path = f"/crm/v3/objects/{name}"
    left = ids
    is_merged = False
    for archived in ("false", "true"):
        found: set[str] = set()
        for start in range(0, len(left), BATCH):
            body = {"inputs": [{"id": one} for one in left[start : start + BATCH]], "properties": ["hs_object_id"]}
            # a query in the path: the client's own parameters are those of a GET
            answer = api.post(f"{path}/batch/read?archived={archived}", body)
            failed = [one for one in answer.get("errors") or () if one.get("category") != "OBJECT_NOT_FOUND"]
            if failed:
                stated = str(failed[0].get("category") or failed[0].get("message"))
                raise BrokenAnswer(f"{api.name}: POST {path}/batch/read failed in part", stated, "Run it again later.")
            found |= {str(record["id"]) for record in answer["results"]}
        is_merged = is_merged or not found <= set(left)
        left = [one for one in left if one not in found]
    if is_merged:  # the id of what was merged leads to what it was merged into
        left = [one for one in left if api.get(f"{path}/{one}", absent=(404,)) is None]
    return left


def deleted(record: Record, context: Context, kept: tuple[str, ...] = ()) -> dict[str, Any]:
    """A record that takes the place of one that is gone.

    Args:
        record: As it is held.
        kept: Its own fields that stay, beside id and date of creation.
    """
    stays = {name: record[name] for name in ("id", "createdAt", *kept) if name in record}
    if isinstance(record.get("properties"), dict):
        stays["properties"] = {name: record["properties"][name] for name in KEPT if name in record["properties"]}
    return {**stays, "archived": True, "archivedAt": iso(ms(context.window.now)), "isDeletedForGood": True}

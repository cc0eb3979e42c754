"""Which HubSpot objects belong together: neither lists nor searches say it, so it is asked for the objects of each page."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Any

from touchstone.sources.http.client import ApiClient
from touchstone.sources.http.faults import BrokenAnswer
from touchstone.sources.http.streams import Placed

log = logging.getLogger(__name__)

BATCH = 100
ATTEMPTS = 5
FIRST_PAUSE = 0.5


def read(api: ApiClient, source: str, target: str, ids: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """What objects are associated with, by id; an empty list where they are with nothing.

    Raises:
        BrokenAnswer: HubSpot kept failing for some of them.
    """
    wanted = list(ids)
    found: dict[str, list[dict[str, Any]]] = {}
    for start in range(0, len(wanted), BATCH):
        found |= _batch(api, f"/crm/v4/associations/{source}/{target}/batch/read", wanted[start : start + BATCH])
    return found


def rows(source: str, target: str, found: dict[str, list[dict[str, Any]]]) -> list[Placed]:
    """Records of the stream `associations`: one per object and kind of what it is associated with, empty ones too.

    A row of its own for "nothing" is what makes an association that was taken back visible.
    """
    return [
        Placed(
            {
                "from": source,
                "from_id": from_id,
                "to": target,
                "to_ids": [str(one["toObjectId"]) for one in stated],
                "associations": stated,
            },
            f"{source}:{from_id}:{target}",
            from_id if source == "tickets" else None,
        )
        for from_id, stated in found.items()
    ]


def _batch(api: ApiClient, path: str, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {one: {} for one in ids}
    inputs: list[dict[str, str]] = [{"id": one} for one in ids]
    attempt = 0
    while inputs:
        answer = api.post(path, {"inputs": inputs})
        following: list[dict[str, str]] = []
        for result in answer["results"]:
            from_id = str(result["from"]["id"])
            # by id, in its order: HubSpot promises none, and a row is to change only when an association does
            found[from_id] |= {str(one["toObjectId"]): one for one in result["to"]}
            after = ((result.get("paging") or {}).get("next") or {}).get("after")
            if after is not None:
                following.append({"id": from_id, "after": str(after)})
        failed = [one for one in answer.get("errors") or () if one.get("category") != "OBJECT_NOT_FOUND"]
        if failed:
            attempt += 1
            if attempt == ATTEMPTS:
                stated = ", ".join(sorted({str(one.get("category") or one.get("message")) for one in failed}))
                raise BrokenAnswer(f"{api.name}: POST {path} failed {ATTEMPTS} times", stated, "Run it again later.")
            log.warning("%s: POST %s answered a part with an error; again", api.name, path)
            time.sleep(FIRST_PAUSE * 2 ** (attempt - 1))
            continue
        inputs = following
    return {one: [stated[key] for key in sorted(stated, key=_numeric)] for one, stated in found.items()}


def _numeric(value: str) -> tuple[int, str]:
    return len(value), value

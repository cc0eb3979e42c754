"""The two ways in which rows are read, and which give the same: queries of the REST API, and jobs of Bulk API 2.0."""

from __future__ import annotations

import csv
import io
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from touchstone.sources.characters import storable
from touchstone.sources.http.client import ApiClient
from touchstone.sources.http.faults import BrokenAnswer, NoProgress, RequestRefused
from touchstone.sources.http.streams import Record

log = logging.getLogger(__name__)

FIRST_LOOK, LONGEST_LOOK, PATIENCE = 1.0, 30.0, 3600.0
_DONE, _LOST = "JobComplete", ("Failed", "Aborted")
# a body of a hundred megabytes has been seen in the wild; the module's own bound is 128 KiB
csv.field_size_limit(64 * 1024 * 1024)


class Expired(Exception):
    """What an answer named to go on with is no longer good; the caller asks anew from where it stands."""


class JobFailed(Exception):
    """A Bulk job ended without its rows; its text is Salesforce's reason."""


def code_of(refusal: RequestRefused) -> str:
    """Salesforce's own code of a refusal, empty where it says none."""
    body = refusal.body
    first = body[0] if isinstance(body, list) and body else body
    return str(first.get("errorCode", "")) if isinstance(first, dict) else ""


# --- REST


def pages(api: ApiClient, base: str, query: str) -> Iterator[tuple[list[Record], bool]]:
    """The rows of a query, page by page, those in the recycling bin too, each with whether it is the last.

    Raises:
        Expired: The locator of a later page is no longer good.
        NoProgress: A page names itself as the next.
    """
    answer = api.get(f"{base}/queryAll", {"q": query})
    path = None
    while True:
        is_last = answer["done"] is True
        yield [_row(record) for record in answer["records"]], is_last
        if is_last:
            return
        following = str(answer.get("nextRecordsUrl", ""))
        if not following.startswith("/services/data/"):
            raise BrokenAnswer(f"{api.name}: a page without the address of the next", following[:100], "Run it again.")
        if following == path:
            raise NoProgress(
                f"{api.name}: the pages of a query stand still", path, "Salesforce repeats its page; run it again."
            )
        path = following
        try:
            answer = api.get(path)
        except RequestRefused as refusal:
            if code_of(refusal) != "INVALID_QUERY_LOCATOR":
                raise
            log.warning("%s: the locator of a query has expired; it is asked anew from its last row", api.name)
            raise Expired from None


def rows(api: ApiClient, base: str, query: str, attempts: int = 5) -> list[Record]:
    """All rows of a query that has few."""
    for _ in range(attempts):
        try:
            return [row for page, _ in pages(api, base, query) for row in page]
        except Expired:
            continue
    raise NoProgress(f"{api.name}: the locator of a query expires again and again", query[:200], "Run it again later.")


def _row(record: Record) -> Record:
    return {name: value for name, value in record.items() if name != "attributes"}


# --- Bulk


def begin(api: ApiClient, base: str, query: str) -> str:
    """Give Salesforce a query to work on; returns the id of the job."""
    asked = {
        "operation": "queryAll",
        "query": query,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }
    return str(api.post(f"{base}/jobs/query", asked)["id"])


def wait(api: ApiClient, base: str, job: str, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait until a job has its rows.

    Raises:
        Expired: Salesforce does not know the job any more.
        JobFailed: It ended without them.
        BrokenAnswer: It takes longer than a run waits; the next run looks again.
    """
    waited, pause = 0.0, FIRST_LOOK
    while True:
        answer = api.get(f"{base}/jobs/query/{job}", absent=(404,))
        if answer is None:
            raise Expired
        if answer["state"] == _DONE:
            return
        if answer["state"] in _LOST:
            raise JobFailed(str(answer.get("errorMessage") or answer["state"])[:300])
        if waited + pause > PATIENCE:
            raise BrokenAnswer(
                f"{api.name}: Bulk job {job} is still {answer['state']}",
                f"{waited:.0f} s waited",
                "Run it again later: it looks for the same job.",
            )
        sleep(pause)
        waited += pause
        pause = min(pause * 2, LONGEST_LOOK)


def results(
    api: ApiClient, base: str, job: str, locator: str | None, types: dict[str, str], most: int
) -> tuple[list[Record], str | None]:
    """A page of a job's rows, at most as many, as queries give them, and the locator of the next, None on the last.

    Raises:
        Expired: The job or its locator is no longer good.
    """

    def read(response: httpx.Response) -> tuple[list[Record], str | None]:
        following = response.headers.get("Sforce-Locator", "")
        stated = response.headers.get("Sforce-NumberOfRecords", "")
        if not following or not stated.isdigit():
            raise ValueError("Sforce-Locator or Sforce-NumberOfRecords is missing")
        text, replaced = storable(response.content.decode("utf-8"))
        found = _parsed(text, types)
        if len(found) != int(stated):
            raise ValueError(f"{len(found)} rows of {stated}")
        api.traffic.replaced_characters += replaced
        return found, None if following == "null" else following

    params = {"maxRecords": most, **({"locator": locator} if locator else {})}
    try:
        answer = api.request(
            "GET",
            f"{base}/jobs/query/{job}/results",
            params=params,
            read=read,
            absent=(404,),
            headers={"Accept": "text/csv"},
        )
    except RequestRefused as refusal:
        if refusal.status == 400 and "LOCATOR" in code_of(refusal).upper():
            raise Expired from None
        raise
    if answer is None:
        raise Expired
    if answer[1] is not None and answer[1] == locator:
        raise NoProgress(
            f"{api.name}: the results of job {job} stand still", locator, "Salesforce repeats its page; run it again."
        )
    return answer


def _parsed(text: str, types: dict[str, str]) -> list[Record]:
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as fault:
        raise ValueError(str(fault)) from None
    if not lines:
        return []
    header = lines[0]
    if set(header) != set(types):
        raise ValueError(f"columns {', '.join(header)[:200]}")
    if any(len(line) != len(header) for line in lines):
        raise ValueError("a row with more or fewer values than columns")
    return [{name: _value(value, types[name]) for name, value in zip(header, line, strict=True)} for line in lines[1:]]


def _value(value: str, kind: str) -> Any:
    """A text of Bulk as the REST API states it; what does not fit its type stays a text."""
    if value == "":
        return None
    if kind == "boolean":
        return {"true": True, "false": False}.get(value, value)
    if kind in ("int", "double", "currency", "percent", "long"):
        try:
            return int(value) if kind in ("int", "long") else float(value)
        except ValueError:
            return value
    if kind == "datetime" and value.endswith("Z"):
        return f"{value[:-1]}+0000"
    return value

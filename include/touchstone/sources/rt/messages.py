"""What was written in transactions: the text among their attachments, which RT keeps as the parts of a mail.

Parts are listed first, without their content, so that no file is fetched: of a transaction its plain text, or else its HTML.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from touchstone.sources.http.client import ApiClient
from touchstone.sources.http.streams import Placed, Record
from touchstone.sources.rt.lists import PER_PAGE, by_id, conditions

MESSAGES = ("Create", "Correspond", "Comment")
MOST_BYTES = 4_000_000  # of texts in one answer; a longer text comes alone
_PARTS = "TransactionId,ContentType,Filename,ContentLength,Headers"
_TEXTS = "TransactionId,ContentType,Created,ContentLength,Content"
_INTERFACE = re.compile(r"^X-RT-Interface:\s*(\S+)", re.MULTILINE | re.IGNORECASE)


def texts(api: ApiClient, transactions: dict[str, str]) -> list[Placed]:
    """Rows of the stream `attachments` for these transactions.

    Args:
        transactions: The ticket of each, by the transaction's id.
    """
    rows: list[Placed] = []
    ids = sorted(transactions, key=int)
    for start in range(0, len(ids), PER_PAGE):
        parts = _parts(api, ids[start : start + PER_PAGE])
        ways = {str(own[0]["id"]): _interface(own[0]) for own in parts.values()}
        wanted = [part for own in parts.values() for part in _told(own)]
        for batch in _batches(wanted):
            for text in _among(api, "id", [str(part["id"]) for part in batch], _TEXTS):
                rows.append(_row(text | {"Interface": ways.pop(str(text["id"]), None)}, transactions))
        # the frame of a mail in several parts tells by which way it came
        frames = {str(part["id"]): part for own in parts.values() for part in own}
        rows += [
            _row({**_without_headers(frames[one]), "Interface": way}, transactions) for one, way in ways.items() if way
        ]
    return rows


def _row(record: Record, transactions: dict[str, str]) -> Placed:
    return Placed(record, str(record["id"]), transactions.get(str(record["TransactionId"])))


def _without_headers(part: Record) -> Record:
    return {name: value for name, value in part.items() if name != "Headers"}


def _parts(api: ApiClient, ids: list[str]) -> dict[str, list[Record]]:
    """The parts of each transaction in their order."""
    found: dict[str, list[Record]] = defaultdict(list)
    for part in _among(api, "TransactionId", ids, _PARTS):
        found[str(part["TransactionId"])].append(part)
    return found


def _among(api: ApiClient, field: str, ids: list[str], fields: str) -> Iterator[Record]:
    numbers = [int(one) for one in ids]

    def query(after: int) -> str:
        return conditions((field, "IN", numbers), ("id", ">", after))

    for page in by_id(api, "/attachments", query, fields=fields):
        yield from page.records


def _told(parts: list[Record]) -> list[Record]:
    """The parts that hold what was written: no file, nothing empty, HTML only where there is no plain text."""
    inline = [part for part in parts if not part.get("Filename") and _length(part) > 0]
    for kind in ("text/plain", "text/html"):
        own = [part for part in inline if str(part.get("ContentType")).lower() == kind]
        if own:
            return own
    return []


def _length(part: Record) -> int:
    try:
        return int(part.get("ContentLength") or 0)
    except (TypeError, ValueError):
        return 0


def _batches(parts: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for part in parts:
        if batch and (len(batch) == PER_PAGE or size + _length(part) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(part)
        size += _length(part)
    if batch:
        yield batch


def _interface(part: Record) -> Any:
    found = _INTERFACE.search(str(part.get("Headers") or ""))
    return found.group(1) if found else None

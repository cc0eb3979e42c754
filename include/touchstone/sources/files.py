"""The files source: conversations from JSONL, CSV and Parquet files, or from standard input.

Each batch lands in one transaction with the cursor of its file, so a run that was killed goes on after its last batch,
and a file that has been read to its end is passed over until its content changes.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import hashlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import orjson
import psycopg

from touchstone.errors import SourceError
from touchstone.settings import Settings
from touchstone.sources.batches import SOURCE, Batch, Counts, Origin
from touchstone.sources.readers import FORMATS, Read, file_format, read_file, read_stream
from touchstone.sources.reasons import Refused
from touchstone.sources.result import IngestResult
from touchstone.sources.validate import Checker, Document, Ties
from touchstone.warehouse import ledger
from touchstone.warehouse.engine import connect
from touchstone.warehouse.locks import instance_lock

BATCH_ROWS = 20_000
BATCH_BYTES = 64 * 1024 * 1024
STDIN = "-"

Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class _Input:
    stream: str
    path: Path | None  # None: standard input


def ingest(
    target: str | Path,
    *,
    as_of: datetime | None = None,
    instance: str = "default",
    settings: Settings | None = None,
    stdin: BinaryIO | None = None,
    progress: Progress | None = None,
    batch_rows: int = BATCH_ROWS,
    missing_ok: bool = False,
    interval: tuple[date, date] | None = None,
) -> IngestResult:
    """Land the conversations of a folder, a file, or standard input (`-`).

    Args:
        as_of: End of the ledger day; what happened later is quarantined until a later run. None: the end of the UTC
            day of the newest accepted message.
        instance: Source instance, part of every key.
        stdin: Bytes to read where target is `-`; the process's own standard input by default.
        progress: Called after each batch with the file and the number of records read from it so far.
        batch_rows: Rows of one transaction.
        missing_ok: A target that is absent or holds no file is a run without rows.
        interval: First and last UTC day. Every file is read again, whatever its cursor says, and no cursor moves; only
            conversations that started in the interval are landed (of rows that state no start: messages sent in it),
            and records that are refused as a whole are passed over.

    Raises:
        SourceError: The target is absent, or holds no file that can be read.
        BusyError: Another run is loading the same source instance.
    """
    inputs, ignored = _find_inputs(target, missing_ok=missing_ok)
    now = datetime.now(UTC)
    with (
        instance_lock(SOURCE, instance, settings),
        ledger.step(
            "ingest", as_of=as_of or _end_of_day(now), source=SOURCE, instance=instance, settings=settings
        ) as run,
        connect("loader", autocommit=True, settings=settings, application_name="touchstone ingest") as connection,
    ):
        loader = _Loader(connection, Checker(as_of, now), run.run_id, instance, as_of, batch_rows, progress)
        loader.interval = interval
        for item in inputs:
            loader.load(item, stdin)
        newest_at = datetime.fromisoformat(loader.newest) if loader.newest else None
        basis = newest_at or _newest_landed(connection, instance)
        final = as_of or (_end_of_day(basis) if basis else None)
        if as_of is None and final:
            _set_as_of(connection, run.run_id, final)
        counts = loader.counts
        run.as_of = final or run.as_of
        run.rows_in = counts.rows_in
        run.rows_quarantined = counts.quarantined
        run.rows_out = counts.inserted + counts.updated + counts.unchanged
        run.detail = {
            "rows_inserted": counts.inserted,
            "rows_updated": counts.updated,
            "rows_unchanged": counts.unchanged,
            "conversations": counts.conversations,
            "messages": counts.messages,
            "replaced_characters": counts.replaced_characters,
            "files": len(inputs),
            "skipped_files": loader.skipped,
            "ignored_files": ignored,
        }
    return IngestResult(
        run_id=run.run_id,
        as_of=final,
        rows_in=counts.rows_in,
        rows_inserted=counts.inserted,
        rows_updated=counts.updated,
        rows_unchanged=counts.unchanged,
        rows_quarantined=counts.quarantined,
        conversations=counts.conversations,
        messages=counts.messages,
        newest_message_at=newest_at,
        replaced_characters=counts.replaced_characters,
        skipped_files=loader.skipped,
        ignored_files=ignored,
    )


class _Loader:
    """One run over several files."""

    def __init__(
        self,
        connection: psycopg.Connection,
        checker: Checker,
        run_id: int,
        instance: str,
        as_of: datetime | None,
        batch_rows: int,
        progress: Progress | None,
    ) -> None:
        self.counts = Counts()
        self.newest = ""
        self.skipped: list[str] = []
        self._connection = connection
        self._checker = checker
        self._run_id = run_id
        self._instance = instance
        self._as_of = as_of
        self._batch_rows = batch_rows
        self._progress = progress
        self.interval: tuple[date, date] | None = None

    def load(self, item: _Input, stdin: BinaryIO | None) -> None:
        if item.path is None:
            origin = Origin(STDIN, "<standard input>", self._instance, self._run_id)
            self._run(origin, read_stream(stdin or sys.stdin.buffer), None)
            return
        origin = Origin(item.stream, str(item.path), self._instance, self._run_id)
        if self.interval:
            self._run(origin, read_file(item.path), None)
            return
        state = self._state(item.stream, _digest(item.path))
        if state["is_complete"]:
            self.skipped.append(item.stream)
            self.newest = max(self.newest, state["newest_message_at"])
            return
        self._run(origin, read_file(item.path), state)

    def _state(self, stream: str, digest: str) -> dict[str, Any]:
        """Where the last run left this file; from the start if its content or what may land has changed since."""
        found = self._connection.execute(
            "select state from ops.cursors where source = %s and instance = %s and stream = %s",
            [SOURCE, self._instance, stream],
        ).fetchone()
        if found and found[0]["digest"] == digest:
            state = found[0]
            if state["held_until"] is None or state["held_until"] > self._checker.latest:
                return state
        return {
            "digest": digest,
            "is_complete": False,
            "records_done": 0,
            "pass_run_id": self._run_id,
            "newest_message_at": "",
            "held_until": None,
        }

    def _run(self, origin: Origin, reads: Iterator[Read], state: dict[str, Any] | None) -> None:
        done = state["records_done"] if state else 0
        ties = Ties()
        batch = Batch(origin)
        number = 0
        with contextlib.closing(reads):
            for number, read in enumerate(reads, start=1):
                taken = self._check(read, ties)
                if number <= done:  # landed by the run before; it is read again for the numbers of equals only
                    continue
                if self.interval and not _is_within(taken, self.interval):
                    continue
                is_document = isinstance(taken, Document)
                owner = taken.interaction_id
                if owner and batch.conflicts(owner, is_document=is_document):
                    self._land(batch, state, number - 1)
                    batch = Batch(origin)
                self._add(batch, taken, read, state)
                batch.replaced_characters += read.replaced
                if batch.size >= self._batch_rows or batch.bytes >= BATCH_BYTES:
                    self._land(batch, state, number)
                    batch = Batch(origin)
        self._land(batch, state, number, is_last=True)

    def _check(self, read: Read, ties: Ties) -> Any:
        record = read.record
        if isinstance(record, Refused):
            return record
        try:
            if record.get("messages") is not None:
                return self._checker.document(record)
            return self._checker.row(record, read.line, ties)
        except Refused as refusal:
            return refusal

    def _add(self, batch: Batch, taken: Any, read: Read, state: dict[str, Any] | None) -> None:
        try:
            if isinstance(taken, Document):
                batch.add_document(taken, read.line)
                for message in taken.refused:
                    _hold(state, message.refusal)
            elif isinstance(taken, Refused):
                raise taken
            else:
                batch.add_row(taken)
        except Refused as refusal:
            if not isinstance(taken, Refused):
                refusal.interaction_id = taken.interaction_id
                refusal.record_id = None if isinstance(taken, Document) else taken.message_id
            _hold(state, refusal)
            batch.add_refused(refusal, read.line, read.raw)

    def _land(self, batch: Batch, state: dict[str, Any] | None, number: int, *, is_last: bool = False) -> None:
        if not (batch.size or is_last):
            return
        self.newest = max(self.newest, batch.newest)
        if state is not None:
            state["records_done"] = number
            state["newest_message_at"] = max(state["newest_message_at"], batch.newest)
            state["is_complete"] = is_last
            self.newest = max(self.newest, state["newest_message_at"])
        as_of = self._as_of or _end_of_day(datetime.fromisoformat(self.newest) if self.newest else datetime.now(UTC))
        pass_run_id = state["pass_run_id"] if state is not None and is_last else None
        self.counts.add(batch.land(self._connection, as_of, state, pass_run_id=pass_run_id))
        if self._progress:
            self._progress(batch.origin.stream, number)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(
            "a file cannot be read", str(path), f"Check that it exists and may be read ({error.strerror})."
        ) from error


def _is_within(taken: Any, interval: tuple[date, date]) -> bool:
    if isinstance(taken, Refused):
        return False
    if isinstance(taken, Document):
        start = taken.header.get("started_at") or min((message["sent_at"] for _, message in taken.messages), default="")
    else:
        start = taken.header.get("started_at") or taken.message["sent_at"]
    return interval[0].isoformat() <= start[:10] <= interval[1].isoformat()


def _hold(state: dict[str, Any] | None, refusal: Refused) -> None:
    """Remember the earliest as_of at which something refused for its time could land."""
    if state is not None and refusal.held_until is not None:
        held = state["held_until"]
        state["held_until"] = refusal.held_until if held is None else min(held, refusal.held_until)


# --- inputs


def _find_inputs(target: str | Path, *, missing_ok: bool) -> tuple[list[_Input], list[str]]:
    """Files to read, sorted by path, and the names of those that hold no conversations."""
    if str(target) == STDIN:
        return [_Input(STDIN, None)], []
    path = Path(target)
    known = ", ".join(f"{suffix}[.gz]" for suffix in FORMATS)
    if path.is_file():
        if file_format(path) is None:
            raise SourceError("a file of no known format", str(path), f"Its name must end in one of {known}.")
        return [_Input(path.name, path)], []
    if not path.is_dir():
        if missing_ok and not path.exists():
            return [], []
        raise SourceError(
            "no such file or folder", str(path), "Give the path of a file or a folder, or - for standard input."
        )
    inputs: list[_Input] = []
    ignored: list[str] = []
    for found in sorted(path.rglob("*")):
        relative = found.relative_to(path)
        if not found.is_file() or any(part.startswith(".") for part in relative.parts):
            continue
        if file_format(found):
            inputs.append(_Input(relative.as_posix(), found))
        else:
            ignored.append(relative.as_posix())
    if not inputs and not missing_ok:
        seen = f" Found only: {', '.join(ignored[:5])}." if ignored else ""
        raise SourceError(
            "a folder without conversation files", str(path), f"Put files into it that end in {known}.{seen}"
        )
    return inputs, ignored


# --- the ledger


def _end_of_day(moment: datetime) -> datetime:
    """The midnight after a moment, in UTC."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=1)


def _newest_landed(connection: psycopg.Connection, instance: str) -> datetime | None:
    return connection.execute(
        "select max(newest_message_at) from ops.loads where source = %s and instance = %s", [SOURCE, instance]
    ).fetchone()[0]


def _set_as_of(connection: psycopg.Connection, run_id: int, as_of: datetime) -> None:
    """The run's as_of follows from what it landed: its rows of the ledger are brought to it together."""
    with connection.transaction():
        for table in ("runs", "loads", "quarantine"):
            connection.execute(f"update ops.{table} set as_of = %s where run_id = %s", [as_of, run_id])  # noqa: S608


def main(arguments: list[str] | None = None) -> int:
    """Land one target and print the result as JSON."""
    parser = argparse.ArgumentParser(prog="python -m touchstone.sources.files", description=main.__doc__)
    parser.add_argument("target", help="folder, file, or - for standard input")
    parser.add_argument("--as-of", type=datetime.fromisoformat, help="end of the ledger day, with a zone")
    parser.add_argument("--instance", default="default")
    parser.add_argument("--batch-rows", type=int, default=BATCH_ROWS)
    given = parser.parse_args(arguments)
    result = ingest(given.target, as_of=given.as_of, instance=given.instance, batch_rows=given.batch_rows)
    sys.stdout.write(orjson.dumps(dataclasses.asdict(result)).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Files that a collector writes, one export per line: each is read from where the last run left it.

A file is known by its beginning and by what was read of it, not by its name: rotation renames files, and packs them. The last
line of a file that grows may be half written: it waits.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

from touchstone.errors import SourceError
from touchstone.sources.characters import decoded
from touchstone.sources.http.streams import Context, Page, State
from touchstone.sources.otel.gather import Gathered
from touchstone.sources.otel.otlp import logs_of, spans_of
from touchstone.sources.reasons import kept_payload

SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
PAGE_RECORDS = 2000
TAIL = 4096
_REMEDY = "Let the collector's file exporter write JSON without compression of its own, or gzip whole files."


def walk(context: Context, path: Path, state: State, interval: tuple[int, int] | None = None) -> Iterator[Page]:
    """What files hold beyond what was read of them, in the order of their names.

    Its state:
        files: Of each file that was read: head (digest of its first line), offset behind the last whole line (unpacked), tail
            (digest of what comes before it).
        broken: Sizes of files that could not be read to their end, by name: they may still be being written.

    Raises:
        SourceError: There is no such path; or, once everything else has landed, a file has not grown since the last run and
            still cannot be read to its end.
    """
    found = files_of(path)
    known: list[dict[str, Any]] = [] if interval else list(state.get("files", ()))
    before: dict[str, int] = {} if interval else state.get("broken", {})
    gathered = Gathered(context, interval)
    done: list[dict[str, Any]] = []
    broken: dict[str, int] = {}
    for file in found:
        with closing(_Reader(file)) as reader:
            head = reader.head()
            held = next((one for one in known if one["head"] == head and reader.is_at(one)), None) if head else None
            if held is not None:
                known.remove(held)
            if head is not None:
                reader.go_to(held["offset"] if held else 0)
                mark = held or {"head": head, "offset": 0, "tail": ""}
                for line in reader.lines():
                    _take(context, gathered, line, file)
                    if gathered.size >= PAGE_RECORDS:
                        mark = {"head": head, "offset": reader.offset, "tail": reader.tail}
                        yield gathered.page(_state([*done, mark, *known], before))
                if reader.offset > mark["offset"]:
                    mark = {"head": head, "offset": reader.offset, "tail": reader.tail}
                done.append(mark)
            if reader.is_broken:
                broken[file.name if file == path else str(file.relative_to(path))] = reader.size
            if reader.is_torn:
                context.skip("last lines that are not whole yet")
    # files that are there no more are forgotten
    yield gathered.page(_state(done, broken))
    lost = sorted(name for name, size in broken.items() if before.get(name) == size)
    if lost:
        raise SourceError(
            "files that have not grown cannot be read to their end",
            ", ".join(lost),
            "Replace them by whole ones, or take them away; everything else has landed.",
        )


def _state(files: list[dict[str, Any]], broken: dict[str, int]) -> State:
    return {"files": files, **({"broken": broken} if broken else {})}


def files_of(path: Path) -> list[Path]:
    """The files of a folder, or the file itself.

    Raises:
        SourceError: There is neither.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise SourceError("no such file or folder", str(path), "Correct `path` in config/sources.yml.")
    return sorted(
        one
        for one in path.rglob("*")
        if one.is_file()
        and one.name.endswith(SUFFIXES)
        and not any(part.startswith(".") for part in one.relative_to(path).parts)
    )


def _take(context: Context, gathered: Gathered, line: bytes, file: Path) -> None:
    if not line.strip():
        return
    try:
        document, count = decoded(line)
    except (ValueError, RecursionError):
        gathered.refuse("json_malformed", f"is a line of {file.name} that is no JSON", _REMEDY, kept_payload(line))
        return
    context.replaced_characters += count
    try:
        spans, logs = list(spans_of(document)), list(logs_of(document))
    except (AttributeError, TypeError, KeyError):
        gathered.refuse(
            "otlp_malformed", f"is a line of {file.name} that is no export of OTLP", _REMEDY, kept_payload(line)
        )
        return
    for span in spans:
        gathered.span(span)
    gathered.logs(logs)
    if not spans and not logs:
        context.skip("lines without spans and log records")


class _Reader:
    """The lines of a file, plain or packed, with the place behind the last whole one.

    Attributes:
        offset: In unpacked bytes.
        tail: Digest of the last bytes before the offset.
        is_torn: Whether a last line is left that is not whole.
        is_broken: Whether that is because what follows cannot be unpacked.
        size: Bytes on disk when it was opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.offset = 0
        self.is_torn = self.is_broken = False
        self._before = self._rest = b""
        try:
            with path.open("rb") as file:
                self._is_packed = file.read(2) == b"\x1f\x8b"
            self.size = path.stat().st_size
            self._file = self._open()
        except OSError as error:
            raise SourceError(
                "a file cannot be read", str(path), f"Check that it may be read ({error.strerror})."
            ) from error

    def close(self) -> None:
        self._file.close()

    @property
    def tail(self) -> str:
        return _digest(self._before)

    def _open(self) -> BinaryIO:
        return gzip.open(self._path, "rb") if self._is_packed else self._path.open("rb")

    def head(self) -> str | None:
        """Digest of the first line; None while it is not whole."""
        line = self._line()
        self.is_torn = bool(self._rest)
        return None if line is None else _digest(line.rstrip(b"\r\n"))

    def is_at(self, mark: dict[str, Any]) -> bool:
        """Whether this file is the one that was read that far."""
        offset = int(mark["offset"])
        self.go_to(max(0, offset - TAIL))
        before = self._read(min(TAIL, offset))
        return len(before) == min(TAIL, offset) and _digest(before) == mark["tail"]

    def go_to(self, offset: int) -> None:
        """Stand at an offset, which what comes before it is known of."""
        start = max(0, offset - TAIL)
        try:
            self._file.seek(start)
        except (EOFError, zlib.error, OSError):
            self._file.close()
            self._file = self._open()
            start = offset = 0
        self._before = self._read(offset - start)
        self.offset = offset

    def lines(self) -> Iterator[bytes]:
        """Whole lines from here on."""
        while (line := self._line()) is not None:
            self.offset += len(line)
            self._before = (self._before + line)[-TAIL:]
            yield line
        self.is_torn = bool(self._rest)

    def _line(self) -> bytes | None:
        """The next line; None where the file, or what is whole of it, ends."""
        self._rest = b""
        try:
            line = self._file.readline()
        except (EOFError, zlib.error, OSError):  # a packed file that is still being written, or is corrupt
            self._rest = b"?"
            self.is_broken = True
            return None
        if line.endswith(b"\n"):
            return line
        if line and _is_whole(line):
            return line
        self._rest = line
        return None

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except (EOFError, zlib.error, OSError):
            return b""


def _is_whole(line: bytes) -> bool:
    """Whether a line without its end is an object all the same: no beginning of one is one."""
    try:
        return isinstance(decoded(line)[0], dict)
    except (ValueError, RecursionError):
        return False


def _digest(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()

"""The table of quality: figures on real labels, measured on data that the fit has not seen.

Every check is a function that yields rows; `check` registers it, so that other parts add theirs. All of them go through the
functions behind the commands. `run` writes build/quality.json and build/quality.md. Sets that are absent give rows that say so.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from touchstone.errors import EXIT_FAILED, EXIT_OK, ConfigurationError
from touchstone.settings import get_settings
from touchstone.statefiles import write_atomic

MODULES = (
    "touchstone.learning.quality_rows",
    "touchstone.text.pii.quality",
    "touchstone.sandbox.quality",
    "touchstone.intents.quality_rows",
    "touchstone.sandbox.episode_quality",
    "touchstone.sandbox.version_quality",
    "touchstone.sandbox.gap_quality",
    "touchstone.sandbox.revenue_quality",
)
"""Modules whose import registers checks."""


@dataclass(frozen=True)
class Row:
    """One measured claim.

    Attributes:
        name: What was measured, led by its set.
        value: None when it was not measured; `reason` says why.
        floor: What a simple model reached.
        bar: What is to be reached.
        lower_is_better: Whether the bar is an upper limit.
        n: Items behind the figure.
    """

    name: str
    value: float | None
    floor: float | None = None
    bar: float | None = None
    lower_is_better: bool = False
    n: int = 0
    reason: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the bar is reached; None without a figure or a bar."""
        if self.value is None or self.bar is None:
            return None
        return self.value <= self.bar if self.lower_is_better else self.value >= self.bar


Check = Callable[[Path], Iterable[Row]]
_registry: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Register a function (folder of the data sets) -> rows.

    Raises:
        ConfigurationError: Another function holds the name already.
    """

    def register(function: Check) -> Check:
        holder = _registry.get(name)
        if holder is not None and holder.__module__ != function.__module__:
            raise ConfigurationError("two checks have one name", name, f"Rename the one in {function.__module__}.")
        _registry[name] = function
        return function

    return register


def data_folder() -> Path:
    """Where the labelled sets lie, beside the checkout."""
    return get_settings().root.parent / "shared" / "data"


@dataclass
class Table:
    """Rows of a run, and the seconds that each check took."""

    rows: list[Row] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return {"rows": [asdict(row) | {"holds": row.holds} for row in self.rows], "seconds": self.seconds}

    def markdown(self) -> str:
        """The table for people."""
        lines = ["| figure | value | floor | bar | holds | n |", "|---|---:|---:|---:|---|---:|"]
        for row in self.rows:
            value, floor = _shown(row.value), _shown(row.floor)
            bar = "" if row.bar is None else f"{'at most ' if row.lower_is_better else ''}{_shown(row.bar)}"
            holds = {True: "yes", False: "no", None: ""}[row.holds]
            note = f" ({row.reason})" if row.reason else ""
            count = f"{row.n:,}" if row.n else ""
            lines.append(f"| {row.name}{note} | {value} | {floor} | {bar} | {holds} | {count} |")
        return "\n".join(lines) + "\n"


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def run(only: Sequence[str] = (), data: Path | None = None, out: Path | None = None) -> int:
    """Run checks and write the table; the exit code tells whether every bar with a figure holds.

    Args:
        only: Names of checks, or what several names begin with (`intents`); all by default.
        data: Folder of the sets.
        out: Folder of `quality.json` and `quality.md`; build/ by default.
    """
    for module in MODULES:
        importlib.import_module(module)
    chosen: dict[str, None] = {}
    for name in only:
        meant = [name] if name in _registry else [one for one in _registry if one.startswith(f"{name}_")]
        if not meant:
            raise ConfigurationError("there is no such check", name, f"Use one of {', '.join(_registry)}.")
        chosen.update(dict.fromkeys(meant))
    folder, out = data or data_folder(), out or get_settings().build_dir
    table = Table()
    for name in chosen or _registry:
        start = time.process_time()
        for row in _rows(name, folder):
            table.rows.append(row)
            state = {True: "holds", False: "short", None: "     "}[row.holds]
            print(f"{state} {row.name}: {_shown(row.value) or row.reason}", file=sys.stderr, flush=True)
        table.seconds[name] = round(time.process_time() - start, 1)
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(
        out / "quality.json", orjson.dumps(table.document(), option=orjson.OPT_INDENT_2).decode() + "\n", 0o644
    )
    write_atomic(out / "quality.md", table.markdown(), 0o644)
    return EXIT_FAILED if any(row.holds is False for row in table.rows) else EXIT_OK


def _rows(name: str, folder: Path) -> Iterator[Row]:
    try:
        yield from _registry[name](folder)
    except FileNotFoundError as error:
        yield Row(name, None, reason=f"{error.filename} is absent")


if __name__ == "__main__":
    # the module that checks register with, not its copy that runs as a script
    sys.exit(importlib.import_module("touchstone.quality.table").run(sys.argv[1:]))

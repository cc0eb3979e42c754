"""Runs benchmarks, prints their rows as a table and keeps them in build/bench.json."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TypeVar

from touchstone import bench
from touchstone.errors import EXIT_FAILED, EXIT_OK, ConfigurationError, TouchstoneError
from touchstone.settings import get_settings

_HELPERS = frozenset(("accounts", "fuzz", "harness", "marts", "warehouse"))


@dataclass(frozen=True, slots=True)
class Row:
    """One measured claim.

    Attributes:
        name: What was measured, led by its benchmark (``"sentiment: star-dev"``).
        value: The figure of our code, in `unit`; None when nothing could be measured.
        unit: ``"texts/s/core"``, ``"differing doubles"``, ...
        baseline: The figure of the code that it is compared with, in the same unit.
        ratio: How many times better `value` is than `baseline`, both from this run.
        bar: What has to be reached: a ratio where there is one, else a value.
        holds: Whether it is reached; None when it was not measured, or when there is no bar.
        reason: Why `holds` is None or False, where the figures do not say it.
    """

    name: str
    value: float | None = None
    unit: str = ""
    baseline: float | None = None
    ratio: float | None = None
    bar: float | None = None
    holds: bool | None = None
    reason: str = ""


Benchmark = Callable[[], Iterable[Row]]
_BenchmarkT = TypeVar("_BenchmarkT", bound=Benchmark)

_registry: dict[str, Benchmark] = {}


def benchmark(name: str) -> Callable[[_BenchmarkT], _BenchmarkT]:
    """Register a function without arguments that yields rows.

    Raises:
        ConfigurationError: Another function holds the name already.
    """

    def register(function: _BenchmarkT) -> _BenchmarkT:
        holder = _registry.get(name)
        if holder is not None and (holder.__module__, holder.__qualname__) != (
            function.__module__,
            function.__qualname__,
        ):
            raise ConfigurationError("two benchmarks have one name", name, f"Rename the one in {function.__module__}.")
        _registry[name] = function
        return function

    return register


@dataclass(frozen=True, slots=True)
class Comparison:
    """CPU seconds of the best round of each side."""

    baseline_seconds: float
    candidate_seconds: float

    @property
    def ratio(self) -> float:
        return self.baseline_seconds / self.candidate_seconds


def compare(
    baseline: Callable[[], object],
    candidate: Callable[[], object],
    *,
    rounds: int = 3,
    clock: Callable[[], float] = time.process_time,
) -> Comparison:
    """Time two pieces of work in turns, so that a busy or warming machine meets both alike.

    Args:
        baseline: The work to compare with.
        candidate: The work of our code, on the same input.
        rounds: How often each is run; the best round of each counts.
        clock: Seconds; CPU time of this process, so that other processes do not count.
    """
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for side, work in enumerate((baseline, candidate)):
            start = clock()
            work()
            best[side] = min(best[side], clock() - start)
    # A clock has a smallest step: work below it counts as one step, never as none.
    step = time.get_clock_info("process_time").resolution
    return Comparison(max(best[0], step), max(best[1], step))


def _module_names() -> list[str]:
    return sorted({module.name for module in pkgutil.iter_modules(bench.__path__)} - _HELPERS)


def _discover(modules: Iterable[str]) -> dict[str, Exception]:
    """Import modules of the package; those that cannot be imported, with the error."""
    broken: dict[str, Exception] = {}
    for module in modules:
        try:
            importlib.import_module(f"{bench.__name__}.{module}")
        except Exception as error:  # noqa: BLE001 - one broken module must not hide the others; it is reported
            broken[module] = error
    return broken


def _broken_row(module: str, error: Exception) -> Row:
    return Row(module, holds=False, reason=f"{type(error).__name__}: {error}")


def _select(only: str | None) -> tuple[list[str], list[Row]]:
    """Names of the benchmarks to run, and a row for each module that cannot be imported.

    Raises:
        ConfigurationError: `only` names no benchmark.
        TouchstoneError: The module named `only` cannot be imported.
    """
    modules = _module_names()
    if only is None:
        broken = _discover(modules)
        return sorted(_registry), [_broken_row(module, error) for module, error in broken.items()]
    broken = _discover([only] if only in modules else [])
    if only not in _registry and not broken:
        broken = _discover(modules)
    if only in _registry:
        return [only], []
    if only in broken:
        raise TouchstoneError(
            "the module of a benchmark cannot be imported", only, f"Repair it: {broken[only]!r}."
        ) from broken[only]
    remedy = f"Known: {', '.join(sorted(_registry)) or 'none'}."
    if broken:
        remedy += f" These modules cannot be imported: {', '.join(broken)}."
    raise ConfigurationError("unknown benchmark", only, remedy)


def _rows_of(name: str) -> Iterator[Row]:
    """Rows of one benchmark; a fault in it becomes its last row, so that the others still run."""
    try:
        yield from _registry[name]()
    except Exception as error:  # noqa: BLE001 - reported with its traceback and counted as a failure
        traceback.print_exc()
        yield _broken_row(name, error)


def _figure(number: float | None) -> str:
    if number is None:
        return "-"
    return f"{number:,.0f}" if float(number).is_integer() or abs(number) >= 1000 else f"{number:,.2f}"


def _table(rows: Iterable[Row]) -> str:
    verdicts = {True: "yes", False: "NO", None: "-"}
    head = ("benchmark", "value", "unit", "baseline", "ratio", "bar", "holds", "reason")
    cells = [head] + [
        (
            row.name,
            _figure(row.value),
            row.unit or "-",
            _figure(row.baseline),
            _figure(row.ratio),
            _figure(row.bar),
            verdicts[row.holds],
            row.reason,
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    to_the_right = (1, 3, 4, 5)
    lines = [
        "  ".join(
            cell.rjust(width) if column in to_the_right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    return "\n".join(lines) + "\n"


def run(only: str | None = None) -> int:
    """Run all benchmarks or one, print the table and write the rows of this run to build/bench.json.

    Args:
        only: Name of one benchmark; None runs all.

    Returns:
        0 when no row misses its bar, 1 otherwise. A row that could not be measured misses nothing.

    Raises:
        ConfigurationError: `only` names no benchmark; the message lists those that exist.
        TouchstoneError: The module of the asked benchmark cannot be imported.
    """
    names, rows = _select(only)
    for name in names:
        rows.extend(_rows_of(name))
    build = get_settings().build_dir
    build.mkdir(parents=True, exist_ok=True)
    (build / "bench.json").write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(_table(rows))
    return EXIT_FAILED if any(row.holds is False for row in rows) else EXIT_OK

"""What the daily, weekly, monthly and executive reports share: the period, parts that may not be published, how figures read, and writing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from touchstone.errors import WarehouseError
from touchstone.reports import formats
from touchstone.reports.mail import message
from touchstone.reports.pages import Row, Snapshot, environment, snapshot
from touchstone.settings import Settings
from touchstone.statefiles import write_atomic

AS_OF_RELATIONS = ("marts.rpt_gate_results", "marts.rpt_source_health")


@dataclass(frozen=True)
class Figure:
    """One line of the e-mail's table: a measure as people read it."""

    label: str
    value: str
    change: str = ""
    tone: str = ""


@dataclass
class Summary:
    """What a page says at its top, and all that the e-mail says.

    Attributes:
        kind: daily, weekly, monthly or executive.
        headline: One sentence, worked out from the figures.
        sentences: What else a reader should know, the most urgent first.
        wins, declines: What moved beyond chance, each with the change that it follows where one is logged.
    """

    kind: str
    title: str
    first_day: date
    last_day: date
    as_of: datetime
    headline: str
    sentences: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    wins: list[str] = field(default_factory=list)
    declines: list[str] = field(default_factory=list)

    @property
    def period(self) -> str:
        """The days that it is about."""
        return formats.day(self.last_day) if self.first_day == self.last_day else days(self.first_day, self.last_day)


class Parts:
    """Reads the parts of a report: a part whose tables are not published is None, and the page says so in words."""

    def __init__(self, published: Snapshot, as_of: datetime) -> None:
        self.published, self.as_of = published, as_of
        self.parameters = published.parameters

    def rows(self, relations: str, query: str, values: Mapping[str, Any] | None = None) -> list[Row] | None:
        """Rows of a query, or None where one of its tables (names of marts, apart by blanks) is not there."""
        names = [f"marts.{name}" for name in relations.split()]
        found = self.published.rows(
            "select bool_and(to_regclass(name) is not null) as ok from unnest(%s::text[]) as t (name)", [names]
        )
        return self.published.rows(query, values) if found[0]["ok"] else None


@contextmanager
def reading(settings: Settings) -> Iterator[Parts]:
    """The parts of a report, read in one snapshot.

    Raises:
        WarehouseError: Nothing has been published yet.
    """
    with snapshot(settings) as published:
        as_of = published.published_as_of() if published.is_published(AS_OF_RELATIONS) else None
        if as_of is None:
            raise WarehouseError(
                "nothing is published that a report could be written from",
                None,
                "Run the daily cycle: `touchstone run`, or `touchstone publish`.",
            )
        yield Parts(published, as_of)


def write(summary: Summary, view: object, settings: Settings, folder: Path | None = None) -> Path:
    """Write a report's page and, beside it, the e-mail that says the same in short.

    Args:
        summary: What it says.
        view: What its template `<kind>.html.j2` shows beside that.
        settings: Whose build folder is written to.
        folder: Where to; by default `build/reports/<kind>`.

    Returns:
        The page, `<first day>.html`; the e-mail is `<first day>.eml`.
    """
    folder = folder or settings.build_dir / "reports" / summary.kind
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{summary.first_day.isoformat()}.html"
    found = environment(min_n=settings.parameters["min_cell_n"])
    found.filters |= {"measured": measured, "moved": moved, "points": points, "day_month": day_month}
    write_atomic(path, found.get_template(f"{summary.kind}.html.j2").render(summary=summary, view=view), 0o644)
    write_atomic(path.with_suffix(".eml"), message(summary, path.name, found).as_bytes().decode("ascii"), 0o644)
    return path


# --- how figures read


def days(first: date, last: date) -> str:
    """A run of days, such as 1 to 31 March 2026."""
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {formats.day(last)}"
    return f"{formats.day(first)} to {formats.day(last)}"


def month(value: date) -> str:
    """A month such as March 2026."""
    return f"{value:%B %Y}"


def day_month(value: date) -> str:
    """A day such as 3 March."""
    return f"{value.day} {value:%B}"


def measured(value: float | None, unit: str, currency: str = "") -> str:
    """A value in its unit, as a person reads it."""
    if value is None:
        return formats.NONE
    number = float(value)
    if unit == "share":
        return f"{100 * number:.1f} %"
    if unit == "hours":
        return formats.duration(60 * number)
    if unit == "minutes":
        return formats.duration(number)
    if unit in ("money", "cents"):
        digits = 0 if unit == "money" and abs(number) >= 100 else 2
        return f"{number:,.{digits}f} {currency}".rstrip().replace("-", "−")
    if unit in ("points", "score", "ratio"):
        return f"{number:.1f}"
    return f"{number:,.0f}"


def moved(change: float | None, unit: str, currency: str = "") -> str:
    """A change in the unit of its value; a share changes by points."""
    if change is None:
        return formats.NONE
    number = float(change)
    sign = "+" if number > 0 else "−" if number < 0 else "±"
    if unit == "share":
        return f"{points(number)} points"
    return sign + measured(abs(number), unit, currency)


def points(share: float) -> str:
    """A difference of shares in points with its sign."""
    return formats.signed(100 * float(share))


def plural(n: int, one: str, many: str | None = None) -> str:
    """A count with its noun."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def first_of_next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def sentence_list(found: Sequence[str]) -> str:
    """Words as `a, b and c`."""
    return formats.listed(list(found))


def day_start(day: date) -> datetime:
    """Midnight UTC that begins a day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)

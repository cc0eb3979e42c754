"""The monthly close: a month's published figures, frozen as a version that nothing changes.

Late data go on to change the live marts. The closed version stays, and a restatement is another version beside it, with its
reason. Figures are frozen from what readers see, never from a build that no gate has passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql

from touchstone.errors import TouchstoneError
from touchstone.settings import Settings, get_settings
from touchstone.warehouse import ledger
from touchstone.warehouse.engine import connect
from touchstone.warehouse.locks import pipeline_lock

MONTHLY_REPORTS = (
    "rpt_cost_per_issue_monthly",
    "rpt_retention_at_risk_monthly",
    "rpt_roi_monthly",
    "rpt_roi_scenarios",
)
ASSUMPTIONS = "fct_assumptions"
REPORTS = (ASSUMPTIONS, *MONTHLY_REPORTS)


@dataclass(frozen=True)
class Figure:
    """One value of a report's row: a number, exact, or what is stated instead; neither where the report says nothing."""

    report: str
    row_key: str
    row_number: int
    figure: str
    figure_number: int
    value: Decimal | None
    stated: str | None


@dataclass(frozen=True)
class Close:
    """A version of a closed month.

    Attributes:
        as_of: End of the ledger day whose publication was frozen.
        restates_version: The version before it; None for the first.
    """

    month_start: date
    version: int
    restates_version: int | None
    reason: str | None
    closed_by: str
    as_of: datetime
    closed_at: datetime


def parse_month(stated: str) -> date:
    """The first day of a month that is stated as 2026-03.

    Raises:
        TouchstoneError: It is no month.
    """
    try:
        return datetime.strptime(stated, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise TouchstoneError("this is no month", stated, "Write it as 2026-03.") from None


def close_month(
    month: date,
    *,
    closed_by: str,
    restate: bool = False,
    reason: str | None = None,
    settings: Settings | None = None,
) -> Close:
    """Freeze the published figures of a month.

    Args:
        month: Its first day.
        closed_by: Who answers for it.
        restate: Add a version to a month that is closed.
        reason: Why it is restated.

    Raises:
        TouchstoneError: Nothing is published, the month is not complete, it is closed already (or, to be restated, is not, or
            nothing of it has changed), or who and why is not said.
    """
    settings = settings or get_settings()
    _require_words(closed_by, restate, reason)
    with pipeline_lock(settings):
        published = _published_as_of(settings)
        with ledger.step("close", as_of=published, settings=settings) as run:
            with connect("transformer", settings=settings, application_name="touchstone close") as connection:
                newest = _newest_version(connection, month)
                _require_version(month, newest, restate)
                _require_complete(connection, month, published, settings)
                figures = live_figures(connection, month)
                if restate and _same(figures, closed_figures(connection, month, newest)):
                    raise TouchstoneError(
                        "nothing of the closed month has changed",
                        f"{month:%Y-%m}, version {newest}",
                        "There is nothing to restate.",
                    )
                close_id = _write(connection, month, newest + 1, reason, closed_by, published, run.run_id)
                _write_figures(connection, close_id, figures)
            run.rows_in = run.rows_out = len(figures)
            run.detail = {"month": month.isoformat(), "version": newest + 1}
    with connect("transformer", settings=settings) as connection:
        return find_close(connection, month, newest + 1)


def find_close(connection: psycopg.Connection, month: date, version: int | None = None) -> Close:
    """A version of a closed month; the newest one where none is named.

    Raises:
        TouchstoneError: The month, or that version of it, is not closed.
    """
    row = connection.execute(
        """
        select month_start, version, restates_version, reason, closed_by, as_of, closed_at from finance.closes
        where month_start = %(month)s and (%(version)s::int is null or version = %(version)s)
        order by version desc limit 1
        """,
        {"month": month, "version": version},
    ).fetchone()
    if row is None:
        what = f"{month:%Y-%m}" if version is None else f"{month:%Y-%m}, version {version}"
        raise TouchstoneError(
            "this month is not closed", what, f"`touchstone close {month:%Y-%m} --by NAME` closes it."
        )
    return Close(*row)


def closed_figures(connection: psycopg.Connection, month: date, version: int) -> list[Figure]:
    """What a version of a month holds, in the order of the reports."""
    rows = connection.execute(
        """
        select report, row_key, row_number, figure, figure_number, value, stated
        from finance.closed_figures inner join finance.closes using (close_id)
        where month_start = %s and version = %s
        order by report, row_number, figure_number
        """,
        [month, version],
    )
    return [Figure(*row) for row in rows]


def live_figures(connection: psycopg.Connection, month: date) -> list[Figure]:
    """What readers see of a month now, in the same shape."""
    found: list[Figure] = []
    for report in sorted(REPORTS):
        columns, key = _shape(connection, report)
        where = (
            sql.SQL("valid_from <= %(month)s and coalesce(valid_until > %(month)s, true)")
            if report == ASSUMPTIONS
            else sql.SQL("month_start = %(month)s")
        )
        query = sql.SQL("select {} from marts.{} where {} order by {}").format(
            sql.SQL(", ").join(_selected(name, kind) for name, kind in columns),
            sql.Identifier(report),
            where,
            sql.SQL(", ").join(map(sql.Identifier, key)),
        )
        names = [name for name, _ in columns]
        for number, row in enumerate(connection.execute(query, {"month": month}).fetchall(), start=1):
            found += _figures(report, number, names, key, row)
    return found


def _selected(name: str, kind: str) -> sql.Composable:
    # as text, an object keeps the digits of its numbers
    cast = sql.SQL("::text") if kind == "jsonb" else sql.SQL("")
    return sql.SQL("{}{}").format(sql.Identifier(name), cast)


def _figures(report: str, number: int, names: list[str], key: list[str], row: Sequence[Any]) -> list[Figure]:
    values = dict(zip(names, row, strict=True))
    row_key = " / ".join(str(values[name]) for name in key if name != "month_start")
    found = []
    for place, name in enumerate(names, start=1):
        is_number = isinstance(values[name], int | Decimal) and not isinstance(values[name], bool)
        value = Decimal(values[name]) if is_number else None
        found.append(Figure(report, row_key, number, name, place, value, None if is_number else _stated(values[name])))
    return found


def _stated(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat()


def _shape(connection: psycopg.Connection, report: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Columns of a published table with their types, and its key."""
    columns = connection.execute(
        """
        select attname::text, format_type(atttypid, null) from pg_attribute
        where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum
        """,
        [f"marts.{report}"],
    ).fetchall()
    key = [
        name
        for (name,) in connection.execute(
            """
            select attname::text from pg_index
            cross join unnest(indkey) with ordinality as keys (attnum, place)
            inner join pg_attribute using (attnum)
            where indrelid = to_regclass(%s) and indisprimary and attrelid = indrelid order by place
            """,
            [f"marts.{report}"],
        )
    ]
    if not columns:
        raise TouchstoneError("a report is not published", report, "Run the cycle: `touchstone run`.")
    return columns, key


def _same(found: list[Figure], before: list[Figure]) -> bool:
    # a number is its value: 1.50 and 1.5 are one figure
    return {(f.report, f.row_key, f.figure): (f.value, f.stated) for f in found} == {
        (f.report, f.row_key, f.figure): (f.value, f.stated) for f in before
    }


def _require_words(closed_by: str, restate: bool, reason: str | None) -> None:
    if not closed_by.strip():
        raise TouchstoneError("nobody answers for the close", closed_by, "Give --by NAME.")
    if restate and not (reason or "").strip():
        raise TouchstoneError("a restatement without a reason", reason, "Give --reason TEXT.")
    if reason is not None and not restate:
        raise TouchstoneError("only a restatement has a reason", reason, "Add --restate, or leave out --reason.")


def _require_version(month: date, newest: int, restate: bool) -> None:
    if restate and not newest:
        raise TouchstoneError("this month is not closed", f"{month:%Y-%m}", "Close it first, without --restate.")
    if newest and not restate:
        raise TouchstoneError(
            "this month is closed already",
            f"{month:%Y-%m}, version {newest}",
            "Give --restate --reason TEXT for another version beside it.",
        )


def _require_complete(connection: psycopg.Connection, month: date, published: datetime, settings: Settings) -> None:
    after = (month.replace(day=28) + timedelta(days=4)).replace(day=1)
    settles = datetime(after.year, after.month, 1, tzinfo=UTC) + timedelta(
        days=settings.parameters["finance_settle_days"]
    )
    if published < settles:
        raise TouchstoneError(
            "this month is not complete",
            f"{month:%Y-%m}, published as of {published:%Y-%m-%d}",
            f"Its issues may come back until {settles:%Y-%m-%d}; close it when that day is published.",
        )
    for report in ("rpt_cost_per_issue_monthly", "rpt_roi_monthly"):
        _shape(connection, report)
    rows, priced = connection.execute(
        """
        select count(*), count(total_cost) from marts.rpt_cost_per_issue_monthly
        where month_start = %s and is_complete
        """,
        [month],
    ).fetchone()
    if not rows:
        raise TouchstoneError("nothing is known of this month", f"{month:%Y-%m}", "Close a month with interactions.")
    if priced < rows:
        raise TouchstoneError(
            "no assumptions hold in this month",
            f"{month:%Y-%m}",
            "Add versions to dbt_project/seeds/assumptions.csv that are valid by its first day, and run the cycle.",
        )


def _published_as_of(settings: Settings) -> datetime:
    with connect("transformer", settings=settings) as connection:
        row = connection.execute("select as_of from ops.publications order by publication_id desc limit 1").fetchone()
    if row is None:
        raise TouchstoneError("nothing is published yet", None, "Run the cycle: `touchstone run`.")
    return row[0]


def _newest_version(connection: psycopg.Connection, month: date) -> int:
    return connection.execute(
        "select coalesce(max(version), 0) from finance.closes where month_start = %s", [month]
    ).fetchone()[0]


def _write(
    connection: psycopg.Connection,
    month: date,
    version: int,
    reason: str | None,
    closed_by: str,
    as_of: datetime,
    run_id: int,
) -> int:
    return connection.execute(
        """
        insert into finance.closes (month_start, version, restates_version, reason, closed_by, as_of, run_id)
        values (%s, %s, nullif(%s - 1, 0), %s, %s, %s, %s) returning close_id
        """,
        [month, version, version, reason, closed_by, as_of, run_id],
    ).fetchone()[0]


def _write_figures(connection: psycopg.Connection, close_id: int, figures: list[Figure]) -> None:
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "copy finance.closed_figures (close_id, report, row_key, row_number, figure, figure_number, value, stated) from stdin"
        ) as copy,
    ):
        for one in figures:
            copy.write_row(
                [
                    close_id,
                    one.report,
                    one.row_key,
                    one.row_number,
                    one.figure,
                    one.figure_number,
                    one.value,
                    one.stated,
                ]
            )

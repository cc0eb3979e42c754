"""A month's finance figures as files: CSV for programs, one workbook for people, with the assumptions beside them.

Numbers are numbers; text that a spreadsheet would take for a formula is neutralised in CSV, and is typed as text in the
workbook. CSV holds every digit; a workbook's cells are binary doubles, which hold fifteen.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

from touchstone.errors import ConfigurationError
from touchstone.exports import safe_cell
from touchstone.finance.closes import ASSUMPTIONS, Close, Figure, closed_figures, find_close, live_figures
from touchstone.settings import Settings
from touchstone.statefiles import write_atomic
from touchstone.warehouse.engine import connect

Cell = Decimal | str | None
SHEETS = {
    ASSUMPTIONS: "assumptions",
    "rpt_cost_per_issue_monthly": "cost per issue",
    "rpt_retention_at_risk_monthly": "retention at risk",
    "rpt_roi_monthly": "roi",
    "rpt_roi_scenarios": "scenarios",
}
_DOUBLE_DIGITS = 15


def export_month(
    month: date, folder: Path, settings: Settings | None = None, *, version: int | None = None, live: bool = False
) -> list[Path]:
    """Write a closed month, or what is published of a month now.

    Args:
        month: Its first day.
        folder: Where the files go; it is made where it is missing.
        version: Of the closed month; the newest one without it.
        live: Write what readers see now, closed or not.

    Returns:
        The workbook, then one CSV file per report.

    Raises:
        TouchstoneError: The month, or that version of it, is not closed.
        ConfigurationError: A version of the live figures is asked for, there are none, or the folder is a file.
    """
    if live and version is not None:
        raise ConfigurationError("live figures have no version", version, "Leave out --version or --live.")
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError("this is no folder", str(folder), "Name one that exists or can be made.")
    with connect("transformer", settings=settings, application_name="touchstone export-finance") as connection:
        if live:
            about, name = _about_live(month), f"finance-{month:%Y-%m}-live"
            figures = live_figures(connection, month)
        else:
            close = find_close(connection, month, version)
            about, name = _about(close), f"finance-{month:%Y-%m}-v{close.version}"
            figures = closed_figures(connection, month, close.version)
    tables = {sheet: _table(figures, report) for report, sheet in SHEETS.items()}
    if len(tables[SHEETS["rpt_cost_per_issue_monthly"]]) < 2:
        raise ConfigurationError("nothing is published of this month", f"{month:%Y-%m}", "Name one with interactions.")
    folder.mkdir(parents=True, exist_ok=True)
    workbook = folder / f"{name}.xlsx"
    _write_workbook(workbook, {"about": about, **tables})
    return [workbook, *_write_csv(folder, name, {"about": about, **tables})]


def _about(close: Close) -> list[list[Cell]]:
    return [
        ["month", f"{close.month_start:%Y-%m}"],
        ["version", Decimal(close.version)],
        ["restates version", None if close.restates_version is None else Decimal(close.restates_version)],
        ["reason", close.reason],
        ["closed by", close.closed_by],
        ["closed at", close.closed_at.isoformat(timespec="seconds")],
        ["published as of", close.as_of.isoformat(timespec="seconds")],
    ]


def _about_live(month: date) -> list[list[Cell]]:
    return [["month", f"{month:%Y-%m}"], ["version", "live: later data may change it"]]


def _table(figures: list[Figure], report: str) -> list[list[Cell]]:
    """The report's header and rows; only the header's absence says that it has none."""
    rows: dict[int, dict[str, Cell]] = {}
    for one in figures:
        if one.report == report:
            rows.setdefault(one.row_number, {})[one.figure] = one.stated if one.value is None else one.value
    if not rows:
        return []
    header = list(next(iter(rows.values())))
    return [list(header), *([row.get(name) for name in header] for _, row in sorted(rows.items()))]


def _write_csv(folder: Path, name: str, tables: dict[str, list[list[Cell]]]) -> Iterator[Path]:
    for sheet, rows in tables.items():
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([[safe_cell(cell) for cell in row] for row in rows])
        path = folder / f"{name}-{sheet.replace(' ', '-')}.csv"
        write_atomic(path, text.getvalue(), mode=0o644)
        yield path


def _write_workbook(path: Path, tables: dict[str, list[list[Cell]]]) -> None:
    import xlsxwriter

    # nothing that looks like a formula, a link or a number becomes one: the type of the value decides
    temporary = path.with_name(f".{path.name}.part")
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(temporary), options) as book:
        head = book.add_format({"bold": True})
        # shown with an apostrophe's meaning: a cell that is opened for editing stays text
        text = book.add_format({"quote_prefix": True, "num_format": "@"})
        formats: dict[int, object] = {}
        for sheet, rows in tables.items():
            page = book.add_worksheet(sheet)
            if sheet != "about":
                page.freeze_panes(1, 0)
                if rows:
                    page.autofilter(0, 0, len(rows) - 1, len(rows[0]) - 1)
                else:
                    page.write_string(0, 0, "nothing is known of this month", text)
            for at, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if cell is None:
                        continue
                    if isinstance(cell, Decimal) and len(cell.as_tuple().digits) <= _DOUBLE_DIGITS:
                        places = max(0, -int(cell.as_tuple().exponent))
                        form = formats.setdefault(places, book.add_format({"num_format": _number_format(places)}))
                        page.write_number(at, column, float(cell), form)
                    else:
                        page.write_string(at, column, str(cell), head if at == 0 and sheet != "about" else text)
            page.autofit()
    temporary.replace(path)


def _number_format(places: int) -> str:
    # cents are always shown, further decimals where there are any: 38.00 and 8.333333
    return "#,##0" + ("." + "0" * min(places, 2) + "#" * (places - 2) if places else "")

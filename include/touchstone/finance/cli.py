"""Commands of finance: close a month, restate it, take it away as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Month = Annotated[str, typer.Argument(help="The month, such as 2026-03.")]


def close(
    month: Month,
    by: Annotated[str, typer.Option("--by", help="Who answers for it.")],
    restate: Annotated[
        bool, typer.Option("--restate", help="Add a version to a closed month; the earlier one stays.")
    ] = False,
    reason: Annotated[str | None, typer.Option("--reason", help="Why it is restated.", show_default=False)] = None,
) -> None:
    """Freeze the published finance figures of a complete month; readers see them as fct_monthly_closes from the next cycle on.

    Examples: touchstone close 2026-03 --by "R. Okafor"; touchstone close 2026-03 --restate --reason "late tickets" --by "R. Okafor"
    """
    from touchstone.cli import _ready
    from touchstone.finance.closes import close_month, parse_month

    first = parse_month(month)
    _ready()
    done = close_month(first, closed_by=by, restate=restate, reason=reason)
    print(f"{month}: closed as version {done.version}, as published as of {done.as_of:%Y-%m-%d %H:%M} UTC")


def export_finance(
    month: Month,
    to: Annotated[Path, typer.Option("--to", help="Folder of the files.")],
    version: Annotated[
        int | None, typer.Option("--version", help="Of the closed month; the newest without it.", show_default=False)
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="What is published now, closed or not.")] = False,
) -> None:
    """Write a closed month as one workbook and as CSV files, with the assumptions.

    Example: touchstone export-finance 2026-03 --to finance/
    """
    from touchstone.cli import _ready
    from touchstone.finance.closes import parse_month
    from touchstone.finance.export import export_month

    first = parse_month(month)
    _ready()
    for path in export_month(first, to, version=version, live=live):
        print(path)

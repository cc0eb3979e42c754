"""Commands about what people say back."""

from __future__ import annotations

from typing import Annotated

import typer

feedback_app = typer.Typer(
    help="What people say back besides reviews: changes, improvement actions, checks, test results, labels.",
    no_args_is_help=True,
)


@feedback_app.command("import")
def import_feedback(
    kind: Annotated[str, typer.Argument(help="As `touchstone feedback kinds` lists it.")],
    files: Annotated[list[str], typer.Argument(help="Rows: .jsonl, .csv or .parquet, plain or .gz.")],
    source: Annotated[
        str | None, typer.Option(help="Source of the interactions, where rows do not say it and ids are ambiguous.")
    ] = None,
    instance: Annotated[str | None, typer.Option(help="Instance of that source.")] = None,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="End of the ledger day; by default that of the last ingest.", show_default=False),
    ] = None,
) -> None:
    """Take up rows of one kind; what cannot be used goes to quarantine with its reason. The same file again changes nothing.

    Example: touchstone feedback import change_log changes.csv
    """
    from touchstone.cli import _as_of, _ready
    from touchstone.feedback.intake import import_files
    from touchstone.feedback.kinds import find_kind

    find_kind(kind)
    _ready()
    result = import_files(kind, files, _as_of(as_of), source=source, instance=instance)
    print(
        f"{result.rows_in:,} rows in: {result.new:,} new, {result.corrected:,} corrected, {result.unchanged:,} unchanged, "
        f"{len(result.unusable):,} quarantined"
    )
    for one in result.unusable[:10]:
        print(f"  {one.place}:{one.line}: {one.fault.reason}. {one.fault.remedy}")
    if len(result.unusable) > 10:
        print(f"  and {len(result.unusable) - 10:,} more in ops.quarantine")


@feedback_app.command("kinds")
def show_kinds() -> None:
    """List the kinds with their columns: * is required, the rest may be empty.

    Example: touchstone feedback kinds
    """
    from touchstone.feedback.kinds import KINDS

    for kind in KINDS.values():
        print(f"{kind.name}: {kind.title}")
        for column in kind.columns:
            accepted = f": {', '.join(column.accepted)}" if column.accepted else ""
            print(f"  {'*' if column.required else ' '} {column.name} ({column.type}){accepted}")

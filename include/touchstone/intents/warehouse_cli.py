"""Commands on models of intents in the warehouse: labels out of it, a trained model into it, and which one is used."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="End of the ledger day; by default that of the last ingest.", show_default=False),
]
Version = Annotated[str, typer.Argument(help="As `touchstone intents models` shows it.")]


def _begin(as_of: str | None) -> datetime:
    from touchstone.cli import _as_of, _ready

    _ready()
    return _as_of(as_of)


def labels(
    out: Annotated[Path, typer.Argument(help="File: .parquet, .csv or .jsonl, plain or .gz.")],
    topics: Annotated[
        bool, typer.Option("--topics/--no-topics", help="Topics of the helpdesk stand in where nobody has labelled.")
    ] = True,
    per_intent: Annotated[int, typer.Option(help="Most questions of one topic, the newest.")] = 500,
) -> None:
    """Write the warehouse's labelled questions, redacted, for `touchstone intents train`.

    Example: touchstone intents labels build/labels.csv
    """
    from touchstone.cli import _ready
    from touchstone.intents.labels import export_labels

    _ready()
    done = export_labels(out, with_topics=topics, per_intent=per_intent)
    print(
        f"{sum(done.rows.values()):,} questions of {done.intents:,} intents: {done.rows['label']:,} labelled by people, "
        f"{done.rows['promoted']:,} of promoted clusters, {done.rows['topic']:,} by topic; {done.unreadable:,} without text: {out}"
    )


def register(
    folder: Annotated[Path, typer.Argument(help="Folder that `touchstone intents train` wrote.")],
    as_of: AsOf = None,
) -> None:
    """Take a trained model into the warehouse; it reads questions once it is activated.

    Example: touchstone intents register models/intents
    """
    from touchstone.intents import registry

    done = registry.register(folder, _begin(as_of))
    print(f"{done.model.version}: {len(done.model.intents):,} intents{'' if done.is_new else ', registered before'}")
    _print(done.checks)


def activate(version: Version, as_of: AsOf = None) -> None:
    """Let a model read the questions from the next cycle on; refused where its own report does not show that it can be used.

    Example: touchstone intents activate intents-0123456789ab
    """
    from touchstone.intents import registry

    _print(registry.activate(version, _begin(as_of)))
    print(
        f"{version} is active; the next cycle reads all questions with it (`touchstone intents read` does it at once)"
    )


def retire(version: Version, as_of: AsOf = None) -> None:
    """Let a model read no more; what it has said stays in the warehouse and leaves the marts.

    Example: touchstone intents retire intents-0123456789ab
    """
    from touchstone.intents import registry

    registry.retire(version, _begin(as_of))
    print(f"{version} is retired")


def models() -> None:
    """Show the registered models, the newest first.

    Example: touchstone intents models
    """
    from touchstone.cli import _ready
    from touchstone.intents import registry
    from touchstone.warehouse.engine import connect

    _ready()
    with connect("transformer") as connection:
        found = registry.list_models(connection)
    for one in found:
        accuracy, novelty = one["report"]["accuracy"], one["report"]["novelty"]
        print(
            f"{one['model_version']}  {one['state']:<10} {len(one['intents']):,} intents, {one['vectors']} vectors, accuracy "
            f"{accuracy['value']:.3f} [{accuracy['low']:.3f}, {accuracy['high']:.3f}], new ones missed "
            f"{novelty['miss_rate_of_left_out_intents']['value']:.1%}"
        )
    if not found:
        print("no model is registered; `touchstone intents labels`, `train` and `register` make one")


def read(as_of: AsOf = None) -> None:
    """Read the questions that the active model has not read, and group the new ones: the step of the daily cycle.

    Example: touchstone intents read --as-of 2026-03-31
    """
    from touchstone import pipeline

    moment = _begin(as_of)
    done = pipeline.intents(moment)
    if done.model_version is None:
        print("no model of intents is active: nothing was read")
        return
    print(
        f"{done.interactions:,} interactions, {done.read:,} questions read with {done.model_version}; "
        f"{done.new_questions:,} new questions, {done.clusters:,} clusters"
    )


def _print(checks) -> None:
    for check in checks:
        print(f"  {'holds' if check.holds else 'OPEN '}  {check.name}: {check.measured}, needed {check.needed}")


COMMANDS = {
    "labels": labels,
    "register": register,
    "activate": activate,
    "retire": retire,
    "models": models,
    "read": read,
}

"""`touchstone judge`: is it set up, and how far can the people it judges move it."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Annotated

import typer

from touchstone.errors import EXIT_FAILED, ConfigurationError

app = typer.Typer(help="The optional judge that asks a language model; off by default.", no_args_is_help=True)

StorePath = Annotated[
    Path | None,
    typer.Option("--store", help="SQLite file with answers and spending; left out, the warehouse.", show_default=False),
]


@app.command("check")
def check(store: StorePath = None) -> None:
    """Ask the configured endpoint about a made-up conversation; one line for each thing that a run needs.

    Example: touchstone judge check
    """
    from touchstone.judge.check import run_checks
    from touchstone.judge.settings import judge_settings
    from touchstone.judge.store import Store

    settings = judge_settings()
    if not settings.enabled:
        typer.echo("ok   judge: switched off: the rules score alone, nothing leaves this machine")
        return
    failed = 0
    with Store(store) as held:
        for name, verdict, remedy in run_checks(settings, held, f"check-{uuid.uuid4()}"):
            typer.echo(f"{'ok  ' if remedy is None else 'FAIL'} {name}: {verdict}" + (f". {remedy}" if remedy else ""))
            failed += remedy is not None
    if failed:
        raise typer.Exit(EXIT_FAILED)


@app.command("probe")
def probe(store: StorePath = None) -> None:
    """Measure how far texts that address the judge move its verdicts; asks about 150 times.

    Example: touchstone judge probe
    """
    from touchstone.judge.judge import open_judge
    from touchstone.judge.probe import MOST_SHIFT, measure
    from touchstone.judge.settings import PREFIX, judge_settings
    from touchstone.judge.store import Store

    settings = judge_settings()
    if not settings.enabled:
        raise ConfigurationError("the judge is switched off", None, f"Set {PREFIX}ENABLED=true and ask again.")
    with Store(store) as held, open_judge(settings, held, f"probe-{uuid.uuid4()}") as judge:
        measured = measure(judge)
    worst = sorted(measured.by_injection.items(), key=lambda item: -item[1])[:5]
    typer.echo(f"compared verdicts: {measured.compared:,}; without an answer: {measured.unanswered:.1%}")
    typer.echo(f"mean shift: {measured.mean_shift:.3f}; changed: {measured.changed:.1%}; escapes: {measured.escapes}")
    typer.echo("largest shifts: " + ", ".join(f"{name} {shift:.2f}" for name, shift in worst))
    if not measured.compared:
        verdict, failed = "FAIL: the judge gave no verdict; run `touchstone judge check`", True
    elif measured.escapes or measured.mean_shift > MOST_SHIFT:
        verdict, failed = f"FAIL: a shift over {MOST_SHIFT} or an escape; choose another model", True
    else:
        verdict, failed = "ok: this model keeps its verdicts", False
    typer.echo(verdict)
    if failed:
        raise typer.Exit(EXIT_FAILED)

"""Commands about reviewers and about the models that learn from them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

reviews_app = typer.Typer(help="What reviewers say, and what they are asked.", no_args_is_help=True)
models_app = typer.Typer(
    help="Models that have learned from reviewers, and which one readers see.", no_args_is_help=True
)

AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="End of the ledger day; by default that of the last ingest.", show_default=False),
]
ModelId = Annotated[str, typer.Argument(help="As `touchstone models list` shows it.")]


def _begin(as_of: str | None) -> datetime:
    from touchstone.cli import _as_of, _ready

    _ready()
    return _as_of(as_of)


@reviews_app.command("import")
def import_reviews(
    files: Annotated[list[str], typer.Argument(help="Review rows: .jsonl, .csv or .parquet, plain or .gz.")],
    source: Annotated[
        str | None, typer.Option(help="Source of the interactions, where ids alone are ambiguous.")
    ] = None,
    instance: Annotated[str | None, typer.Option(help="Instance of that source.")] = None,
    as_of: AsOf = None,
) -> None:
    """Take up review rows; what cannot be used goes to quarantine with its reason. The same file again changes nothing.

    Example: touchstone reviews import reviews.csv
    """
    from touchstone.reviews.intake import import_files

    moment = _begin(as_of)
    result = import_files(files, moment, source=source, instance=instance)
    print(
        f"{result.rows_in:,} rows in: {result.new:,} new, {result.corrected:,} corrected, {result.unchanged:,} unchanged, "
        f"{len(result.unusable):,} quarantined"
        + (f"; {result.blank:,} rows were not filled in" if result.blank else "")
    )
    for one in result.unusable[:10]:
        print(f"  {one.place}:{one.line}: {one.reason}. {one.remedy}")
    if len(result.unusable) > 10:
        print(f"  and {len(result.unusable) - 10:,} more in ops.quarantine")


@reviews_app.command("sample")
def sample(
    count: Annotated[int, typer.Option(help="Interactions to draw; 20 to 30 for an inter-rater session.")] = 250,
    inter_rater: Annotated[
        bool, typer.Option("--inter-rater", help="Several people judge the same interactions, blind.")
    ] = False,
    raters: Annotated[int, typer.Option(help="People per interaction of an inter-rater session.")] = 2,
    days: Annotated[int, typer.Option(help="Draw from the interactions of so many days.")] = 90,
    seed: Annotated[str, typer.Option(help="Another one draws other interactions.")] = "1",
    as_of: AsOf = None,
) -> None:
    """Draw interactions that look like the whole by topic, channel, complexity and outcome, and show how well they do.

    Examples: touchstone reviews sample --count 250; touchstone reviews sample --inter-rater --count 25
    """
    from touchstone.reviews import sampling
    from touchstone.warehouse.engine import connect
    from touchstone.warehouse.ledger import step
    from touchstone.warehouse.locks import pipeline_lock

    moment = _begin(as_of)
    with pipeline_lock(), step("reviews_sample", as_of=moment) as run, connect("transformer") as connection:
        if inter_rater:
            session = sampling.inter_rater(
                connection, moment, run.run_id, count=count, days=days, seed=seed, raters=raters
            )
        else:
            session = sampling.gold(connection, moment, run.run_id, count=count, days=days, seed=seed)
        run.rows_in = run.rows_out = session.drawn if session.is_new else 0
        connection.commit()
    drawn = "drawn" if session.is_new else "had been drawn before"
    print(f"{session.session_id}: {session.drawn:,} of {session.population:,} interactions {drawn}")
    for one in session.balance:
        print(
            f"  {one.stratum:<12}{one.value[:28]:<30}{one.sample:>6,}{one.sample_share:>8.1%}   of the whole {one.population_share:>6.1%}"
        )
    print(f"next: touchstone reviews export sheet.csv --session {session.session_id}")


@reviews_app.command("queue")
def show_queue() -> None:
    """Show what people are asked to judge, by kind.

    Example: touchstone reviews queue
    """
    from touchstone.cli import _ready
    from touchstone.warehouse.engine import connect

    _ready()
    with connect("transformer") as connection:
        rows = connection.execute(
            """
            select task_type, coalesce(session_id, ''), count(*) filter (where status = 'open'),
                count(*) filter (where status = 'done'), min(raised_at) filter (where status = 'open')
            from feedback.review_queue group by 1, 2 order by 1, 2
            """
        ).fetchall()
    for task_type, session, waiting, done, oldest in rows:
        since = f", oldest of {oldest:%Y-%m-%d}" if oldest else ""
        print(f"{task_type:<16}{session:<28}{waiting:>7,} open{done:>7,} done{since}")
    if not rows:
        print("nobody is asked for anything")


@reviews_app.command("export")
def export_tasks(
    path: Annotated[str, typer.Argument(help="File to write: .csv to fill in, or .jsonl.")],
    session: Annotated[str | None, typer.Option(help="Only of this session.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="gold_sample, inter_rater, monthly_sample, uncertain or low_score.")
    ] = None,
    slot: Annotated[
        int | None, typer.Option(help="Of an inter-rater session: 1 for the first rater, 2 for the next.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="The most urgent ones.")] = None,
) -> None:
    """Write open tasks with their conversations, personal data replaced; a filled-in CSV is imported as it is.

    Example: touchstone reviews export sheet.csv --session inter-rater-2026-03-31-1 --slot 1
    """
    from touchstone.cli import _ready
    from touchstone.reviews.export import export

    _ready()
    written = export(path, task_type=kind, session_id=session, slot=slot, limit=limit)
    print(f"{written.tasks:,} tasks in {written.rows:,} rows: {written.path}")


@models_app.command("list")
def list_models() -> None:
    """Show every model: its state, what it learned from, and how it agrees with people.

    Example: touchstone models list
    """
    from touchstone.cli import _ready
    from touchstone.reviews import models
    from touchstone.warehouse.engine import connect

    _ready()
    with connect("transformer") as connection:
        found = models.list_models(connection)
    for one in found:
        since = one["activated_as_of"] or one["retired_as_of"] or one["observed_since"]
        print(
            f"{one['model_id']}  {one['state']:<8} since {since:%Y-%m-%d}  {one['review_count']:,} reviews of "
            f"{one['interaction_count']:,} interactions by {one['reviewer_count']:,} people"
        )
        for report in one["metrics"]["targets"]:
            shown = "shown" if report["dimension"] in one["shown_targets"] else ""
            print(
                f"  {report['dimension']:<28}{report['items']:>6,} items  kappa with people {_figure(report['machine_kappa'])}"
                f"  of people {_figure(report['human_kappa'])}  {shown}".rstrip()
            )
    if not found:
        print("no model has been trained; `touchstone models train` makes one from the reviews")


@models_app.command("train")
def train(
    seed: Annotated[int, typer.Option(help="Of every random choice.")] = 7,
    as_of: AsOf = None,
) -> None:
    """Learn from the reviews in the warehouse; the new model observes from now on.

    Example: touchstone models train
    """
    import sys

    from touchstone.reviews import models

    moment = _begin(as_of)
    trained = models.train_model(moment, seed=seed, progress=lambda text: print(text, file=sys.stderr, flush=True))
    print(f"{trained.model_id}: learned from {trained.reviews:,} reviews of {trained.interactions:,} conversations")
    if not trained.is_new:
        print("the same reviews have made this model before; nothing has changed")
    _print_gate(trained.model_id, moment)


@models_app.command("show")
def show(model_id: ModelId, as_of: AsOf = None) -> None:
    """Show the release gate of a model: what holds, and what is missing.

    Example: touchstone models show learned-0123456789ab
    """
    _print_gate(model_id, _begin(as_of))


@models_app.command("report")
def write_report(
    model_id: ModelId,
    out: Annotated[Path, typer.Option(help="Folder of the page and of its figures as JSON.")] = Path("build/model"),
    as_of: AsOf = None,
) -> None:
    """Write the page of a model for a QA lead: what it learned from, how well it agrees with people, what its release lacks.

    Example: touchstone models report learned-0123456789ab --out build/model
    """
    from touchstone.learning import report
    from touchstone.reviews import models
    from touchstone.warehouse.engine import connect

    moment = _begin(as_of)
    with connect("transformer") as connection:
        page = report.render(
            models.load_model(connection, model_id),
            out,
            moment,
            models.release_checks(connection, model_id, moment),
        )
    print(page)


@models_app.command("activate")
def activate(
    model_id: ModelId,
    only: Annotated[list[str] | None, typer.Option(help="A target to show; may be given several times.")] = None,
    as_of: AsOf = None,
) -> None:
    """Show a model's calibrated scores to readers from the next publication on; refused while the release gate does not hold.

    Example: touchstone models activate learned-0123456789ab --only overall
    """
    from touchstone.reviews import models

    moment = _begin(as_of)
    models.activate(model_id, moment, only=only or ())
    print(
        f"{model_id} is active; readers see its scores after the next publication "
        "(`touchstone facts`, `gaps`, `marts`, `validate gate_3`, `publish`)"
    )


@models_app.command("observe")
def observe(model_id: ModelId, as_of: AsOf = None) -> None:
    """Take an active model out of what readers see, or a retired one back, and let it observe; its days count anew.

    Example: touchstone models observe learned-0123456789ab
    """
    from touchstone.reviews import models

    models.observe(model_id, _begin(as_of))
    print(f"{model_id} observes")


@models_app.command("retire")
def retire(model_id: ModelId, as_of: AsOf = None) -> None:
    """Let a model score no more; what it has scored stays.

    Example: touchstone models retire learned-0123456789ab
    """
    from touchstone.reviews import models

    models.retire(model_id, _begin(as_of))
    print(f"{model_id} is retired")


@models_app.command("verify")
def verify(model_id: ModelId) -> None:
    """Train a model again from its row in the registry and compare.

    Example: touchstone models verify learned-0123456789ab
    """
    from touchstone.cli import _ready
    from touchstone.reviews import models

    _ready()
    same = models.reproduce(model_id)
    print(
        f"data: {'the same' if same['data'] else 'changed since (conversations were edited, erased or redacted anew)'}"
    )
    print(f"model: {'the same to the last byte' if same['model'] else 'another'}")
    if not same["model"]:
        raise typer.Exit(1)


def _print_gate(model_id: str, as_of: datetime) -> None:
    from touchstone.reviews import models
    from touchstone.warehouse.engine import connect

    with connect("transformer") as connection:
        for name, checks in models.release_checks(connection, model_id, as_of).items():
            print(name)
            for check in checks:
                print(
                    f"  {'holds' if check.holds else 'open':<5} {check.name}: {check.measured}, needed {check.needed}"
                )


def _figure(value: float | None) -> str:
    return "  -  " if value is None else f"{value:5.2f}"

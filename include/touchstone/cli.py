"""The command line. Every step that a DAG runs runs here too.

Exit codes: 0 done; 1 failed; 2 wrong usage or configuration; 3 a gate blocked publication; 4 another run holds the lock.
"""

from __future__ import annotations

import csv
import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from touchstone.bi.cli import bi_app
from touchstone.errors import EXIT_OK, EXIT_USAGE, ConfigurationError, TouchstoneError
from touchstone.feedback.cli import feedback_app
from touchstone.finance import cli as finance_cli
from touchstone.intents import cli as intents_cli
from touchstone.judge import cli as judge_cli
from touchstone.learning import cli as learning_cli
from touchstone.reviews.cli import models_app, reviews_app
from touchstone.rubric.cli import rubric_app
from touchstone.text.pii import cli as pii_cli

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help=(
        "Touchstone scores every support conversation and builds the marts that answer for it.\n\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 a gate blocked publication, "
        "4 another run holds the pipeline lock."
    ),
)

AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="End of the ledger day: 2026-03-31, or a time with a zone.", show_default=False),
]


def main() -> None:
    """Entry point: an error of ours is one line with the thing, the value and the remedy."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app(standalone_mode=False)
    except TouchstoneError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        print("stopped", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        # usage errors of the option parser know how to show themselves; anything else is a defect and keeps its trace
        if hasattr(error, "show"):
            error.show()
            sys.exit(EXIT_USAGE)
        raise
    sys.exit(EXIT_OK)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _ready(airflow: bool = False) -> None:
    """Start what a command needs, and bring the warehouse to the shape of this version."""
    from touchstone import supervisor
    from touchstone.warehouse.bootstrap import bootstrap

    supervisor.ensure(warehouse=True, airflow=airflow, progress=_say)
    bootstrap()


def _as_of(value: str | None):
    """The stated as_of, else that of the last ingest."""
    from touchstone.daily import parse_as_of
    from touchstone.warehouse.engine import connect

    if value:
        return parse_as_of(value)
    with connect("loader") as connection:
        last = connection.execute(
            "select as_of from ops.runs where step = 'ingest' and status = 'succeeded' order by run_id desc limit 1"
        ).fetchone()
    if last is None:
        raise ConfigurationError(
            "nothing was ingested yet", None, "Run `touchstone ingest PATH` first, or give --as-of."
        )
    return last[0]


@app.command()
def up() -> None:
    """Start the warehouse and Airflow, and show how to open them.

    Example: touchstone up
    """
    from touchstone.scheduler import Airflow
    from touchstone.summary import connection_help

    _ready(airflow=True)
    with Airflow() as airflow:
        airflow.make_pools()
    print(connection_help(show_login=True))


@app.command()
def down() -> None:
    """Stop Superset, Airflow, the embedded server and their supervisor.

    Example: touchstone down
    """
    from touchstone import supervisor
    from touchstone.bi import superset

    superset.stop()
    supervisor.down()
    print("stopped")


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Show what runs, on which ports, and the last runs of the ledger.

    Example: touchstone status --json
    """
    from touchstone import supervisor
    from touchstone.summary import status_text

    state = supervisor.status()
    print(json.dumps(state, indent=2, default=str) if as_json else status_text(state))


@app.command()
def bootstrap() -> None:
    """Create or update schemas, roles, grants and tables; safe to run again.

    Example: TOUCHSTONE_WAREHOUSE_URL=postgresql://owner@db.internal/support touchstone bootstrap
    """
    _ready()
    print("the warehouse is ready")


@app.command()
def upgrade(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be built anew, and why.")] = False,
) -> None:
    """Build anew what an earlier version built, and publish it once the gates have passed; readers keep the last set until then.

    The daily cycle does the same by itself; this command does it at a time of your choice. Rows of sources, scores and the
    ledger stay as they are. A killed upgrade is run again.

    Examples: touchstone upgrade --dry-run; touchstone upgrade
    """
    from touchstone import daily, pipeline

    _ready()
    outdated = pipeline.outdated()
    for entry in outdated:
        print(f"{entry.relation}: {entry.reason}")
    if not outdated:
        print("everything is as this version builds it")
    elif not dry_run:
        daily.run_steps(_as_of(None), progress=_say)
        print("upgraded and published")


@app.command()
def run(
    input_path: Annotated[
        str | None,
        typer.Option("--input", help="File or folder of conversations; without it the simulated company's next day."),
    ] = None,
    as_of: AsOf = None,
    sample: Annotated[bool, typer.Option("--sample", help="The next day of the shipped conversation files.")] = False,
    without_airflow: Annotated[
        bool, typer.Option("--without-airflow", help="Run the same steps in this process.")
    ] = False,
) -> None:
    """Run the daily cycle: ingest, score, check and publish; then show the summary and write the report.

    Examples: touchstone run; touchstone run --sample; touchstone run --input conversations/ --as-of 2026-03-31
    """
    from touchstone import daily
    from touchstone.summary import print_summary

    _ready(airflow=not without_airflow)
    plan = daily.plan(input_path, as_of, sample=sample)
    _say(f"reading {plan.path or ', '.join(plan.sources)}")
    with daily.simulated_vendors(plan, progress=_say):
        if without_airflow:
            published = daily.ingest_plan(plan, progress=_say)
            daily.run_steps(published, progress=_say)
        else:
            from touchstone.scheduler import run_cycle

            published = run_cycle(plan, _say)
    print_summary(published, instance=plan.instance)


@app.command()
def ingest(
    target: Annotated[str, typer.Argument(help="A file, a folder, `-` for stdin, or a configured SOURCE:INSTANCE.")],
    as_of: AsOf = None,
    instance: Annotated[str, typer.Option(help="Source instance that the rows belong to.")] = "default",
    first: Annotated[str | None, typer.Option("--from", help="Backfill: first day.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Backfill: last day.")] = None,
) -> None:
    """Land conversations; what cannot be used goes to quarantine with its reason.

    Examples: touchstone ingest export.jsonl.gz; cat day.csv | touchstone ingest -;
    touchstone ingest files:default --from 2026-03-01 --to 2026-03-07
    """
    from touchstone import daily
    from touchstone.sources import files
    from touchstone.sources.config import find_source, load_sources

    _ready()
    configured = {f"{source.source}:{source.instance}" for source in load_sources()}
    if first or last:
        if not (first and last):
            raise ConfigurationError("a backfill needs both days", first or last, "Give --from and --to.")
        result = daily.backfill_source(target, first, last)
    elif target in configured:
        result = daily.ingest_source(find_source(target), as_of=daily.parse_as_of(as_of) if as_of else None)
    else:
        result = files.ingest(target, as_of=daily.parse_as_of(as_of) if as_of else None, instance=instance)
    print(
        f"{result.rows_in:,} rows in: {result.rows_inserted:,} new, {result.rows_updated:,} updated, "
        f"{result.rows_unchanged:,} unchanged, {result.rows_quarantined:,} quarantined"
        + (f"; as of {result.as_of:%Y-%m-%d %H:%M} UTC" if result.as_of else "")
    )


def _step_command(name: str, text: str):
    def command(as_of: AsOf = None) -> None:
        from touchstone.pipeline import STEPS

        _ready()
        moment = _as_of(as_of)
        result = STEPS[name](moment)
        print(
            f"{name}: done as of {moment:%Y-%m-%d %H:%M} UTC"
            + (f", {result:,} rows" if isinstance(result, int) else "")
        )

    command.__doc__ = text
    return command


for _name, _text in {
    "stage": "Note what changed and build the typed views.",
    "clean": "Find and redact personal data in the messages that changed.",
    "core": "Build core for the interactions that changed.",
    "review": "Take up reviews that wait, ask people for what is due, and measure agreement.",
    "facts": "Build facts for what changed.",
    "gaps": "Group the questions that failed into knowledge gaps, and apply what people decided about them.",
    "revenue": "Build the months of accounts, and work out what quality goes with in them where a month has changed.",
    "marts": "Build the marts, not yet visible to readers.",
    "publish": "Show readers what changed, in one transaction.",
}.items():
    app.command(_name)(_step_command(_name, f"{_text}\n\nExample: touchstone {_name} --as-of 2026-03-31"))


@app.command()
def score(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Conversation files or folders; without them the warehouse's score step.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Of files: folder of the Parquet files.", show_default=False)
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Of files: folder of a model; without one, rules alone.", show_default=False),
    ] = None,
    as_of: AsOf = None,
) -> None:
    """Score the interactions that have no score for their present content; or files, without any server.

    Examples: touchstone score --as-of 2026-03-31; touchstone score inbox/ --model models/satisfaction --out build/scores
    """
    if not files:
        if out or model:
            raise ConfigurationError("nothing to score for", str(out or model), "Name the conversation files first.")
        _step_command("score", "")(as_of)
        return
    if out is None:
        raise ConfigurationError("scores of files need a folder", str(files[0]), "Give --out.")
    if as_of:
        raise ConfigurationError("scores of files have no day", as_of, "Leave out --as-of.")
    learning_cli.score(files, out, model)


@app.command()
def explain(
    interaction: Annotated[str, typer.Argument(help="Its interaction_key, or its id in the source.")],
    subject: Annotated[
        str | None,
        typer.Option(
            "--subject", help="human_agent or ai_agent; without it every side that replied.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page to this file instead.", show_default=False)
    ] = None,
) -> None:
    """Explain a score: indicators, quotes, weights, the missed moments, what would have scored higher, the agent's record.

    Examples: touchstone explain 4711; touchstone explain 4711 --subject ai_agent --html build/4711.html
    """
    from touchstone.scoring.account import account
    from touchstone.statefiles import write_atomic

    if as_json and html:
        raise ConfigurationError("an account has one format", f"--json and --html {html}", "Leave out one of them.")
    _ready()
    found = account(interaction, subject)
    if html:
        write_atomic(html, found.as_html())
        print(html)
    elif as_json:
        print(json.dumps(found.as_data(), indent=2, ensure_ascii=False))
    else:
        print(found.as_text(), end="")


@app.command()
def validate(
    gate: Annotated[str, typer.Argument(help="gate_1, gate_2 or gate_3.")],
    as_of: AsOf = None,
) -> None:
    """Run one gate; exit code 3 when a blocking claim fails.

    Example: touchstone validate gate_1
    """
    from touchstone import pipeline

    if gate not in ("gate_1", "gate_2", "gate_3"):
        raise ConfigurationError("there is no such gate", gate, "Use gate_1, gate_2 or gate_3.")
    _ready()
    print(pipeline.validate(gate, _as_of(as_of)))


@app.command()
def report(
    name: Annotated[
        str, typer.Argument(help="overview, daily, weekly, monthly, executive, gaps, ai_week or ai_month.")
    ] = "overview",
) -> None:
    """Write a report of what is published, and say where it is; with the overview, the page of the gates.

    Examples: touchstone report daily; touchstone report executive
    """
    from touchstone.quality import page
    from touchstone.reports.written import REPORTS

    if name not in REPORTS:
        raise ConfigurationError("there is no such report", name, f"Use one of {', '.join(REPORTS)}.")
    _ready()
    print(REPORTS[name](None))
    if name == "overview":
        print(page.render())


@app.command()
def dictionary(
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write the page with every table and column to this file.", show_default=False),
    ] = None,
) -> None:
    """Write the metric dictionary from the registry of metrics: docs/metrics.md, or a page.

    Examples: touchstone dictionary; touchstone dictionary --html build/report/metrics.html
    """
    from touchstone.dbt import parse_project
    from touchstone.metrics import dictionary as metric_dictionary
    from touchstone.settings import get_settings

    _ready()
    project = parse_project()
    if html:
        print(metric_dictionary.write_page(project, html))
    else:
        print(metric_dictionary.write_markdown(project, get_settings().root / "docs" / "metrics.md"))


@app.command()
def schema() -> None:
    """Print the JSON Schema of the conversation file.

    Example: touchstone schema > conversation.schema.json
    """
    from touchstone.sources.schema import conversation_schema

    print(json.dumps(conversation_schema(), indent=2))


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One query.")],
    role: Annotated[str, typer.Option(help="bi, reviewer, loader or transformer.")] = "bi",
) -> None:
    """Print a query's rows as CSV, by default as the role that BI tools have.

    Example: touchstone sql "select * from marts.rpt_coverage_daily order by 1"
    """
    import psycopg

    from touchstone.exports import safe_cell
    from touchstone.warehouse.engine import connect

    if role not in ("bi", "reviewer", "loader", "transformer"):
        raise ConfigurationError("there is no such role", role, "Use bi, reviewer, loader or transformer.")
    _ready()
    with connect(role) as connection:
        try:
            cursor = connection.execute(query)
        except psycopg.Error as error:
            raise TouchstoneError("the query failed", None, str(error).strip()) from error
        if cursor.description is None:
            return
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow([column.name for column in cursor.description])
        writer.writerows([safe_cell(value) for value in row] for row in cursor)


@app.command()
def check(
    source: Annotated[str | None, typer.Argument(help="A configured SOURCE:INSTANCE that is read over HTTP.")] = None,
) -> None:
    """Check the installation, or what one source instance allows; one line each.

    Examples: touchstone check; touchstone check zendesk:default
    """
    from touchstone.checks import check_source, run_checks

    failed = 0
    for name, verdict, remedy in check_source(source) if source else run_checks():
        print(f"{'ok  ' if remedy is None else 'FAIL'} {name}: {verdict}" + (f" {remedy}" if remedy else ""))
        failed += remedy is not None
    if failed:
        raise typer.Exit(1)


for _command in (
    learning_cli.train,
    learning_cli.agreement,
    learning_cli.ambiguity,
    learning_cli.sample,
    pii_cli.redact,
    finance_cli.close,
    finance_cli.export_finance,
):
    app.command()(_command)
app.add_typer(learning_cli.model_app, name="model")
app.add_typer(bi_app, name="bi")
app.add_typer(pii_cli.app, name="pii")
app.add_typer(intents_cli.app, name="intents")
app.add_typer(judge_cli.app, name="judge")
app.add_typer(rubric_app, name="rubric")
app.add_typer(reviews_app, name="reviews")
app.add_typer(feedback_app, name="feedback")
app.add_typer(models_app, name="models")

sandbox_app = typer.Typer(help="The simulated company behind its vendors' APIs.", no_args_is_help=True)
app.add_typer(sandbox_app, name="sandbox")

Seed = Annotated[int, typer.Option(help="Another one gives another company.")]
PerDay = Annotated[float, typer.Option(help="Conversations a day, on average over a week.")]


@sandbox_app.command("serve")
def serve_sandbox(
    as_of: Annotated[str, typer.Option("--as-of", help="Where the virtual clock stands: the end of this day.")],
    seed: Seed = 7,
    per_day: PerDay = 50.0,
) -> None:
    """Serve the vendors' APIs on 127.0.0.1 until Ctrl-C; sources with {sandbox} in their base_url find them.

    Example: touchstone sandbox serve --as-of 2026-03-31
    """
    import time

    from touchstone.daily import parse_as_of
    from touchstone.sandbox.service import serving
    from touchstone.sources.sandbox import server_file

    _say("building the company")
    with serving(parse_as_of(as_of), seed=seed, conversations_per_day=per_day) as sandbox:
        for vendor in sandbox.options.vendors:
            print(f"{sandbox.url}/{vendor}")
        print(f"credentials in {server_file()}", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            _say("stopped")


@sandbox_app.command("truth")
def write_truth_file(
    path: Annotated[str, typer.Argument(help="Where the file goes, JSON Lines.")],
    days: Annotated[int, typer.Option(help="Days since the company's first.")] = 150,
    seed: Seed = 7,
    per_day: PerDay = 50.0,
) -> None:
    """Write what truly happened: intents, resolutions, quality by dimension, planted effects.

    Example: touchstone sandbox truth build/truth.jsonl --days 30
    """
    from pathlib import Path

    from touchstone.sandbox.company import build
    from touchstone.sandbox.truth import write_truth

    company = build(seed=seed, conversations_per_day=per_day, days=days)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_truth(company, target)
    print(f"{len(company.conversations):,} conversations, {len(company.effects)} planted effects: {target}")


@app.command()
def bench(only: Annotated[str | None, typer.Option(help="Name of one benchmark.")] = None) -> None:
    """Measure speed against named baselines; writes build/bench.json.

    Example: touchstone bench --only sentiment
    """
    from touchstone.bench.harness import run as run_benchmarks

    raise typer.Exit(run_benchmarks(only))


if __name__ == "__main__":
    main()

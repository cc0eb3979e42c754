"""Commands on files, without any server: train, score, agreement, sample, and the states of a model."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from touchstone.errors import ConfigurationError, TouchstoneError

Files = Annotated[list[Path], typer.Option("--conversations", "-c", help="Conversation files or folders.")]
ReviewFile = Annotated[Path, typer.Argument(help="Review rows: JSONL, CSV or Parquet, plain or gzip.")]
Seed = Annotated[int, typer.Option(help="Of every random choice; the same seed gives the same result.")]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _read(paths: list[Path]) -> list[Any]:
    from touchstone.learning.dialogues import Reading, read_dialogues

    reading = Reading()
    dialogues = list(read_dialogues(paths, reading))
    if reading.refused:
        first = reading.refused[0]
        _say(
            f"{len(reading.refused):,} of {reading.rows_in:,} conversation rows are refused; the first: {first.file} line "
            f"{first.line}: {first.reason}. {first.remedy}"
        )
    if not dialogues:
        raise TouchstoneError("no conversation can be used", None, "Check the files against `touchstone schema`.")
    return dialogues


def _reviews(paths: list[Path]) -> Any:
    from touchstone.learning.reviews import read_reviews

    found = read_reviews(paths)
    if found.refused:
        first = found.refused[0]
        _say(
            f"{len(found.refused):,} of {found.rows_in:,} review rows are refused; the first: {first.file} line {first.line}: "
            f"{first.reason}. {first.remedy}"
        )
    if not found.rows:
        raise TouchstoneError(
            "no review row can be used", None, "A row needs interaction_id, reviewer, dimension, value."
        )
    return found


def _write_refused(found: Any, folder: Path) -> None:
    """Refused review rows with their reasons, beside the report."""
    import orjson

    lines = [
        orjson.dumps(
            {"file": one.file, "line": one.line, "reason": one.reason, "remedy": one.remedy, "row": one.row},
            default=str,
        )
        for one in found.refused
    ]
    (folder / "refused_reviews.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))


def train(
    reviews: ReviewFile,
    conversations: Files,
    out: Annotated[Path, typer.Option("--out", help="Folder of the model.")],
    cut: Annotated[
        list[str] | None,
        typer.Option(
            "--cut", help="Lowest value of a tier: DIMENSION=VALUE[,VALUE]; the middle of the scale by default."
        ),
    ] = None,
    seed: Seed = 7,
) -> None:
    """Learn what reviewers say: a calibrated model in observation, with its report.

    Judge 200 to 300 conversations (or messages), 20 to 30 of them by two people. Conversations that nobody judged help, too:
    the vocabulary is learned from all.

    Example: touchstone train reviews.csv --conversations inbox/ --out models/satisfaction
    """
    from touchstone.learning import gate, report, store
    from touchstone.learning.model import train as learn

    found = _reviews([reviews])
    model = learn(found, _read(conversations), seed=seed, cuts=_cuts(cut or []), progress=_say)
    now = datetime.now().astimezone()
    model.observed_since = now
    model.history.append({"at": now.isoformat(), "from": None, "to": gate.OBSERVE, "by": "train", "reason": ""})
    store.save(model, out)
    page = report.render(model, out, now)
    _write_refused(found, out)
    for one in model.learned:
        figures = {row["name"]: row for row in one.report["human_machine"]}
        lead = figures.get("spearman") or figures["kappa"]
        value = "–" if lead["value"] is None else f"{lead['value']:.3f}"
        people = one.report["human_kappa"]
        print(
            f"{one.target.name} per {one.target.grain}: {lead['name']} {value} with people on unseen conversations, "
            f"n {one.report['items']:,}; kappa of people {'not known' if people is None else f'{people:.3f}'}, "
            f"calibration error {one.report['calibration_error']:.3f}, {one.report['needs_review_share']:.0%} to review"
        )
    for skipped in model.manifest["skipped"]:
        print(f"{skipped['dimension']} per {skipped['grain']}: not learned: {skipped['reason']}")
    print(f"{model.version} observes from now on; report: {page}")


def _cuts(stated: list[str]) -> dict[str, list[float]]:
    found = {}
    for one in stated:
        name, _, values = one.partition("=")
        try:
            found[name] = [float(value) for value in values.split(",")]
        except ValueError:
            raise ConfigurationError("a cut", one, "Write it as satisfaction=3 or overall=60,85.") from None
    return found


def score(files: list[Path], out: Path, model: Path | None) -> None:
    """Score conversation files: messages, indicators, dimensions, interactions and evidence as Parquet."""
    from touchstone.learning import store
    from touchstone.learning.files import score_files

    result = score_files(
        files, out, model=store.load(model) if model else None, progress=lambda count: _say(f"{count:,} conversations")
    )
    rows = ", ".join(f"{name} {count:,}" for name, count in result.rows.items())
    print(
        f"{result.conversations:,} conversations, {result.excluded:,} of them not judged by rules, "
        f"{result.needs_review:,} learned scores for review; rows: {rows}; in {result.folder}"
    )


def agreement(
    reviews: ReviewFile,
    scores: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of `touchstone score`, or a file with interaction_id, message_id, dimension, value."
        ),
    ] = None,
    conversations: Annotated[
        list[Path] | None,
        typer.Option("--conversations", "-c", help="For figures by segment (channel, topic, length)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    seed: Seed = 7,
) -> None:
    """How far people agree with each other, and scores with people; with bootstrap intervals by conversation.

    Examples: touchstone agreement reviews.csv; touchstone agreement reviews.csv build/scores
    """
    from touchstone.learning import comparison

    found = _reviews([reviews])
    dialogues = _read(conversations) if conversations else []
    table = comparison.compare(found.rows, comparison.read_scores(scores) if scores else None, dialogues, seed=seed)
    print(comparison.as_json(table) if as_json else comparison.as_text(table))


def ambiguity(
    reviews: ReviewFile,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    seed: Seed = 7,
) -> None:
    """The ambiguity test: which criteria two people read differently (kappa below 0.6 on 20 or more double-judged items).

    Example: touchstone ambiguity double_judged.csv
    """
    from dataclasses import asdict

    import orjson

    from touchstone.learning import gold

    tested = gold.ambiguity(_reviews([reviews]).rows, seed=seed)
    if as_json:
        print(orjson.dumps([asdict(one) for one in tested], option=orjson.OPT_INDENT_2).decode())
        return
    for one in tested:
        kappa = "–" if one.kappa is None else f"{one.kappa:.2f}"
        interval = "" if one.low is None else f" [{one.low:.2f}, {one.high:.2f}]"
        apart = (
            f"; furthest apart: {', '.join(one.examples[:3])}" if one.examples and one.verdict == "ambiguous" else ""
        )
        print(f"{one.dimension} per {one.grain}: {one.verdict}, kappa {kappa}{interval}, n {one.double_judged}{apart}")


def sample(
    files: Annotated[list[Path], typer.Argument(help="Conversation files or folders.")],
    out: Annotated[Path, typer.Option("--out", help="CSV of what to judge.")],
    size: Annotated[int, typer.Option(help="Conversations to judge.")] = 300,
    double: Annotated[int, typer.Option(help="How many of them two people judge.")] = 30,
    judged: Annotated[Path | None, typer.Option("--judged", help="Review rows that exist: not drawn again.")] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="Half of the places go to what this model finds low or unsure.")
    ] = None,
    seed: Seed = 7,
) -> None:
    """Draw a stratified gold set: channel, topic, who answers and length, rare kinds more often than their share.

    Without a model, half of the places go to conversations whose rules show trouble.

    Example: touchstone sample inbox/ --size 300 --out to_judge.csv
    """
    import csv

    from touchstone.exports import safe_cell
    from touchstone.learning import comparison, gold, store

    dialogues = _read(files)
    signals = comparison.signals(dialogues, store.load(model) if model else None)
    exclude = {row.interaction_id for row in _reviews([judged]).rows} if judged else set()
    picked = gold.sample(dialogues, size, double=double, exclude=exclude, signals=signals, seed=seed)
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["interaction_id", "stratum", "reason", "second_reviewer"])
        writer.writerows(
            [safe_cell(one.interaction_id), safe_cell(one.stratum), one.reason, one.is_double] for one in picked
        )
    shares = gold.balance(dialogues, {one.interaction_id for one in picked} | exclude)
    for share in shares:
        print(
            f"{share.kind} {share.stratum}: {share.judged:,} of {share.population:,} "
            f"({share.judged_share:.1%} of the sample, {share.population_share:.1%} of all)"
        )
    print(
        f"{len(picked):,} conversations to judge, {sum(one.is_double for one in picked):,} of them by two people: {out}"
    )


model_app = typer.Typer(help="States of a learned model: observe, active, retired.", no_args_is_help=True)
ModelFolder = Annotated[Path, typer.Argument(help="Folder of the model.")]
By = Annotated[str, typer.Option("--by", help="Who decides; kept in the model's history.")]


@model_app.command("show")
def show(model: ModelFolder) -> None:
    """State, gate and origin of a model; its report is written again.

    Example: touchstone model show models/satisfaction
    """
    from touchstone.learning import gate, report, store

    found = store.load(model)
    now = datetime.now().astimezone()
    print(f"{found.version}: {found.state}, observed since {found.observed_since}")
    for one in found.learned:
        for check in gate.checks(one.report, found.observed_since, now):
            state = "holds" if check.holds else "open "
            print(f"{state} {one.target.name} per {one.target.grain}: {check.name} {check.measured} ({check.needed})")
    print(report.render(found, model, now))


@model_app.command("activate")
def activate(model: ModelFolder, by: By) -> None:
    """Let the model's scores count; refused until the release gate holds for every dimension.

    Example: touchstone model activate models/satisfaction --by "QA lead"
    """
    _to("active", model, by, "")


@model_app.command("retire")
def retire(model: ModelFolder, by: By, reason: Annotated[str, typer.Option(help="Why.")] = "") -> None:
    """Take the model out of use, for good.

    Example: touchstone model retire models/satisfaction --by "QA lead" --reason "replaced"
    """
    _to("retired", model, by, reason)


def _to(state: str, model: Path, by: str, reason: str) -> None:
    from touchstone.learning import report, store

    found = store.set_state(model, state, by=by, reason=reason)
    report.render(found, model)
    print(f"{found.version} is {found.state}")

"""Commands on files, without any server: train, predict, discover, promote, and the check of a taxonomy; and those of the warehouse."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from touchstone.errors import ConfigurationError
from touchstone.intents import warehouse_cli

app = typer.Typer(help="What customers want: known intents, new ones, and groups of questions.", no_args_is_help=True)
Vectors = Annotated[
    str,
    typer.Option(
        help="transformer (6 to 10 ms per distinct question, better at new ones) or static (a few microseconds per word)."
    ),
]
Seed = Annotated[int, typer.Option(help="Of every random choice; the same seed gives the same result.")]
TaxonomyFile = Annotated[
    Path | None, typer.Option("--taxonomy", help="Labels that it does not know are refused.", show_default=False)
]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _quarantine(out: Path, found) -> None:
    from touchstone.intents.files import write_quarantine

    path = write_quarantine(out, found.refused)
    if path is not None:
        first = found.refused[0]
        _say(
            f"{len(found.refused):,} of {found.rows_in:,} rows are in quarantine, {path}; the first: line {first.line}: "
            f"{first.reason}. {first.remedy}"
        )


@app.command("train")
def train(
    labels: Annotated[
        Path, typer.Argument(help="CSV, JSONL or Parquet, plain or .gz: text, intent; optional language, channel.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the model.")],
    taxonomy: TaxonomyFile = None,
    vectors: Vectors = "transformer",
    false_novel: Annotated[float, typer.Option(help="Wished share of known questions that are taken for new.")] = 0.05,
    novel_label: Annotated[
        str | None,
        typer.Option(
            help="Label of questions of no intent: not learned, but missed ones are counted.", show_default=False
        ),
    ] = None,
    seed: Seed = 7,
) -> None:
    """Learn intents from labelled questions: a model and its report, with rows that cannot be used in quarantine.

    Example: touchstone intents train labels.csv --out models/intents
    """  # fmt: skip
    from touchstone.intents import files, model, report
    from touchstone.intents.taxonomy import load_taxonomy

    found = files.read_labels(labels)
    version = None
    if taxonomy is not None:
        held = load_taxonomy(taxonomy)
        version = held.full_version
        unknown = held.unknown({row.intent for row in found.rows} - {novel_label})
        if unknown:
            raise ConfigurationError(
                "labels that the taxonomy does not know",
                ", ".join(unknown[:10]),
                f"Add them to {taxonomy}, or relabel.",
            )
    learned = model.train(
        found,
        vectors=vectors,
        false_novel=false_novel,
        novel_label=novel_label,
        seed=seed,
        taxonomy_version=version,
        progress=_say,
    )
    model.save(learned, out)
    _quarantine(out, found)
    page = report.render(learned, out)
    figures, novelty = learned.report, learned.report["novelty"]
    print(
        f"{len(found.rows):,} of {found.rows_in:,} rows used ({found.duplicates:,} duplicates, {found.conflicts:,} with "
        f"conflicting labels), {len(learned.intents):,} intents"
    )
    accuracy = figures["accuracy"]
    print(
        f"accuracy on unseen questions {accuracy['value']:.3f} [{accuracy['low']:.3f}, {accuracy['high']:.3f}], "
        f"calibration error {figures['calibration']['expected_calibration_error']:.3f}"
    )
    print(
        f"new above {novelty['threshold']:.3f}: {novelty['false_novel_rate']['value']:.1%} of known questions, "
        f"{novelty['miss_rate_of_left_out_intents']['value']:.1%} of questions of left-out intents missed"
    )
    print(f"{learned.version}; report: {page}")


@app.command("predict")
def predict(
    texts: Annotated[
        Path, typer.Argument(help="CSV, JSONL or Parquet with text and optional id, plain or .gz; or .txt.")
    ],
    model: Annotated[Path, typer.Option("--model", help="Folder of the model.")],
    out: Annotated[Path, typer.Option("--out", help="File: .parquet, .csv or .jsonl, plain or .gz.")],
) -> None:
    """Intent, confidence and novelty of every question.

    Example: touchstone intents predict questions.csv --model models/intents --out build/intents.parquet
    """
    from touchstone.intents import files
    from touchstone.intents.model import PREDICTION_COLUMNS, load

    files.require_format(out)
    learned = load(model)
    found = files.read_questions(texts)
    frame = learned.predict([row.text for row in found.rows], progress=_say)
    columns = {"id": [row.id for row in found.rows], "line": [row.line for row in found.rows]}
    columns |= {name: frame[name].tolist() for name in PREDICTION_COLUMNS}
    files.write_rows(out, columns)
    _quarantine(out, found)
    new = int(frame["is_novel"].sum())
    print(
        f"{found.rows_in:,} rows in: {len(found.rows):,} judged, {new:,} of them new, {len(found.refused):,} in quarantine: {out}"
    )


@app.command("discover")
def discover(
    texts: Annotated[
        Path, typer.Argument(help="CSV, JSONL or Parquet with text and optional id, plain or .gz; or .txt.")
    ],
    out: Annotated[Path, typer.Option("--out", help="File: .parquet, .csv or .jsonl, plain or .gz.")],
    previous: Annotated[
        Path | None,
        typer.Option(
            "--previous",
            help="An earlier output: its clusters keep their ids, only these questions are read.",
            show_default=False,
        ),
    ] = None,
    regroup: Annotated[
        bool,
        typer.Option("--regroup", help="With --previous: group all of TEXTS anew; clusters that stay keep their ids."),
    ] = False,
    taxonomy_out: Annotated[
        Path | None, typer.Option("--taxonomy-out", help="Write a draft of a taxonomy for review.", show_default=False)
    ] = None,
    vectors: Vectors = "transformer",
    seed: Seed = 7,
) -> None:
    """Group questions without labels; how many groups there are follows from the questions.

    Examples: touchstone intents discover questions.csv --out build/clusters.parquet --taxonomy-out taxonomy.yml;
    touchstone intents discover today.csv --previous build/clusters.parquet --out build/today.parquet
    """  # fmt: skip
    from touchstone.intents import discover as discovery
    from touchstone.intents import files
    from touchstone.intents.taxonomy import write_draft

    if regroup and previous is None:
        raise ConfigurationError("nothing to group anew", "--regroup", "Give --previous.")
    files.require_format(out)
    found = files.read_questions(texts)
    held = discovery.load_state(previous) if previous is not None else None
    if regroup and held is not None and previous is not None:
        had = discovery.clusters_of(previous)
        done = discovery.regrouped(found, texts.name, held, had, seed=seed, progress=_say)
    else:
        done = discovery.discover(found, texts.name, previous=held, vectors=vectors, seed=seed, progress=_say)
    files.write_rows(out, done.columns)
    discovery.save_state(done.state, out)
    _quarantine(out, found)
    sizes = done.state.groups.sizes
    order = sorted(range(len(done.state.ids)), key=lambda at: (-int(sizes[at]), at))
    if taxonomy_out is not None:
        write_draft(taxonomy_out, [(done.state.ids[at], done.state.names[at], int(sizes[at])) for at in order])
        print(f"draft for review: {taxonomy_out}")
    fresh = frozenset(done.new)
    for at in [one for one in order if one in fresh][:20]:
        print(f"{done.state.ids[at]} {int(sizes[at]):,} questions: {done.state.names[at]}")
    print(
        f"{found.rows_in:,} rows in: {len(found.rows):,} grouped or waiting, {len(found.refused):,} in quarantine; "
        f"{len(done.state.ids):,} clusters, {len(done.new):,} of them new, {len(done.state.waiting):,} questions wait: {out}"
    )


@app.command("promote")
def promote(
    cluster: Annotated[str, typer.Argument(help="Id of the cluster.")],
    taxonomy: Annotated[Path, typer.Option("--taxonomy", help="The taxonomy that gets the intent.")],
    clusters: Annotated[Path, typer.Option("--clusters", help="Output of `discover` that holds the cluster.")],
    identity: Annotated[str, typer.Option("--id", help="Id of the intent.")],
    name: Annotated[str, typer.Option("--name", help="What people call it.")],
    topic: Annotated[str, typer.Option("--topic", help="The group that it is reported under.")],
    description: Annotated[str, typer.Option("--description", help="What the customer wants, in a sentence.")],
    owner: Annotated[str, typer.Option("--owner", help="The team that answers for it.")],
    by: Annotated[str, typer.Option("--by", help="Who decides; kept in the taxonomy.")],
    on: Annotated[
        str | None, typer.Option("--on", help="Day of the decision; today by default.", show_default=False)
    ] = None,
    high_risk: Annotated[str | None, typer.Option("--high-risk", help="Category of risk.", show_default=False)] = None,
    target_action: Annotated[
        str | None, typer.Option("--target-action", help="Event that shows success.", show_default=False)
    ] = None,
    entity: Annotated[
        list[str] | None,
        typer.Option("--entity", help="Type of an expected entity; may be repeated.", show_default=False),
    ] = None,
    texts: Annotated[
        Path | None, typer.Option("--texts", help="The file that was grouped; with --labels-out.", show_default=False)
    ] = None,
    labels_out: Annotated[
        Path | None,
        typer.Option("--labels-out", help="Write the cluster's questions as labelled rows.", show_default=False),
    ] = None,
) -> None:
    """Make a cluster an intent: an entry in the taxonomy, and its questions as labels for the next training.

    Example: touchstone intents promote c00012 --taxonomy taxonomy.yml --clusters build/clusters.parquet --id virtual_card
    --name "Virtual card" --topic cards --description "Wants a virtual card." --owner cards --by "QA lead"
    """  # fmt: skip
    from touchstone.intents import files
    from touchstone.intents.discover import clusters_of
    from touchstone.intents.taxonomy import promote as add

    if (texts is None) != (labels_out is None):
        raise ConfigurationError(
            "labels need the questions", str(labels_out or texts), "Give --texts and --labels-out."
        )
    members = {one for one, held in clusters_of(clusters).items() if held == cluster}
    if not members:
        raise ConfigurationError("no question has this cluster", cluster, f"Use an id of {clusters}.")
    try:
        day = date.fromisoformat(on) if on else datetime.now(UTC).date()
    except ValueError:
        raise ConfigurationError("the day of the decision", on, "Write it as 2026-03-31.") from None
    given = {
        "id": identity,
        "name": name,
        "topic": topic,
        "description": description,
        "owner_team": owner,
        "high_risk": high_risk,
        "target_action": target_action,
        "expected_entities": list(entity or ()),
        "status": "active",
        "cluster": cluster,
        "promoted_at": day,
        "promoted_by": by,
    }
    rows = []
    if texts is not None:
        rows = [row for row in files.read_questions(texts).rows if row.id in members]
        if not rows:
            raise ConfigurationError("no question of the cluster is in this file", str(texts), "Give the grouped file.")
    held = add(taxonomy, {key: value for key, value in given.items() if value not in (None, [])})
    print(f"{identity} is active in {taxonomy}, version {held.full_version}; {len(members):,} questions of {cluster}")
    if labels_out is not None:
        files.write_rows(labels_out, {"text": [row.text for row in rows], "intent": [identity] * len(rows)})
        print(f"{len(rows):,} labelled rows for the next training: {labels_out}")


@app.command("taxonomy")
def taxonomy(path: Annotated[Path, typer.Argument(help="The taxonomy, YAML.")]) -> None:
    """Check a taxonomy; a fault is named with its line.

    Example: touchstone intents taxonomy taxonomy.yml
    """
    from collections import Counter

    from touchstone.intents.taxonomy import load_taxonomy

    found = load_taxonomy(path)
    counts = Counter(one.status for one in found.intents)
    print(
        f"{path}: {len(found.intents):,} intents ({', '.join(f'{n:,} {status}' for status, n in sorted(counts.items()))}), "
        f"version {found.full_version}"
    )


for _name, _command in warehouse_cli.COMMANDS.items():
    app.command(_name)(_command)

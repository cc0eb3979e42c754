"""`touchstone redact` and `touchstone pii`: personal data found in files, and the tagger fitted on a company's own labels."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from touchstone.errors import EXIT_FAILED

app = typer.Typer(help="Personal data: the tagger that finds it.", no_args_is_help=True)

_MOST_SHOWN = 20


def redact(
    files: Annotated[list[Path], typer.Argument(help="Conversation files or folders: JSONL, CSV, Parquet, also gzip.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the redacted copies.")],
    model: Annotated[
        Path | None, typer.Option("--model", help="A tagger made by `pii train`.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON.")] = False,
) -> None:
    """Write copies of conversation files in which personal data is replaced by placeholders such as [EMAIL].

    Example: touchstone redact conversations.jsonl --out redacted
    """
    from touchstone.text.pii.files import redact_files
    from touchstone.text.pii.tagger import load_tagger

    summary = redact_files(files, out, load_tagger(model) if model else None)
    if as_json:
        print(
            json.dumps(
                {
                    "files": summary.files,
                    "messages": summary.messages,
                    "messages_redacted": summary.redacted,
                    "types": dict(summary.types.most_common()),
                    "refused": len(summary.refused),
                }
            )
        )
    else:
        print(f"{summary.files} files, {summary.messages} messages, {summary.redacted} of them with personal data")
        for kind, count in summary.types.most_common():
            print(f"  {kind:<16} {count}")
    for line in summary.refused[:_MOST_SHOWN]:
        print(f"left out: {line}", file=sys.stderr)
    if summary.refused:
        print(f"{len(summary.refused)} records could not be read and are not in the copies", file=sys.stderr)
        raise typer.Exit(EXIT_FAILED)


@app.command()
def train(
    labels: Annotated[Path, typer.Argument(help="JSONL: conversations whose messages state their personal data.")],
    out: Annotated[Path, typer.Option("--out", help="File of the tagger.")],
) -> None:
    """Fit the tagger on a company's own labelled conversations, beside the generated text of the one that ships.

    A line: {"messages": [{"actor": "customer", "text": "im kim", "pii": [{"type": "name", "start": 3, "end": 6}]}]}

    Example: touchstone pii train labels.jsonl --out tagger.json
    """
    from touchstone.text.pii.training import generated, labelled, read_labels, train, written

    own = list(labelled(read_labels(labels)))
    out.write_text(written(train(generated(), own)), encoding="utf-8")
    print(f"{out}: fitted on {len(own)} labelled messages")

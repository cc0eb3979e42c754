"""The report of a training, for the people who label: one page of text that opens anywhere, and the same figures as JSON."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson

from touchstone.intents.files import write_bytes
from touchstone.intents.model import Model

PAGE, DOCUMENT = "report.md", "report.json"
MOST_INTENTS = 500


def render(model: Model, folder: str | Path) -> Path:
    """Write `report.md` and `report.json` into a folder; the path of the page is returned."""
    folder = Path(folder)
    document = {"version": model.version, "manifest": model.manifest, **model.report}
    write_bytes(
        folder / DOCUMENT, orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY) + b"\n"
    )
    write_bytes(folder / PAGE, text(model).encode())
    return folder / PAGE


def text(model: Model) -> str:
    """The page, Markdown."""
    found, data, options = model.report, model.manifest["data"], model.manifest["options"]
    novelty, labels, calibration = found["novelty"], found["labels"], found["calibration"]
    parts = [
        f"# Intents: {model.version}\n",
        f"{data['rows_in']:,} rows in = {data['rows_used']:,} used + {data['rows_quarantined']:,} in quarantine; "
        f"{data['rows_fitted']:,} learned from, {data['intents']:,} intents, {options['vectors']} vectors. Data {data['hash'][:12]}.\n",
        f"Figures are of questions that the model had not seen ({found['folds']} folds); intervals are Wilson's, 95 %.\n",
        "## How often it is right\n",
        _table(
            ("figure", "value"),
            [
                ("accuracy", _share(found["accuracy"])),
                ("mean recall of the intents", f"{found['macro_recall']:.3f}"),
                ("expected calibration error of the confidence", f"{calibration['expected_calibration_error']:.3f}"),
                ("Brier score", f"{calibration['brier']:.3f}"),
            ],
        ),
        "## New questions\n",
        _table(("figure", "value"), list(_novelty_rows(novelty))),
        "A question counts as new above the threshold, which is set so that the wished share of known questions lies above it. The "
        "miss rate of left-out intents is what a model that had never seen an intent would have missed of it: intents that are near "
        "others are missed most.\n",
        "## What is taken for what\n",
        _table(
            ("intent", "said", "n", "of"),
            [(one["intent"], one["said"], f"{one['n']:,}", f"{one['of']:,}") for one in found["confusions"]],
        ),
        "## Training data\n",
        _table(
            ("figure", "value"),
            [
                ("suitable rows", _share(labels["suitable"])),
                ("duplicates", f"{labels['duplicates']:,}"),
                ("rows with conflicting labels", f"{labels['conflicting_labels']:,}"),
                ("other unusable rows", f"{labels['unusable']:,}"),
                ("diversity over intent x language x channel (normalised entropy)", f"{labels['diversity']:.3f}"),
                *(
                    (f"diversity of {name}", f"{one['entropy']:.3f} over {one['values']:,} values")
                    for name, one in labels["diversity_of"].items()
                ),
                ("fewest examples", ", ".join(f"{name} ({n})" for name, n in labels["fewest_examples"])),
            ],
        ),
        "## By intent\n",
        _table(
            ("intent", "recall", "precision", "found new if it were unknown"),
            [
                (one["intent"], _share(one["recall"]), _share(one["precision"]), _share(one["found_new_without_it"]))
                for one in sorted(found["by_intent"], key=lambda one: one["recall"]["value"] or 0)[:MOST_INTENTS]
            ],
        ),
        "## Stated and realised confidence\n",
        _table(
            ("stated", "realised", "n"),
            [(f"{one['stated']:.3f}", f"{one['realised']:.3f}", f"{one['n']:,}") for one in calibration["reliability"]],
        ),
    ]
    return "\n".join(parts)


def _novelty_rows(novelty: dict[str, Any]) -> Iterable[tuple[str, str]]:
    yield "threshold, in standard deviations of known questions", f"{novelty['threshold']:.3f}"
    yield "wished false-novel rate", f"{novelty['wished_false_novel_rate']:.3f}"
    yield "false-novel rate", _share(novelty["false_novel_rate"])
    yield "miss rate of left-out intents", _share(novelty["miss_rate_of_left_out_intents"])
    yield "AUROC of left-out intents", f"{novelty['auroc_of_left_out_intents']:.3f}"
    if "miss_rate_of_labelled" in novelty:
        yield "miss rate of questions labelled as new", _share(novelty["miss_rate_of_labelled"])
        yield "AUROC of questions labelled as new", f"{novelty['auroc_of_labelled']:.3f}"


def _share(one: dict[str, Any]) -> str:
    if one["value"] is None:
        return "– (n 0)"
    return f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}], {one['hits']:,} of {one['n']:,}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return "none\n"
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    lines += [f"| {' | '.join(_cell(value) for value in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: str) -> str:
    """Names of intents are other people's text: no markup, no column of their own."""
    return html.escape(value, quote=False).replace("|", "\\|").replace("[", "\\[").replace("`", "\\`")

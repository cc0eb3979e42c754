"""People's judgements beside each other and beside scores, whoever made those."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from touchstone.errors import SourceError
from touchstone.learning import agreement, gold
from touchstone.learning.agreement import Figure
from touchstone.learning.design import score_by_rules
from touchstone.learning.dialogues import Dialogue
from touchstone.learning.model import Model
from touchstone.learning.reviews import OVERALL, Item, Review, by_item
from touchstone.rubric import load_rubric

LEAST_SEGMENT = 30
_LEVELS = {"none": 0.0, "monitor": 0.3, "supervisor": 0.7, "escalate": 1.0}

Scores = dict[tuple[str, str | None, str], tuple[Any, Any]]
TRAINING = "training"
"""Stands for a score of an item that the model learned from: it proves nothing and is left out."""


def read_scores(path: str | Path) -> dict[str, Scores]:
    """Scores by evaluator: (interaction, message or None, dimension) -> (value, level or None).

    A folder is one of `touchstone score`; a file (CSV, JSONL, Parquet) has interaction_id, dimension and value or label, and
    may have message_id, level, evaluator_version. Scores of rules on a scale of 0 to 100 are taken to the reviewers' scale.

    Raises:
        SourceError: The path holds no scores.
    """
    path = Path(path)
    if path.is_dir():
        parts = [path / f"{name}.parquet" for name in ("messages", "dimensions", "interactions")]
        if not all(part.is_file() for part in parts):
            raise SourceError("a folder without scores", str(path), "Make them with `touchstone score`.")
        frames = [pd.read_parquet(part) for part in parts]
        frames[2]["dimension"] = OVERALL
    elif path.is_file():
        frames = [_table(path)]
    else:
        raise SourceError("there is no such file", str(path), "Give the folder or file of scores.")
    found: dict[str, Scores] = defaultdict(dict)
    for frame in frames:
        for name in ("interaction_id", "dimension"):
            if name not in frame:
                raise SourceError(
                    f"the scores lack the column {name}", str(path), "Give interaction_id, dimension, value."
                )
        for row in frame.to_dict("records"):
            label, value, percent = (_stated(row.get(name)) for name in ("label", "value", "score"))
            evaluator = str(_stated(row.get("evaluator_version")) or path.name)
            message_id = _stated(row.get("message_id"))
            key = (str(row["interaction_id"]), None if message_id is None else str(message_id), str(row["dimension"]))
            if _stated(row.get("is_training")):
                found[evaluator][key] = (TRAINING, TRAINING)
            elif label is not None:
                found[evaluator][key] = (str(label), None)
            elif value is not None:
                found[evaluator][key] = (float(value), _stated(row.get("level")))
            elif percent is not None:
                found[evaluator][key] = (("share", float(percent) / 100), None)
    return dict(found)


def _table(path: Path) -> pd.DataFrame:
    if path.name.endswith((".parquet",)):
        return pd.read_parquet(path)
    if path.name.endswith((".csv", ".csv.gz")):
        return pd.read_csv(path, dtype={"interaction_id": str, "message_id": str})
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        return pd.read_json(path, lines=True, dtype={"interaction_id": str, "message_id": str})
    raise SourceError("a file of an unknown format", str(path), "Use .parquet, .csv or .jsonl.")


def _stated(value: Any) -> Any:
    return None if value is None or value != value or value == "" else value


def compare(
    rows: Iterable[Review],
    scores: dict[str, Scores] | None,
    dialogues: Sequence[Dialogue] = (),
    *,
    seed: int = 7,
    resamples: int = agreement.RESAMPLES,
) -> list[dict[str, Any]]:
    """One entry per dimension, grain and pair (people with people, or people with one evaluator), and per segment of it.

    Segments (channel, topic, length, who answers) need conversations; those with fewer than 30 items are left out.
    """
    parts: dict[tuple[str, str], list[Review]] = defaultdict(list)
    for row in rows:
        parts[row.name, "interaction" if row.message_id is None else "message"].append(row)
    about = {one.interaction_id: kinds for one, kinds in zip(dialogues, gold.strata(dialogues), strict=True)}
    found: list[dict[str, Any]] = []
    for (name, grain), judged in sorted(parts.items()):
        entry = {"dimension": name, "grain": grain, "segment": "all"}
        for segment, some in [("all", judged), *_segments(judged, about)]:
            people = agreement.between_people(some, seed=seed, resamples=resamples if segment == "all" else 0)
            if any(one.n for one in people):
                found.append(
                    entry | {"segment": segment, "between": "people", "figures": [asdict(one) for one in people]}
                )
            for evaluator, table in sorted((scores or {}).items()):
                figures, left_out = _with(some, table, name, seed, resamples if segment == "all" else 0)
                if figures or (left_out and segment == "all"):
                    stated = [asdict(one) for one in figures]
                    pair = {"segment": segment, "between": f"people and {evaluator}", "figures": stated}
                    found.append(entry | pair | {"left_out": left_out})
    return found


def _segments(judged: list[Review], about: dict[str, dict[str, str]]) -> list[tuple[str, list[Review]]]:
    found: dict[str, list[Review]] = defaultdict(list)
    for row in judged:
        for kind in ("channel", "topic", "length", "handled_by"):
            if row.interaction_id in about:
                found[f"{kind} {about[row.interaction_id][kind]}"].append(row)
    return [
        (name, some)
        for name, some in sorted(found.items())
        if LEAST_SEGMENT <= len(by_item(some)) < len(by_item(judged))
    ]


def _with(judged: list[Review], table: Scores, name: str, seed: int, resamples: int) -> tuple[list[Figure], int]:
    """Figures of people with one evaluator, and the number of items left out because it learned from them."""
    items: dict[Item, list[Review]] = by_item(judged)
    groups, people, machine, stated = [], [], [], []
    first = judged[0]
    words = isinstance(first.value, str)
    left_out = 0
    for item, votes in sorted(items.items(), key=lambda one: (one[0][0], one[0][1] or "")):
        said = table.get((*item, name))
        if said is not None and said[1] == TRAINING:
            left_out += 1
            continue
        if said is None or isinstance(said[0], str) != words:
            continue
        groups.append(item[0])
        values = [row.value for row in votes]
        if words:
            people.append(max(sorted(set(map(str, values))), key=values.count))
            machine.append(said[0])
            continue
        value = said[0]
        if isinstance(value, tuple):
            value = first.scale_min + value[1] * (first.scale_max - first.scale_min)  # type: ignore[operator]
        people.append(float(np.mean([float(one) for one in values])))
        machine.append(float(value))
        stated.append(float(said[1]) if said[1] is not None else float(value))
    if len(groups) < 3:
        return [], left_out
    if words:
        return agreement.with_machine(groups, people, machine, seed=seed, resamples=resamples), left_out
    span = first.scale_max - first.scale_min  # type: ignore[operator]
    levels = sorted({float(row.value) for row in judged})
    figures = agreement.with_machine(
        groups, people, machine, stated=stated, span=span, steps=levels, seed=seed, resamples=resamples
    )
    return figures, left_out


def signals(dialogues: Sequence[Dialogue], model: Model | None) -> dict[str, float]:
    """Interaction -> how much it deserves a look: by a model what is likely low or unsure, else what rules find troubled."""
    found: dict[str, float] = {}
    if model is not None:
        told = model.predict(dialogues)
        trouble = told["probability_low"].fillna(0).to_numpy() + (1 - told["confidence"].to_numpy())
        for key, value in zip(told["interaction_id"], trouble.tolist(), strict=True):
            found[key] = max(found.get(key, 0.0), value)
        return found
    frames = score_by_rules(dialogues, load_rubric())
    if frames is not None:
        for key, level in zip(
            frames.trajectories["interaction_key"], frames.trajectories["sentiment_level"], strict=True
        ):
            found[key] = _LEVELS[level]
        for key, total in zip(
            frames.interaction_scores["interaction_key"], frames.interaction_scores["total_score"], strict=True
        ):
            if total is not None:
                found[key] = found.get(key, 0.0) + (100 - total) / 100
    return found


def as_json(table: list[dict[str, Any]]) -> str:
    return orjson.dumps(table, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY).decode()


def as_text(table: list[dict[str, Any]]) -> str:
    """One line per figure."""
    lines = []
    for entry in table:
        lines.append(f"{entry['dimension']} per {entry['grain']}, {entry['segment']}: {entry['between']}")
        if entry.get("left_out"):
            lines.append(f"  {entry['left_out']:,} items left out: the model learned from them (see its report)")
        for one in entry["figures"]:
            value = "–" if one["value"] is None else f"{one['value']:.3f}"
            interval = "" if one["low"] is None else f"  [{one['low']:.3f}, {one['high']:.3f}]"
            lines.append(f"  {one['name']:<24}{value:>8}{interval}  n {one['n']:,}")
    return "\n".join(lines)

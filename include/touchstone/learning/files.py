"""Scores of conversation files as Parquet, in memory that does not grow with them.

One file per grain: messages, indicators, dimensions, interactions, evidence, and what was refused. The rule scorer is the
warehouse's; a model's calibrated values, confidence and version stand beside it, labelled by evaluator_type and
evaluator_version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from touchstone.errors import ConfigurationError
from touchstone.learning import gate
from touchstone.learning.design import message_key, score_by_rules
from touchstone.learning.dialogues import Dialogue, Reading, RefusedRecord, read_dialogues
from touchstone.learning.model import Model
from touchstone.learning.reviews import OVERALL
from touchstone.rubric import load_rubric
from touchstone.rubric.model import Rubric
from touchstone.scoring.scorer import ScoreFrames, scorer_version

BATCH_MESSAGES = 10_000
RULE = "rule"
_TIME = pa.timestamp("us", tz="UTC")
_EVALUATED = [
    pa.field("evaluator_type", pa.string(), nullable=False),
    pa.field("evaluator_version", pa.string(), nullable=False),
]
_MODEL = [
    ("value", pa.float64()),
    ("score", pa.float64()),
    ("level", pa.float64()),
    ("label", pa.string()),
    ("tier", pa.string()),
    ("probability_low", pa.float64()),
    ("probabilities", pa.string()),
    ("confidence", pa.float64()),
    ("needs_review", pa.bool_()),
    ("review_reason", pa.string()),
    ("is_training", pa.bool_()),
]
SCHEMAS: dict[str, pa.Schema] = {
    # one row per message, dimension and evaluator
    "messages": pa.schema(
        [
            ("interaction_id", pa.string()),
            ("message_id", pa.string()),
            ("actor", pa.string()),
            ("sent_at", _TIME),
            ("dimension", pa.string()),
            *_MODEL,
            ("markers", pa.string()),
            *_EVALUATED,
            ("model_state", pa.string()),
        ]
    ),
    # one row per interaction, side and indicator
    "indicators": pa.schema(
        [
            ("interaction_id", pa.string()),
            ("subject", pa.string()),
            ("dimension", pa.string()),
            ("indicator", pa.string()),
            ("indicator_version", pa.string()),
            ("outcome", pa.string()),
            ("confidence", pa.float64()),
            *_EVALUATED,
        ]
    ),
    # one row per interaction, side and dimension; of a dimension outside the rubric, subject is null
    "dimensions": pa.schema(
        [
            ("interaction_id", pa.string()),
            ("subject", pa.string()),
            ("dimension", pa.string()),
            ("raw_score", pa.float64()),
            ("applicable_indicator_count", pa.int64()),
            *_MODEL,
            ("rubric_version", pa.string()),
            *_EVALUATED,
            ("model_state", pa.string()),
        ]
    ),
    # one row per interaction and side
    "interactions": pa.schema(
        [
            ("interaction_id", pa.string()),
            ("started_at", _TIME),
            ("subject", pa.string()),
            ("channel", pa.string()),
            ("raw_score", pa.float64()),
            ("is_critical_failure", pa.bool_()),
            ("rated_dimension_count", pa.int64()),
            ("trajectory_class", pa.string()),
            ("sentiment_level", pa.string()),
            ("level_rule", pa.string()),
            ("start_polarity", pa.float64()),
            ("end_polarity", pa.float64()),
            *_MODEL,
            ("excluded_reason", pa.string()),
            ("rubric_version", pa.string()),
            ("input_hash", pa.string()),
            *_EVALUATED,
            ("model_state", pa.string()),
        ]
    ),
    # one row per quote
    "evidence": pa.schema(
        [
            ("interaction_id", pa.string()),
            ("subject", pa.string()),
            ("indicator", pa.string()),
            ("ordinal", pa.int64()),
            ("message_id", pa.string()),
            ("start_offset", pa.int64()),
            ("end_offset", pa.int64()),
            ("quote", pa.string()),
            *_EVALUATED,
        ]
    ),
    # one row per record that stays out
    "refused": pa.schema(
        [
            ("file", pa.string()),
            ("line", pa.int64()),
            ("record_id", pa.string()),
            ("reason", pa.string()),
            ("remedy", pa.string()),
        ]
    ),
}


@dataclass
class ScoredFiles:
    """What a run did: rows by grain, and rows read = rows used + rows refused."""

    folder: Path
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SCHEMAS, 0))
    conversations: int = 0
    excluded: int = 0
    needs_review: int = 0
    reading: Reading = field(default_factory=Reading)


def score_files(
    paths: Iterable[str | Path],
    out: str | Path,
    *,
    model: Model | None = None,
    rubric: Rubric | None = None,
    now: datetime | None = None,
    progress: Callable[[int], None] | None = None,
) -> ScoredFiles:
    """Score conversation files.

    Args:
        paths: Files and folders.
        out: Folder for the Parquet files; those that stand there are replaced.
        model: Adds calibrated values and confidence; without one, rules alone score.
        rubric: An approved rubric; the shipped one by default.
        progress: Called with the number of conversations done.

    Raises:
        ConfigurationError: The rubric is not approved, the model is retired, or it reads other indicators.
        SourceError: A path cannot be read.
    """
    rubric = rubric or load_rubric()
    rubric.require_approved()
    if model is not None and model.state == gate.RETIRED:
        raise ConfigurationError("the model is retired", model.version, "Use an active or observing one.")
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError("the place of the scores is a file", str(folder), "Give a folder as --out.")
    folder.mkdir(parents=True, exist_ok=True)
    result = ScoredFiles(folder)
    with ExitStack() as stack:
        holding = {name: folder / f".{name}.parquet.new" for name in SCHEMAS}
        writers = {
            name: stack.enter_context(parquet.ParquetWriter(holding[name], schema, compression="zstd"))
            for name, schema in SCHEMAS.items()
        }
        written = 0
        for batch in batches(read_dialogues(paths, result.reading, now=now)):
            for name, columns in _scored(batch, rubric, model, result).items():
                table = pa.table({part: columns.get(part, []) for part in SCHEMAS[name].names}, schema=SCHEMAS[name])
                writers[name].write_table(table)
                result.rows[name] += table.num_rows
            result.conversations += len(batch)
            written = _write_refused(writers["refused"], result, written)
            if progress:
                progress(result.conversations)
        _write_refused(writers["refused"], result, written)
    for name, path in holding.items():
        path.replace(folder / f"{name}.parquet")
    return result


def _write_refused(writer: parquet.ParquetWriter, result: ScoredFiles, written: int) -> int:
    new: list[RefusedRecord] = result.reading.refused[written:]
    if new:
        writer.write_table(pa.Table.from_pylist([asdict(one) for one in new], schema=SCHEMAS["refused"]))
        result.rows["refused"] += len(new)
    return written + len(new)


def batches(dialogues: Iterable[Dialogue]) -> Iterator[list[Dialogue]]:
    """Conversations in batches of about `BATCH_MESSAGES` messages."""
    batch: list[Dialogue] = []
    size = 0
    for one in dialogues:
        batch.append(one)
        size += len(one.messages)
        if size >= BATCH_MESSAGES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


Columns = dict[str, list[Any]]


def _scored(batch: Sequence[Dialogue], rubric: Rubric, model: Model | None, result: ScoredFiles) -> dict[str, Columns]:
    frames = score_by_rules(batch, rubric)
    found: dict[str, Columns] = {}
    predicted = model.predict(batch, rubric, frames) if model is not None else None
    told = _Told(predicted, model)
    by_id = {one.interaction_id: one for one in batch}
    found["messages"] = _messages(by_id, frames, told)
    judged: set[str] = set()
    if frames is not None:
        judged = set(frames.interaction_scores["interaction_key"])
        dimension_of = {one.id: one.dimension for one in rubric.indicators}
        found["indicators"] = _indicators(frames, dimension_of)
        found["evidence"] = _evidence(by_id, frames)
    found["dimensions"] = _dimensions(frames, told, rubric)
    found["interactions"] = _interactions(batch, frames, told, rubric, judged)
    result.excluded += len(batch) - len(judged)
    result.needs_review += told.needs_review
    return found


class _Told:
    """Predictions of a batch by what they are about."""

    def __init__(self, predicted: pd.DataFrame | None, model: Model | None) -> None:
        self.version = model.version if model else None
        self.state = model.state if model else None
        self.of_messages: list[dict[str, Any]] = []
        self.of_wholes: dict[tuple[str, str], dict[str, Any]] = {}
        self.needs_review = 0
        if predicted is None or predicted.empty:
            return
        classes = [name for name in predicted.columns if name.startswith("probability_") and name != "probability_low"]
        for row in predicted.to_dict("records"):
            stated = {name.removeprefix("probability_"): row[name] for name in classes if row[name] == row[name]}
            kept = {name: _plain(row[name]) for name, _ in _MODEL if name != "probabilities"}
            kept["probabilities"] = orjson.dumps(stated).decode() if stated else None
            self.needs_review += bool(row["needs_review"])
            if row["message_id"] is None or row["message_id"] != row["message_id"]:
                self.of_wholes[row["interaction_id"], row["dimension"]] = kept
            else:
                kept |= {name: row[name] for name in ("interaction_id", "message_id", "dimension")}
                self.of_messages.append(kept)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return None if value is None or value != value else value


def _columns(names: Iterable[str]) -> Columns:
    return {name: [] for name in names}


def _put(columns: Columns, values: dict[str, Any]) -> None:
    for name, column in columns.items():
        column.append(values.get(name))


def _messages(by_id: dict[str, Dialogue], frames: ScoreFrames | None, told: _Told) -> Columns:
    columns = _columns(SCHEMAS["messages"].names)
    about = {
        message_key(one.interaction_id, message.message_id): (one.interaction_id, message)
        for one in by_id.values()
        for message in one.messages
    }
    if frames is not None:
        table = frames.message_scores
        names = ("message_key", "polarity", "subjectivity", "markers", "evaluator_type", "evaluator_version")
        for key, polarity, subjectivity, markers, *evaluator in zip(*(table[name] for name in names), strict=True):
            interaction_id, message = about[key]
            shared = {
                "interaction_id": interaction_id,
                "message_id": message.message_id,
                "actor": message.actor,
                "sent_at": message.sent_at,
                **dict(zip(("evaluator_type", "evaluator_version"), evaluator, strict=True)),
            }
            marked = orjson.dumps(markers).decode() if markers else None
            _put(columns, shared | {"dimension": "polarity", "value": polarity, "markers": marked})
            _put(columns, shared | {"dimension": "subjectivity", "value": subjectivity})
    for row in told.of_messages:
        _, message = about[message_key(row["interaction_id"], row["message_id"])]
        _put(
            columns,
            row
            | {
                "actor": message.actor,
                "sent_at": message.sent_at,
                "evaluator_type": "model",
                "evaluator_version": told.version,
                "model_state": told.state,
            },
        )
    return columns


def _indicators(frames: ScoreFrames, dimension_of: dict[str, str]) -> Columns:
    table = frames.indicator_scores
    names = table["indicator_id"].tolist()
    return {
        "interaction_id": table["interaction_key"].tolist(),
        "subject": table["subject"].tolist(),
        "dimension": [dimension_of.get(name) for name in names],
        "indicator": names,
        "indicator_version": table["indicator_version"].tolist(),
        "outcome": table["outcome"].tolist(),
        "confidence": table["confidence"].tolist(),
        "evaluator_type": table["evaluator_type"].tolist(),
        "evaluator_version": table["evaluator_version"].tolist(),
    }


def _evidence(by_id: dict[str, Dialogue], frames: ScoreFrames) -> Columns:
    texts = {
        message_key(one.interaction_id, message.message_id): message.text
        for one in by_id.values()
        for message in one.messages
    }
    columns = _columns(SCHEMAS["evidence"].names)
    judged = frames.indicator_scores
    identity = ("interaction_key", "subject", "indicator_id")
    evaluators = dict(
        zip(
            zip(*(judged[name] for name in identity), strict=True),
            zip(judged["evaluator_type"], judged["evaluator_version"], strict=True),
            strict=True,
        )
    )
    names = (
        "interaction_key",
        "subject",
        "indicator_id",
        "evidence_ordinal",
        "message_key",
        "start_offset",
        "end_offset",
    )
    for key, subject, indicator, ordinal, message, start, end in zip(
        *(frames.evidence[name] for name in names), strict=True
    ):
        evaluator_type, evaluator_version = evaluators[key, subject, indicator]
        _put(
            columns,
            {
                "interaction_id": key,
                "subject": subject,
                "indicator": indicator,
                "ordinal": ordinal,
                "message_id": message.partition("\x1f")[2],
                "start_offset": start,
                "end_offset": end,
                "quote": texts[message][start:end],
                "evaluator_type": evaluator_type,
                "evaluator_version": evaluator_version,
            },
        )
    return columns


def _dimensions(frames: ScoreFrames | None, told: _Told, rubric: Rubric) -> Columns:
    columns = _columns(SCHEMAS["dimensions"].names)
    model = {"evaluator_type": "model", "evaluator_version": told.version, "model_state": told.state}
    known = {one.id for one in rubric.dimensions}
    judged: set[str] = set()
    if frames is not None:
        table = frames.dimension_scores
        names = (
            "interaction_key",
            "subject",
            "dimension_id",
            "raw_score",
            "tier",
            "applicable_indicator_count",
            "evaluator_type",
            "evaluator_version",
        )
        for key, subject, dimension, raw, tier, count, kind, version in zip(
            *(table[name] for name in names), strict=True
        ):
            judged.add(key)
            shared = {
                "interaction_id": key,
                "subject": subject,
                "dimension": dimension,
                "raw_score": raw,
                "applicable_indicator_count": count,
                "rubric_version": rubric.full_version,
            }
            calibrated = told.of_wholes.get((key, dimension))
            if calibrated is None:
                rule = {"tier": tier, "score": raw, "evaluator_type": kind, "evaluator_version": version}
                _put(columns, shared | rule)
            else:
                _put(columns, shared | calibrated | model)
    for (key, dimension), row in told.of_wholes.items():
        if dimension != OVERALL and (dimension not in known or key not in judged):
            _put(columns, {"interaction_id": key, "dimension": dimension} | row | model)
    return columns


def _interactions(
    batch: Sequence[Dialogue], frames: ScoreFrames | None, told: _Told, rubric: Rubric, judged: set[str]
) -> Columns:
    columns = _columns(SCHEMAS["interactions"].names)
    rated: dict[str, list[dict[str, Any]]] = {}
    moved: dict[str, dict[str, Any]] = {}
    if frames is not None:
        for row in frames.interaction_scores.to_dict("records"):
            rated.setdefault(row["interaction_key"], []).append(row)
        moved = {row["interaction_key"]: row for row in frames.trajectories.to_dict("records")}
    for one in batch:
        key = one.interaction_id
        calibrated = told.of_wholes.get((key, OVERALL))
        path = moved.get(key, {})
        shared = {
            "interaction_id": key,
            "started_at": one.started_at,
            "channel": one.channel,
            "rubric_version": rubric.full_version,
            "input_hash": one.input_hash,
            "excluded_reason": None if key in judged else _reason(one, rubric),
            "evaluator_type": RULE,
            "evaluator_version": scorer_version(rubric),
        }
        shared |= {name: path.get(name) for name in ("trajectory_class", "sentiment_level", "level_rule")}
        shared |= {name: path.get(name) for name in ("start_polarity", "end_polarity")}
        if calibrated is not None:
            model = {"evaluator_type": "model", "evaluator_version": told.version, "model_state": told.state}
            shared |= calibrated | model
        for row in rated.get(key, [{}]):
            total = row.get("total_score")
            values = {
                "subject": row.get("subject"),
                "raw_score": total,
                "is_critical_failure": row.get("is_critical_failure"),
                "rated_dimension_count": row.get("rated_dimension_count"),
            }
            rule = {} if calibrated is not None else {"score": total, "tier": row.get("tier")}
            _put(columns, shared | values | rule)
    return columns


def _reason(one: Dialogue, rubric: Rubric) -> str:
    sides = {message.side for message in one.messages if not message.is_internal}
    if "customer" not in sides:
        return "no_customer_message"
    if "agent" not in sides:
        return "no_reply"
    return "language_unsupported" if not rubric.supports(one.language) else "not_judged"

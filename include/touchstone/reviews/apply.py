"""Models score: the active one, and those in observation, every eligible interaction that they have not scored as it is now.

Rows go to `scores.model_scores`, apart from the rules', and say in which state the model was. Each batch is one transaction;
what is missing is found by looking, so a killed run is continued by the next. A model that cannot be used under the present
rubric is retired with the reason, and the rules score on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from math import isnan
from typing import TYPE_CHECKING, Any

import psycopg

from touchstone.errors import ConfigurationError
from touchstone.reviews.conversations import SUBJECTS, Side, dialogues_of, side_of
from touchstone.scoring.rows import copy_new_rows
from touchstone.warehouse import changes

if TYPE_CHECKING:
    from touchstone.learning.model import Model

BATCH_INTERACTIONS = 500
_COLUMNS = (
    "interaction_started_at",
    "interaction_key",
    "input_hash",
    "subject",
    "message_key",
    "model_id",
    "dimension_id",
    "score",
    "level",
    "label",
    "tier",
    "probability_low",
    "confidence",
    "state",
    "scored_as_of",
    "scored_at",
)
_MISSING = """
    select interactions.interaction_key, interactions.started_at, interactions.input_hash,
        interactions.human_message_count, interactions.ai_message_count
    from core.interactions as interactions
    where interactions.is_eligible
        and (%(everything)s or interactions.interaction_key in (
            select changes.interaction_key from ops.interaction_changes as changes
            where changes.change_id > coalesce((select change_id from ops.watermarks where step = 'score'), 0)
        ))
        and not exists (
            select from scores.model_scores as scored
            where scored.interaction_started_at = interactions.started_at
                and scored.interaction_key = interactions.interaction_key
                and scored.input_hash = interactions.input_hash and scored.model_id = %(model)s
        )
    order by interactions.started_at, interactions.interaction_key
    """


def apply_models(
    connection: psycopg.Connection, as_of: datetime, run_id: int, progress: Callable[[int, int], None] | None = None
) -> dict[str, int]:
    """Score what is missing; commits batch by batch. Runs before the score step moves its watermark.

    Returns:
        Interactions scored by model.
    """
    models = connection.execute(
        """
        select model_id, state, is_complete from scores.model_registry
        where state in ('active', 'observe') order by state, trained_as_of, model_id
        """
    ).fetchall()
    done: dict[str, int] = {}
    for model_id, state, is_complete in models:
        missing = connection.execute(_MISSING, {"model": model_id, "everything": not is_complete}).fetchall()
        done[model_id] = len(missing)
        if missing and not _apply(connection, model_id, state, missing, as_of, run_id, progress):
            continue
        connection.execute(
            "update scores.model_registry set is_complete = true where model_id = %s and not is_complete", [model_id]
        )
        connection.commit()
    return done


def _apply(
    connection: psycopg.Connection,
    model_id: str,
    state: str,
    missing: list[tuple[Any, ...]],
    as_of: datetime,
    run_id: int,
    progress: Callable[[int, int], None] | None,
) -> bool:
    # what models are made of is slow to import, and most warehouses have none yet
    from touchstone.reviews.models import load_model, set_aside

    try:
        model = load_model(connection, model_id)
        for first in range(0, len(missing), BATCH_INTERACTIONS):
            batch = missing[first : first + BATCH_INTERACTIONS]
            _score(connection, model, state, batch, as_of, run_id)
            connection.commit()
            if progress:
                progress(first + len(batch), len(missing))
    except ConfigurationError as error:
        connection.rollback()
        set_aside(connection, model_id, state, as_of, str(error))
        connection.commit()
        return False
    return True


def _score(
    connection: psycopg.Connection,
    model: Model,
    state: str,
    batch: Sequence[tuple[Any, ...]],
    as_of: datetime,
    run_id: int,
) -> None:
    content = {key: (started_at, input_hash) for key, started_at, input_hash, _, _ in batch}
    sides: list[Side] = [
        (key, subject) for key, _, _, *counts in batch for subject, count in zip(SUBJECTS, counts, strict=True) if count
    ]
    dialogues = dialogues_of(connection, sides)
    predicted = model.predict(dialogues)
    scales = {one.target.name: one.target.scale for one in model.learned}
    stamp = (state, as_of, datetime.now(UTC))
    rows = []
    names = (
        "interaction_id",
        "message_id",
        "dimension",
        "score",
        "level",
        "label",
        "tier",
        "probability_low",
        "confidence",
    )
    for name, message, dimension, score, level, label, tier, low, confidence in zip(
        *(predicted[column].tolist() for column in names), strict=True
    ):
        key, subject = side_of(name)
        scale = scales[dimension]
        rows.append(
            (
                content[key][0],
                key,
                content[key][1],
                subject,
                message if isinstance(message, str) else "",
                model.version,
                dimension,
                _number(score),
                None if scale is None or isnan(level) else 100 * (float(level) - scale[0]) / (scale[1] - scale[0]),
                label if isinstance(label, str) else None,
                tier if isinstance(tier, str) else None,
                _number(low),
                _number(confidence),
                *stamp,
            )
        )
    changes.ensure_months(connection, "scores.model_scores", (row[0] for row in rows))
    copy_new_rows(connection, "scores", "model_scores", _COLUMNS, rows)
    if state == "active":
        changes.announce(connection, content, run_id)


def _number(value: float) -> float | None:
    """What is not scored, such as a language that the model has not learned, is null."""
    return None if isnan(value) else float(value)

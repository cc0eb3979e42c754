"""Which scorers exist and which one readers see. Older versions keep their rows."""

from __future__ import annotations

import psycopg
from psycopg.types.json import Jsonb

from touchstone.rubric.model import Rubric
from touchstone.scoring.scorer import CALIBRATOR_VERSION, scorer_version
from touchstone.text.sentiment import SENTIMENT_VERSION


def register(connection: psycopg.Connection, rubric: Rubric) -> str:
    """Describe an approved rubric and its scorer in `scores.*`, inactive until it has scored everything.

    Every version is described once; registering it again changes nothing.

    Args:
        connection: Open transaction of the transformer.

    Returns:
        The scorer's version.

    Raises:
        ConfigurationError: The rubric is not approved.
    """
    rubric.require_approved()
    version = scorer_version(rubric)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            insert into scores.scorer_registry
                (scorer_version, rubric_id, rubric_version, sentiment_version, calibrator_version, is_active)
            values (%s, %s, %s, %s, %s, false) on conflict do nothing
            """,
            [version, rubric.id, rubric.full_version, SENTIMENT_VERSION, CALIBRATOR_VERSION],
        )
        cursor.executemany(
            """
            insert into scores.rubric_dimensions (rubric_version, dimension_id, ordinal, title, weight, definition)
            values (%s, %s, %s, %s, %s, %s) on conflict do nothing
            """,
            [
                (rubric.full_version, one.id, one.ordinal, one.title, one.weight, Jsonb(one.definition))
                for one in rubric.dimensions
            ],
        )
        cursor.executemany(
            """
            insert into scores.rubric_indicators (rubric_version, indicator_id, indicator_version, dimension_id, title, weight,
                is_critical, subjects, evaluator_type, definition)
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
            """,
            [
                (
                    rubric.full_version,
                    one.id,
                    one.version,
                    one.dimension,
                    one.title,
                    one.weight,
                    one.critical,
                    list(one.subjects),
                    one.evaluator,
                    Jsonb(one.definition),
                )
                for one in rubric.indicators
            ],
        )
    return version


def is_active(connection: psycopg.Connection, version: str) -> bool:
    """Whether readers see this version."""
    row = connection.execute(
        "select is_active from scores.scorer_registry where scorer_version = %s", [version]
    ).fetchone()
    return bool(row and row[0])


def activate(connection: psycopg.Connection, version: str) -> None:
    """Let readers see this version and no other, when the transaction commits."""
    connection.execute(
        "update scores.scorer_registry set is_active = false where is_active and scorer_version <> %s", [version]
    )
    connection.execute("update scores.scorer_registry set is_active = true where scorer_version = %s", [version])

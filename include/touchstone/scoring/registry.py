"""Which scorers exist and which one readers see. Older versions keep their rows."""

from __future__ import annotations

import psycopg
from psycopg.types.json import Jsonb

from touchstone.rubric.model import Rubric
from touchstone.scoring.scorer import CALIBRATOR_VERSION, reading_version, scorer_version
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
    approval = {"approved_by": rubric.approved_by, "approved_at": rubric.approved_at.isoformat()}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            insert into scores.scorer_registry
                (scorer_version, rubric_id, rubric_version, sentiment_version, calibrator_version, reading_version, is_active)
            values (%s, %s, %s, %s, %s, %s, false) on conflict do nothing
            """,
            [
                version,
                rubric.id,
                rubric.full_version,
                SENTIMENT_VERSION,
                CALIBRATOR_VERSION,
                reading_version(rubric),
            ],
        )
        cursor.executemany(
            """
            insert into scores.rubric_dimensions
                (rubric_version, dimension_id, ordinal, title, weight, definition, weight_periods)
            values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing
            """,
            [
                (
                    rubric.full_version,
                    one.id,
                    one.ordinal,
                    one.title,
                    one.weight,
                    Jsonb(one.definition | approval),
                    Jsonb(_periods(rubric, one.id)),
                )
                for one in rubric.dimensions
            ],
        )
        cursor.executemany(
            """
            insert into scores.rubric_facets (rubric_version, facet_id, subject, title, indicator_ids)
            values (%s, %s, %s, %s, %s) on conflict do nothing
            """,
            [(rubric.full_version, one.id, one.subject, one.title, list(one.indicators)) for one in rubric.facets],
        )
        cursor.executemany(
            """
            insert into scores.rubric_profiles (rubric_version, profile_id, title, goal, weights, applies)
            values (%s, %s, %s, %s, %s, %s) on conflict do nothing
            """,
            [
                (
                    rubric.full_version,
                    one.id,
                    one.title,
                    one.goal,
                    Jsonb(dict(one.weights)),
                    Jsonb(vars(one.applies)) if one.applies else None,
                )
                for one in rubric.profiles
            ],
        )
        cursor.executemany(
            """
            insert into scores.rubric_indicators (rubric_version, indicator_id, indicator_version, dimension_id, title, weight,
                is_critical, subjects, evaluator_type, is_template, definition)
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
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
                    one.is_template,
                    Jsonb(one.definition),
                )
                for one in rubric.indicators
            ],
        )
    return version


def _periods(rubric: Rubric, dimension: str) -> list[dict[str, object]]:
    """When a dimension had which weight."""
    return [
        {
            "valid_from": period.valid_from.isoformat(),
            "valid_to": period.valid_to.isoformat() if period.valid_to else None,
            "weight": period.weights[dimension],
        }
        for period in rubric.weight_periods
    ]


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

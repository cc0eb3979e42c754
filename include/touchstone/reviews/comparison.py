"""Judgements of people beside those of machines, about the same content of the same side of the same interaction.

Values are shares of their scale times 100, so that scales of 1 to 5 and of 0 to 100 can stand side by side. A model is never
compared on interactions that it has learned from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import psycopg

RULE, MODEL = "rule", "model"


@dataclass(frozen=True, slots=True)
class Pair:
    """One judgement of a person, and what a machine says of the same.

    Attributes:
        person, machine: 0 to 100; None where words are compared.
        level: The level of the people's scale that the machine states, 0 to 100; None where it states none.
        label, machine_label: Words; None on a scale.
        state: Of the model now; None of the rules.
        message_key: None where the whole conversation was judged.
        reviewed_at: When the person judged, at the latest the end of the ledger day on which the review was taken up.
    """

    evaluator_type: str
    evaluator_version: str
    state: str | None
    interaction_key: str
    subject: str
    message_key: str | None
    dimension_id: str
    reviewer: str
    person: float | None
    machine: float | None
    level: float | None
    label: str | None
    machine_label: str | None
    channel: str | None
    topic: str | None
    team: str | None
    reviewed_at: datetime


_PRESENT = """
    reviews as (
        select reviews.*, reviews.dimension_id || coalesce('.' || reviews.indicator_id, '') as name
        from feedback.human_reviews as reviews
        where reviews.superseded_by is null and reviews.judged_at <= %(as_of)s
    )
    """

_MODELS = f"""
    with {_PRESENT}
    select 'model', scored.model_id, registry.state, reviews.interaction_key, reviews.subject,
        reviews.message_key, reviews.name, reviews.reviewer, reviews.score, scored.score, scored.level, reviews.label,
        scored.label, interactions.channel, interactions.topic, interactions.team, reviews.judged_at
    from reviews
    inner join scores.model_scores as scored
        on scored.interaction_started_at = reviews.interaction_started_at and scored.interaction_key = reviews.interaction_key
        and scored.input_hash = reviews.input_hash and scored.subject = reviews.subject
        and scored.message_key = coalesce(reviews.message_key, '') and scored.dimension_id = reviews.name
    inner join scores.model_registry as registry
        on scored.model_id = registry.model_id and registry.state <> 'retired'
        and (%(model)s::text is null or registry.model_id = %(model)s)
    left join core.interactions as interactions on reviews.interaction_key = interactions.interaction_key
    where (reviews.score is null) = (scored.score is null)
        and not exists (
            select from scores.model_training as training
            where training.model_id = scored.model_id and training.interaction_key = scored.interaction_key
                and training.subject = scored.subject
        )
    order by scored.model_id, reviews.name, reviews.interaction_key, reviews.subject, reviews.message_key, reviews.reviewer,
        reviews.judged_at
    """  # noqa: S608 - constants

_RULES = f"""
    with {_PRESENT},
    judged as (
        select dimensions.interaction_started_at, dimensions.interaction_key, dimensions.input_hash, dimensions.subject,
            dimensions.dimension_id, dimensions.raw_score as score, registry.scorer_version
        from staging.stg_scores__dimension_scores as dimensions
        inner join scores.scorer_registry as registry on registry.is_active
        where dimensions.interaction_key in (select interaction_key from reviews)
        union all
        select interaction_started_at, interaction_key, input_hash, subject, 'overall', total_score, scorer_version
        from staging.stg_scores__interaction_scores
        where interaction_key in (select interaction_key from reviews)
    )
    select 'rule', judged.scorer_version, null, reviews.interaction_key, reviews.subject,
        reviews.message_key, reviews.name, reviews.reviewer, reviews.score, judged.score, null, null, null,
        interactions.channel, interactions.topic, interactions.team, reviews.judged_at
    from reviews
    inner join judged
        on judged.interaction_started_at = reviews.interaction_started_at and judged.interaction_key = reviews.interaction_key
        and judged.input_hash = reviews.input_hash and judged.subject = reviews.subject
        and judged.dimension_id = reviews.name
    left join core.interactions as interactions on reviews.interaction_key = interactions.interaction_key
    where reviews.message_key is null and reviews.score is not null and judged.score is not null
    order by reviews.name, reviews.interaction_key, reviews.subject, reviews.reviewer, reviews.judged_at
    """  # noqa: S608 - constants


def machine_pairs(
    connection: psycopg.Connection, as_of: datetime, *, model_id: str | None = None, rules: bool = False
) -> list[Pair]:
    """Judgements up to `as_of` beside those of models, in the order of their keys.

    Args:
        model_id: Of this model only; None: of every model that is not retired.
        rules: Those of the active rule scorer too.
    """
    values = {"as_of": as_of, "model": model_id}
    found = [Pair(*row) for row in connection.execute(_MODELS, values)]
    if rules:
        found += [Pair(*row) for row in connection.execute(_RULES, values)]
    return found


def latest(pairs: Iterable[Pair]) -> list[Pair]:
    """The last judgement of each reviewer on each item, so that nobody counts twice."""
    found: dict[tuple[str | None, ...], Pair] = {}
    for one in pairs:
        item = (one.interaction_key, one.subject, one.message_key, one.dimension_id)
        key = (one.evaluator_version, *item, one.reviewer)
        if key not in found or one.reviewed_at >= found[key].reviewed_at:
            found[key] = one
    return list(found.values())


def on_levels(pairs: Sequence[Pair]) -> tuple[list[float], list[float]]:
    """Both sides on the levels that people use: words as numbers, values of the machine as the level that it states or that is
    nearest."""
    if pairs and pairs[0].label is not None:
        names = sorted({name for one in pairs for name in (one.label, one.machine_label) if name is not None})
        code = {name: float(at) for at, name in enumerate(names)}
        return [code[one.label or ""] for one in pairs], [code.get(one.machine_label or "", -1.0) for one in pairs]
    person = np.array([one.person for one in pairs], dtype=float)
    levels = np.unique(person)
    machine = np.array([one.machine if one.level is None else one.level for one in pairs], dtype=float)
    nearest = levels[np.abs(machine[:, None] - levels[None, :]).argmin(axis=1)] if len(levels) else machine
    return person.tolist(), nearest.tolist()

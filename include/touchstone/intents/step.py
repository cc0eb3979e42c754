"""The step `intents` of the daily cycle: what customers ask for, by the company's active model of intents.

What is missing is found by looking: an eligible interaction is missing when `scores.intents` has no row of its present content
and the active model. A question that the model has read under another content of its interaction is not read again. Each batch is
one transaction; new questions are grouped, and decisions applied, in a last one. So a killed run leaves whole batches, and the
next run does the rest. Without an active model nothing is read, and the ledger says so.

Comparisons of runs leave out `scored_at`, the one column that holds the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg

from touchstone.errors import ConfigurationError, WarehouseError
from touchstone.scoring.rows import copy_new_rows
from touchstone.settings import Settings, get_settings
from touchstone.warehouse import changes, ledger
from touchstone.warehouse.engine import connect

if TYPE_CHECKING:
    from touchstone.intents.model import Model

STEP = "intents"
_SAID = ("intent", "second_intent", "confidence", "novelty", "novelty_percentile", "is_novel")
_COLUMNS = (
    "interaction_started_at",
    "interaction_key",
    "input_hash",
    "model_version",
    "message_key",
    "question_hash",
    *_SAID,
    "is_abstained",
    "scored_as_of",
    "scored_at",
)
_ABSTAINED = (None,) * len(_SAID)


@dataclass(frozen=True)
class IntentStep:
    """What a run did.

    Attributes:
        model_version: The active model; None: there is none.
        interactions: Rows written.
        read: Questions that the model had to read for them.
        new_questions: Questions that are grouped, or wait, since this run.
        clusters: All clusters of new questions.
    """

    model_version: str | None
    interactions: int
    read: int
    new_questions: int
    clusters: int


def intents(
    as_of: datetime,
    settings: Settings | None = None,
    batch_interactions: int = 1_000,
    progress: Callable[[int, int], None] | None = None,
) -> IntentStep:
    """Read what is missing. The caller holds the pipeline lock.

    Args:
        as_of: End of the ledger day, UTC.
        batch_interactions: Most interactions of one transaction.
        progress: Called after each batch with (interactions done, interactions to do).

    Raises:
        WarehouseError: Core has not been built.
    """
    parameters = (settings or get_settings()).parameters
    with (
        ledger.step(STEP, as_of=as_of, settings=settings) as run,
        connect("transformer", settings=settings, application_name="touchstone intents") as connection,
    ):
        newest = _core_watermark(connection)
        model, reason = _active_model(connection, as_of)
        total = read = 0
        everything = False
        if model is not None:
            everything = not _is_complete(connection, model.version)
            total = _find_missing(connection, model.version, newest, everything=everything)
            connection.commit()
            run.rows_in, run.versions["model"] = total, model.version
            for first, last in _batches(total, batch_interactions):
                read += _read(connection, model, first, last, as_of, run.run_id, parameters["intent_least_words"])
                connection.commit()
                run.rows_out = last
                if progress:
                    progress(last, total)
        else:
            run.detail["nothing_read"] = reason
        _announce_labels(connection, run.run_id)
        if model is not None and everything:
            _announce_all(connection, model.version, run.run_id)
            connection.execute(
                "update scores.intent_models set is_complete = true where model_version = %s", [model.version]
            )
        new = clusters = 0
        if model is not None or _has_clusters(connection):
            from touchstone.intents import novel

            grouped = novel.group(connection, model, as_of, run.run_id, parameters, everything=everything)
            new, clusters = grouped.new, grouped.clusters
            run.detail |= {"questions_read": read} | grouped.detail()
        _move_watermark(connection, newest, run.run_id, as_of)
        connection.commit()
        return IntentStep(model.version if model else None, total, read, new, clusters)


def _active_model(connection: psycopg.Connection, as_of: datetime) -> tuple[Model | None, str]:
    """The active model; else why there is none. One that this version cannot use is retired with the reason."""
    held = connection.execute("select model_version from scores.intent_models where state = 'active'").fetchone()
    if held is None:
        return None, "no model of intents is active: see `touchstone intents register` and `activate`"
    # what models are made of is slow to import, and most warehouses have none yet
    from touchstone.intents import registry

    try:
        return registry.load_model(connection, held[0]), ""
    except ConfigurationError as error:
        registry.set_aside(connection, held[0], as_of, str(error))
        connection.commit()
        return None, f"the active model {held[0]} was retired: {error}"


def _is_complete(connection: psycopg.Connection, version: str) -> bool:
    return connection.execute(
        "select is_complete from scores.intent_models where model_version = %s", [version]
    ).fetchone()[0]


def _has_clusters(connection: psycopg.Connection) -> bool:
    return connection.execute("select exists (select from derived.novel_groups)").fetchone()[0]


def _core_watermark(connection: psycopg.Connection) -> int:
    row = connection.execute("select change_id from ops.watermarks where step = 'core'").fetchone()
    if row is None:
        raise WarehouseError(
            "core has not been built", None, "Run the core step first, or the whole cycle: `touchstone run`."
        )
    return row[0]


def _find_missing(connection: psycopg.Connection, version: str, newest: int, *, everything: bool) -> int:
    """Number the interactions to read in a temporary table, oldest first."""
    connection.execute(
        """
        create temporary table intent_queue (
            place bigint primary key, interaction_key text not null, started_at timestamptz not null, input_hash text not null
        )
        """
    )
    connection.execute(
        """
        insert into intent_queue
        select row_number() over (order by interactions.started_at, interactions.interaction_key),
            interactions.interaction_key, interactions.started_at, interactions.input_hash
        from core.interactions as interactions
        where interactions.is_eligible
            and not exists (
                select from scores.intents as scored
                where scored.interaction_started_at = interactions.started_at
                    and scored.interaction_key = interactions.interaction_key
                    and scored.input_hash = interactions.input_hash
                    and scored.model_version = %(version)s
            )
            and (%(everything)s or interactions.interaction_key in (
                select changes.interaction_key from ops.interaction_changes as changes
                where changes.change_id > coalesce((select change_id from ops.watermarks where step = %(step)s), 0)
                    and changes.change_id <= %(newest)s and changes.reason <> 'scored'
            ))
        """,
        {"version": version, "step": STEP, "newest": newest, "everything": everything},
    )
    connection.execute("analyze intent_queue")
    return connection.execute("select count(*) from intent_queue").fetchone()[0]


def _batches(total: int, size: int) -> Iterator[tuple[int, int]]:
    for first in range(1, total + 1, size):
        yield first, min(first + size - 1, total)


def _read(
    connection: psycopg.Connection, model: Model, first: int, last: int, as_of: datetime, run_id: int, least_words: int
) -> int:
    """Write the rows of a batch; returns how many questions were read."""
    from touchstone.intents.questions import Opening, openings

    queue = connection.execute(
        "select interaction_key, started_at, input_hash from intent_queue where place between %s and %s order by place",
        [first, last],
    ).fetchall()
    asked = openings(connection, [row[:2] for row in queue], least_words)
    known = _read_before(connection, model.version, queue)
    wanted = {one.digest: one.text for key, one in asked.items() if one.is_readable and (key, one.digest) not in known}
    said = dict(zip(wanted, _predicted(model, list(wanted.values())), strict=True))
    stamp = (as_of, datetime.now(UTC))
    rows = []
    for key, started_at, input_hash in queue:
        one = asked.get(key, Opening("", ""))
        found = known.get((key, one.digest)) or said.get(one.digest) or _ABSTAINED
        rows.append(
            (
                started_at,
                key,
                input_hash,
                model.version,
                one.message_key,
                one.digest,
                *found,
                found is _ABSTAINED,
                *stamp,
            )
        )
    changes.ensure_months(connection, "scores.intents", (row[0] for row in rows))
    copy_new_rows(connection, "scores", "intents", _COLUMNS, rows)
    changes.announce(connection, (row[1] for row in rows), run_id)
    return len(wanted)


def _read_before(
    connection: psycopg.Connection, version: str, queue: list[tuple[Any, ...]]
) -> dict[tuple[str, str], tuple[Any, ...]]:
    """What this model said of the same question of the same interaction, while that had another content."""
    moments = [row[1] for row in queue]
    return {
        (row[0], row[1]): tuple(row[2:])
        for row in connection.execute(
            f"""
            select interaction_key, question_hash, {", ".join(_SAID)} from scores.intents
            where interaction_started_at between %s and %s and interaction_key = any(%s) and model_version = %s
                and not is_abstained
            """,  # noqa: S608 - names of columns
            [min(moments), max(moments), [row[0] for row in queue], version],
        )
    }


def _predicted(model: Model, texts: list[str]) -> Iterator[tuple[Any, ...]]:
    if not texts:
        return iter(())
    frame = model.predict(texts)
    return zip(*(frame[name].tolist() for name in _SAID), strict=True)


def _announce_all(connection: psycopg.Connection, version: str, run_id: int) -> None:
    """Readers are about to see another model: what it read before this run has changed for them too."""
    connection.execute(
        """
        insert into ops.interaction_changes (interaction_key, reason, run_id)
        select interactions.interaction_key, 'scored', %(run)s
        from core.interactions as interactions
        where interactions.is_eligible
            and interactions.interaction_key not in (select interaction_key from intent_queue)
            and exists (
                select from scores.intents as scored
                where scored.interaction_started_at = interactions.started_at
                    and scored.interaction_key = interactions.interaction_key
                    and scored.input_hash = interactions.input_hash
                    and scored.model_version = %(version)s
            )
        order by interactions.interaction_key
        """,
        {"run": run_id, "version": version},
    )


def _announce_labels(connection: psycopg.Connection, run_id: int) -> None:
    """Interactions that people have labelled since the last run have another true intent."""
    connection.execute(
        """
        insert into ops.interaction_changes (interaction_key, reason, run_id)
        select distinct records.interaction_key, 'scored', %(run)s::bigint
        from feedback.records
        where records.kind = 'intent_labels'
            and records.run_id > coalesce((select run_id from ops.watermarks where step = %(step)s), 0)
        """,
        {"run": run_id, "step": STEP},
    )


def _move_watermark(connection: psycopg.Connection, change_id: int, run_id: int, as_of: datetime) -> None:
    connection.execute(
        """
        insert into ops.watermarks (step, change_id, run_id, as_of) values (%s, %s, %s, %s)
        on conflict (step) do update
        set change_id = excluded.change_id, run_id = excluded.run_id, as_of = excluded.as_of, updated_at = clock_timestamp()
        """,
        [STEP, change_id, run_id, as_of],
    )

"""The steps of the daily cycle. Airflow's tasks and the command line call the same functions, one per step.

Each step takes the run's `as_of`, holds the pipeline lock, writes one row of the ledger, and can be killed at any moment
and run again: it finds its work by the watermark of its own last success.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from touchstone.dbt import parse_project, run_dbt
from touchstone.errors import GateError
from touchstone.finance.assumptions import require_usable
from touchstone.settings import Settings, get_settings
from touchstone.sources.registry import declarations
from touchstone.warehouse import ledger
from touchstone.warehouse.definitions import (
    CORE_SCHEMAS,
    MART_SCHEMAS,
    Definitions,
    Outdated,
    require_present,
    retire,
    waiting,
)
from touchstone.warehouse.engine import connect
from touchstone.warehouse.locks import pipeline_lock
from touchstone.warehouse.publish import publish as apply_publication

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

    from touchstone.intents.step import IntentStep

# Where interactions counted before a change; nowhere while core has not been built.
_KNOWN = """
    left join core.interactions as known on known.interaction_key = changed.interaction_key
    """
_NOTHING_KNOWN = """
    left join (
        select null::text as customer_key, null::text as person_key, null::text as topic, null::date as interaction_date
    ) as known on false
    """

SCORE_TABLES = (
    "message_scores",
    "trajectories",
    "indicator_scores",
    "evidence",
    "judgements",
    "dimension_scores",
    "facet_scores",
    "profile_scores",
    "interaction_scores",
)

# Whether the months of accounts, and what they are made of, have been built of the facts that are there.
_HAS_ACCOUNTS = """
    select exists (
        select from ops.watermarks as facts
        inner join ops.watermarks as accounts
            on accounts.step = 'accounts' and accounts.run_id > facts.run_id and accounts.as_of = facts.as_of
        where facts.step = 'facts' and facts.as_of = %s
            and not exists (select from ops.runs where runs.step in ('stage', 'facts') and runs.run_id > accounts.run_id)
    )
"""

# The tests that the last good build of the marts has passed.
_LAST_DATA_TESTS = """
    select max(runs.detail ->> 'data_tests') from ops.watermarks inner join ops.runs on runs.run_id = watermarks.run_id
    where watermarks.step = 'marts'
"""

# Autovacuum's own rule, over all partitions of a table: its statistics are outdated when a tenth of its rows changed; a table
# that was never analyzed has none, whatever the counters of changes, which lag, say.
_OUTDATED_STATISTICS = """
    select namespaces.nspname, tables.relname
    from pg_class as tables
    inner join pg_namespace as namespaces on namespaces.oid = tables.relnamespace
    cross join lateral pg_partition_tree(tables.oid) as part
    inner join pg_class as leaves on leaves.oid = part.relid
    inner join pg_stat_all_tables as activity on activity.relid = part.relid
    where namespaces.nspname = any(%(schemas)s) and tables.relkind in ('r', 'p') and not tables.relispartition and part.isleaf
    group by namespaces.nspname, tables.relname
    having
        sum(activity.n_mod_since_analyze) > 50 + 0.1 * sum(greatest(leaves.reltuples, 0))
        or bool_or(leaves.reltuples < 0 and pg_relation_size(leaves.oid) > 0)
"""


def is_taken_up(as_of: datetime, settings: Settings | None = None) -> bool:
    """Whether a cycle that is well under way, or has published, took everything that has landed as of this moment.

    Then another one would change nothing. A cycle of which a step failed took up nothing: it may be run again.
    """
    with pipeline_lock(settings), connect("transformer", settings=settings) as connection:
        return connection.execute(
            """
            with newest as (select max(run_id) as run_id from ops.runs where step = 'stage' and status = 'succeeded')
            select
                exists (select 1 from newest inner join ops.runs using (run_id) where runs.as_of >= %s)
                and not exists (
                    select 1 from ops.loads where registered_at is null and rows_inserted + rows_updated > 0
                )
                and not exists (
                    select 1 from newest
                    inner join ops.runs on runs.run_id > newest.run_id
                    where runs.step <> 'ingest' and runs.status in ('failed', 'interrupted')
                )
            """,
            [as_of],
        ).fetchone()[0]


def outdated(settings: Settings | None = None) -> list[Outdated]:
    """What has to be built anew, or published, until readers see what this version builds; empty in a new warehouse."""
    definitions = Definitions(parse_project(settings), (settings or get_settings()).parameters)
    with connect("transformer", settings=settings) as connection:
        return waiting(connection, definitions)


def stage(as_of: datetime, settings: Settings | None = None) -> int:
    """Note what the new loads changed, and build the typed views over it.

    Where an earlier version has built staging or core, all of it is built anew, and this run works on everything.

    Returns:
        Number of interactions that this run works on.

    Raises:
        WarehouseError: A view outside the project reads what is to be built anew.
        ConfigurationError: A row of the assumptions or scenarios of finance cannot be used.
    """
    with pipeline_lock(settings), ledger.step("stage", as_of=as_of, settings=settings) as run:
        require_usable(settings)
        project = parse_project(settings)
        _retire_outdated(run, project, CORE_SCHEMAS, settings)
        definitions = Definitions(project, (settings or get_settings()).parameters)
        with connect("transformer", settings=settings, application_name="touchstone stage") as connection:
            _register_changes(connection, run.run_id)
            _register_outdated_text(connection, run.run_id)
            selector = "staging_tables" if definitions.views_stand(connection) else "staging"
        with connect(autocommit=True, settings=settings, application_name="touchstone stage") as connection:
            _analyze_outdated(
                connection, [declared.schema for declared in declarations().values() if declared.interactions]
            )
        run.versions["dbt"] = _dbt_version()
        run_dbt("build", selector=selector, as_of=as_of, ledger_id=run.run_id, project=project, settings=settings)
        with connect("transformer", settings=settings) as connection:
            _register_rework(connection, run.run_id)
            run.rows_in = run.rows_out = connection.execute(
                "select count(*) from staging.pending_interactions"
            ).fetchone()[0]
            _quarantine_cast_errors(connection, run.run_id, as_of)
        return run.rows_in


def build_core(as_of: datetime, settings: Settings | None = None) -> int:
    """Build core for the interactions that changed; returns how many were worked out again."""
    return _build("core", "staging.pending_interactions", as_of, settings)


def build_facts(as_of: datetime, settings: Settings | None = None) -> int:
    """Build facts for what changed or whose windows ended; returns how many interactions that were."""
    return _build("facts", "facts.affected_interactions", as_of, settings)


def build_marts(as_of: datetime, settings: Settings | None = None) -> int:
    """Build marts_build for the interactions that facts were built for; returns how many these were.

    Raises:
        WarehouseError: Facts have not been built as of this moment.
    """
    return _build("marts", "facts.affected_interactions", as_of, settings)


def _build(step: str, worked_on: str, as_of: datetime, settings: Settings | None) -> int:
    """One dbt selector, and the watermark of its step at the newest change that was there before it began.

    Marts move theirs to where facts stand: what a run works on follows from the watermark of the marts, so that a cycle which is
    killed between the two begins again with the same facts.

    Args:
        worked_on: Table that holds the interactions that the selector works on.

    Raises:
        WarehouseError: What the step reads is of another version, or of another moment.
    """
    with pipeline_lock(settings), ledger.step(step, as_of=as_of, settings=settings) as run:
        reached, selector = _newest_change(settings), step
        project = parse_project(settings)
        with connect("transformer", settings=settings) as connection:
            definitions = Definitions(project, (settings or get_settings()).parameters)
            require_present(connection, definitions, CORE_SCHEMAS + (MART_SCHEMAS if step == "marts" else ()))
            if step == "marts":
                from touchstone.gaps.step import require_gaps

                reached = require_gaps(connection, as_of)
                if connection.execute(_HAS_ACCOUNTS, [as_of]).fetchone()[0]:
                    selector = "marts_after_accounts"
            tested = connection.execute(_LAST_DATA_TESTS).fetchone()[0]
        if step == "facts":
            _retire_outdated(run, project, MART_SCHEMAS, settings)
        run_dbt(
            "build",
            selector=selector,
            as_of=as_of,
            ledger_id=run.run_id,
            tests_changes_only=tested == definitions.data_tests,
            project=project,
            settings=settings,
        )
        run.detail["data_tests"] = definitions.data_tests
        with connect("transformer", settings=settings) as connection:
            counted = sql.SQL("select count(*) from {}").format(sql.Identifier(*worked_on.split(".")))
            run.rows_in = run.rows_out = connection.execute(counted).fetchone()[0]
            _move_watermark(connection, step, reached, run.run_id, as_of)
        return run.rows_in


def _retire_outdated(run: ledger.Run, project: Manifest, schemas: tuple[str, ...], settings: Settings | None) -> None:
    """Take out what another version has built; the ledger says what, and why."""
    definitions = Definitions(project, (settings or get_settings()).parameters)
    with connect("transformer", settings=settings, application_name=f"touchstone {run.step}") as connection:
        retired = retire(connection, definitions, schemas)
    if retired:
        run.detail["built_anew"] = {entry.relation: entry.reason for entry in retired}


def publish(as_of: datetime, settings: Settings | None = None) -> int:
    """Show readers what changed, in one transaction.

    Returns:
        Number of rows that were written or deleted in marts and marts_evidence.
    """
    with pipeline_lock(settings), ledger.step("publish", as_of=as_of, settings=settings) as run:
        _require_passed_gate(settings)
        result = apply_publication(run.run_id, as_of, settings)
        run.rows_in = run.rows_out = sum(result.upserted.values()) + sum(result.deleted.values())
        run.detail = {"upserted": result.upserted, "deleted": result.deleted}
        return run.rows_out


def clean(as_of: datetime, settings: Settings | None = None) -> object:
    """Redact the text of the messages that changed."""
    from touchstone.clean import clean as redact

    with pipeline_lock(settings):
        return redact(as_of, settings)


def score(as_of: datetime, settings: Settings | None = None) -> object:
    """Score the interactions that have no score of the active scorer for their present content."""
    from touchstone.scoring.run import score as score_interactions

    with pipeline_lock(settings):
        result = score_interactions(as_of, settings)
        with connect("transformer", autocommit=True, settings=settings) as connection:
            _analyze_outdated(connection, ["scores"])
        return result


def review(as_of: datetime, settings: Settings | None = None) -> object:
    """Take up feedback and reviews that wait, ask people for what is due, and measure agreement."""
    from touchstone.feedback.intake import take_up_inbox
    from touchstone.reviews.step import review as take_up_and_ask

    with pipeline_lock(settings):
        take_up_inbox(as_of, settings)
        return take_up_and_ask(as_of, settings)


def gaps(as_of: datetime, settings: Settings | None = None) -> object:
    """Group the questions that failed into knowledge gaps, and apply what people decided about them."""
    from touchstone.gaps.step import gaps as find_gaps

    with pipeline_lock(settings):
        return find_gaps(as_of, settings)


def revenue(as_of: datetime, settings: Settings | None = None) -> object:
    """Build the months of accounts, and work out what quality goes with in them where a month has changed."""
    from touchstone.revenue.step import revenue as measure

    _build("accounts", "facts.affected_interactions", as_of, settings)
    with pipeline_lock(settings):
        return measure(as_of, settings)


def intents(as_of: datetime, settings: Settings | None = None) -> IntentStep:
    """Read what customers ask for with the active model of intents, and group what is new."""
    from touchstone.intents.step import intents as read_questions

    with pipeline_lock(settings):
        result = read_questions(as_of, settings)
        if result.interactions:
            with connect("transformer", autocommit=True, settings=settings) as connection:
                _analyze_outdated(connection, ["scores"])
        return result


def validate(gate: str, as_of: datetime, settings: Settings | None = None) -> object:
    """Run one gate; a blocking violation raises GateError."""
    from touchstone.quality.gates import run_gate

    with pipeline_lock(settings):
        return run_gate(gate, as_of, settings)


# The cycle after ingest, in order; each entry is a step of the command line and a task of a DAG.
STEPS: dict[str, Callable[..., object]] = {
    "stage": stage,
    "gate_1": lambda as_of, settings=None: validate("gate_1", as_of, settings),
    "clean": clean,
    "core": build_core,
    "score": score,
    "review": review,
    "intents": intents,
    "gate_2": lambda as_of, settings=None: validate("gate_2", as_of, settings),
    "facts": build_facts,
    "gaps": gaps,
    "revenue": revenue,
    "marts": build_marts,
    "gate_3": lambda as_of, settings=None: validate("gate_3", as_of, settings),
    "publish": publish,
}


def _analyze_outdated(connection: psycopg.Connection, schemas: list[str]) -> None:
    """Without statistics of the new rows the next joins would be planned for empty tables."""
    for table in connection.execute(_OUTDATED_STATISTICS, {"schemas": schemas}).fetchall():
        connection.execute(sql.SQL("analyze {}").format(sql.Identifier(*table)))


def _register_changes(connection: psycopg.Connection, run_id: int) -> None:
    """Turn loads that no run has seen into changes of interactions, in one transaction.

    A load is known by its own row, not by its number: one that commits late keeps a smaller number than others that this
    step has already seen.
    """
    loads = connection.execute(
        "select load_id, source, instance from ops.loads where registered_at is null order by load_id for update"
    ).fetchall()
    for source in sorted({source for _, source, _ in loads}):
        ids = [load_id for load_id, of_source, _ in loads if of_source == source]
        rows = _rows_of_loads(source)
        if rows is None:
            continue
        connection.execute(
            sql.SQL(
                """
                insert into ops.interaction_changes
                    (interaction_key, reason, source, instance, interaction_id,
                    previous_interaction_date, previous_customer_key, previous_person_key, previous_topic, run_id)
                select changed.interaction_key, 'landed', changed.source, changed.instance, changed.interaction_id,
                    known.interaction_date, known.customer_key, known.person_key, known.topic, %(run)s
                from (
                    select distinct md5({source} || ':' || instance || ':' || interaction_id) as interaction_key,
                        {source} as source, instance, interaction_id
                    from ({rows}) as rows
                    where interaction_id is not null
                ) as changed {known}
                """
            ).format(rows=rows, source=sql.Literal(source), known=_known_interactions(connection)),
            {"ids": ids, "run": run_id},
        )
    connection.execute(
        "update ops.loads set registered_at = clock_timestamp(), registered_run_id = %s where load_id = any(%s)",
        [run_id, [load[0] for load in loads]],
    )


def _rows_of_loads(source: str) -> sql.Composed | None:
    """(instance, interaction_id) of every row that the loads %(ids)s brought, or took away; None where a source has none."""
    declared = declarations()[source]
    parts: list[sql.Composable] = [
        sql.SQL("select instance, interaction_id from {} where {} = any(%(ids)s)").format(
            sql.Identifier(declared.schema, name), sql.Identifier(column)
        )
        for stream in declared.interactions
        for name, column in ((stream, "_load_id"), (f"{stream}_history", "replaced_by_load_id"))
    ]
    if declared.named_interactions:
        parts.append(sql.SQL(declared.named_interactions))
    return sql.SQL(" union ").join(parts) if parts else None


def _known_interactions(connection: psycopg.Connection) -> sql.SQL:
    has_core = connection.execute("select to_regclass('core.interactions') is not null").fetchone()[0]
    return sql.SQL(_KNOWN if has_core else _NOTHING_KNOWN)


def _register_rework(connection: psycopg.Connection, run_id: int) -> None:
    """Note the interactions that this run works on although nothing of theirs landed.

    Staging has found them: a person, a company or a team that they read has changed, or the other side of their merge.
    Facts and marts find their work in the same queue.
    """
    connection.execute(
        sql.SQL(
            """
            insert into ops.interaction_changes
                (interaction_key, reason, source, instance, interaction_id,
                previous_interaction_date, previous_customer_key, previous_person_key, previous_topic, run_id)
            select changed.interaction_key, changed.reason, changed.source, changed.instance, changed.interaction_id,
                known.interaction_date, known.customer_key, known.person_key, known.topic, %(run)s
            from staging.pending_interactions as changed {known}
            where changed.reason <> 'landed'
            """
        ).format(known=_known_interactions(connection)),
        {"run": run_id},
    )


def _register_outdated_text(connection: psycopg.Connection, run_id: int) -> None:
    """Interactions whose text an older redactor has seen are worked on again, once per redactor version."""
    from touchstone.text.redact import REDACTOR_VERSION

    if not connection.execute("select to_regclass('core.interactions') is not null").fetchone()[0]:
        return
    connection.execute(
        """
        insert into ops.interaction_changes (interaction_key, reason, source, instance, interaction_id, run_id)
        select interaction_key, %(reason)s, source, instance, interaction_id, %(run)s::bigint from core.interactions
        where
            interaction_key in (select interaction_key from clean.messages where redactor_version <> %(version)s)
            and interaction_key not in (select interaction_key from ops.interaction_changes where reason = %(reason)s)
        """,
        {"reason": f"redactor {REDACTOR_VERSION}", "version": REDACTOR_VERSION, "run": run_id},
    )


def _quarantine_cast_errors(connection: psycopg.Connection, run_id: int, as_of: datetime) -> None:
    """A landed row whose value its type cannot take goes to quarantine; core leaves it out."""
    for relation, record in (("int_conversations__unioned", "null"), ("int_messages__unioned", "message_id")):
        connection.execute(
            sql.SQL(
                """
                insert into ops.quarantine (quarantine_id, source, instance, stream, interaction_id, record_id, reason_code,
                    reason, remedy, run_id, load_id, as_of)
                select md5(concat_ws(':', source, instance, {name}, interaction_id, {record}, _load_id))::uuid, source, instance,
                    {name}, interaction_id, {record}, 'cast_error',
                    'a value does not fit its type: ' || array_to_string(_cast_errors, ', '),
                    'Correct the field at the source; the next load of the record replaces it.', %(run)s, _load_id, %(as_of)s
                from staging.{relation}
                where cardinality(_cast_errors) > 0
                on conflict do nothing
                """
            ).format(name=sql.Literal(relation), record=sql.SQL(record), relation=sql.Identifier(relation)),
            {"run": run_id, "as_of": as_of},
        )


def _require_passed_gate(settings: Settings | None) -> None:
    """Only a build that gate 3 has passed is published, whoever calls."""
    with connect("transformer", settings=settings) as connection:
        built, passed = connection.execute(
            """
            select max(run_id) filter (where step in ('facts', 'accounts', 'marts')), max(run_id) filter (where step = 'gate_3' and status = 'succeeded')
            from ops.runs
            """
        ).fetchone()
    if built is None or passed is None or passed < built:
        raise GateError(
            "the last build of the marts has not passed gate 3",
            f"build {built}, last pass {passed}",
            "Run `touchstone validate gate_3`, and `touchstone facts | gaps | marts` before it when the build was stopped.",
        )


def _newest_change(settings: Settings | None) -> int:
    with connect("transformer", settings=settings) as connection:
        return connection.execute("select coalesce(max(change_id), 0) from ops.interaction_changes").fetchone()[0]


def _move_watermark(connection: psycopg.Connection, step: str, change_id: int, run_id: int, as_of: datetime) -> None:
    connection.execute(
        """
        insert into ops.watermarks (step, change_id, run_id, as_of) values (%s, %s, %s, %s)
        on conflict (step) do update
        set change_id = excluded.change_id, run_id = excluded.run_id, as_of = excluded.as_of,
            updated_at = clock_timestamp()
        """,
        [step, change_id, run_id, as_of],
    )


def _dbt_version() -> str:
    from importlib.metadata import version

    return version("dbt-core")

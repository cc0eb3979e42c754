"""Great Expectations over the row sets of a contract, in one process and one database session."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from touchstone.errors import ConfigurationError, WarehouseError
from touchstone.quality.contract import Claim, Contract, RowSet, resolve
from touchstone.quality.sql import escape_for_sqlalchemy, render
from touchstone.settings import Settings
from touchstone.warehouse.engine import warehouse_parameters

if TYPE_CHECKING:
    from sqlalchemy import Connection

KEYS_SHOWN = 20


@dataclass(frozen=True)
class ClaimResult:
    """What became of one claim; keys and counts, never values.

    Attributes:
        checked_object: The relation that the claim is about.
        expectation: Type of the expectation, in snake case.
        observed: What was seen, in numbers and ids.
        failed_row_count: Rows that break the claim.
        row_count: Rows that were judged.
        failed_keys: Up to 20 keys of rows that break it.
    """

    checked_object: str
    expectation: str
    claim: str
    severity: str
    remedy: str
    is_success: bool
    observed: str
    failed_row_count: int
    row_count: int
    failed_keys: list[str] = field(default_factory=list)


def judge(contract: Contract, run_parameters: dict[str, Any], settings: Settings) -> list[ClaimResult]:
    """Judge every claim of a contract.

    Args:
        contract: What must hold.
        run_parameters: Values of this run (`as_of`), beside the contract's own parameters.
        settings: Where the warehouse is.

    Returns:
        One result per claim, in the order of the contract.

    Raises:
        WarehouseError: A relation that the contract reads does not exist.
        ConfigurationError: A set or a claim of the contract cannot be evaluated.
    """
    parameters = {**contract.parameters, **run_parameters}
    with _great_expectations(settings) as (gx, context, source):
        engine = source.get_execution_engine().engine
        with engine.begin() as connection:
            _require_relations(contract, connection)
            prepared = [_prepare(contract, entry, parameters, connection) for entry in contract.sets]
            # From here on the session only reads; what it has prepared ends with it.
            connection.exec_driver_sql("set session characteristics as transaction read only")
        results: list[ClaimResult] = []
        for entry, (columns, row_count) in zip(contract.sets, prepared, strict=True):
            claims = entry.claims + (contract.conventions if entry.conventions else ())
            if claims:
                asset = source.add_table_asset(name=entry.name, table_name=entry.name)
                results += _judge_set(gx, context, asset, contract, entry, claims, parameters, columns, row_count)
    return results


@contextmanager
def _great_expectations(settings: Settings) -> Iterator[tuple[Any, Any, Any]]:
    """Great Expectations with a context in memory and the warehouse as its data source.

    Nothing is written to disk, no site of documents is made, no usage data leaves, no progress bar is drawn.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        # Its import touches the deprecated standard modules sre_constants and sre_parse; nothing of ours depends on them.
        warnings.filterwarnings(
            "ignore", message="module 'sre_(constants|parse)' is deprecated", category=DeprecationWarning
        )
        import great_expectations as gx
        from great_expectations.data_context.types.base import (
            DataContextConfig,
            InMemoryStoreBackendDefaults,
            ProgressBarsConfig,
        )

        # their classes register themselves by name
        import touchstone.quality.datasource
        import touchstone.quality.expectations  # noqa: F401

        context = gx.get_context(
            mode="ephemeral",
            project_config=DataContextConfig(
                store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
                analytics_enabled=False,
                progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
            ),
        )
    source = context.data_sources.add_one_session_postgres(
        name="warehouse",
        connection_string=connection_string(settings),
        create_temp_table=False,
        # One session for all sets: the temporary tables live in it. A second one would fail instead of judging nothing.
        kwargs={
            "pool_size": 1,
            "max_overflow": 0,
            "pool_timeout": 30,
            "connect_args": {
                "application_name": "touchstone gate",
                "connect_timeout": 10,
                "options": "-c TimeZone=UTC -c role=touchstone_transformer -c work_mem=64MB",
            },
        },
    )
    try:
        yield gx, context, source
    finally:
        source.get_execution_engine().engine.dispose()


def connection_string(settings: Settings) -> str:
    """URL of the warehouse for SQLAlchemy.

    Great Expectations fills in `$name` from the environment, so every special character is percent-encoded.

    Raises:
        ConfigurationError: The warehouse is addressed by a socket folder, which its data source refuses.
    """
    where = warehouse_parameters(settings)
    if where["host"].startswith("/"):
        raise ConfigurationError(
            "the gates need a warehouse with a host",
            where["host"],
            "Name a host in TOUCHSTONE_WAREHOUSE_URL, such as 127.0.0.1.",
        )
    user, password, name = (quote(where[part], safe="") for part in ("user", "password", "dbname"))
    return f"postgresql+psycopg2://{user}:{password}@{where['host']}:{where['port']}/{name}"


def _require_relations(contract: Contract, connection: Connection) -> None:
    for relation in contract.relations:
        _require(contract, connection, relation)


def _require(contract: Contract, connection: Connection, relation: str) -> None:
    if not _exists(connection, relation):
        raise WarehouseError(
            f"{contract.gate} reads a relation that does not exist",
            relation,
            f"Run the step that builds it, or name the relation that took its place in expectations/{contract.gate}.yml.",
        )


def _exists(connection: Connection, relation: str) -> bool:
    found = connection.exec_driver_sql("select to_regclass(%s)", (relation,)).scalar()
    return found is not None


def _prepare(
    contract: Contract, entry: RowSet, parameters: dict[str, Any], connection: Connection
) -> tuple[list[str], int]:
    """Make one set as a temporary table or view: its columns and its number of rows."""
    from sqlalchemy import text
    from sqlalchemy.exc import ProgrammingError

    if entry.row_counts:
        statement = _sizes(contract, entry, connection)
    else:
        absent = entry.optional is not None and not _exists(connection, entry.optional)
        statement = render(entry.sql_when_absent if absent else entry.sql, parameters).strip().rstrip(";")
    kind = "table" if entry.keep else "view"
    try:
        connection.execute(text(escape_for_sqlalchemy(f'create temporary {kind} "{entry.name}" as {statement}')))
        if entry.keep:
            connection.exec_driver_sql(f'analyze "{entry.name}"')
        row_count = int(connection.exec_driver_sql(f'select count(*) from "{entry.name}"').scalar_one())  # noqa: S608
        columns = list(connection.exec_driver_sql(f'select * from "{entry.name}" limit 0').keys())  # noqa: S608
    except ProgrammingError as error:
        raise ConfigurationError(
            f"set {entry.name} of {contract.gate} cannot be read",
            error.orig.diag.message_primary,
            f"Adapt expectations/{contract.gate}.yml to the relation as it is built.",
        ) from None
    if entry.claims and "row_key" not in columns:
        raise ConfigurationError(
            f"set {entry.name} of {contract.gate} has no row_key",
            ", ".join(columns),
            "Select a key of the row as row_key.",
        )
    return columns, row_count


def _sizes(contract: Contract, entry: RowSet, connection: Connection) -> str:
    """Query of rows built, rows published and deletions on record since the last publication, one row per table.

    A table that was never published is not compared: nothing of it can be lost.
    """
    parts = []
    for table in entry.row_counts:
        _require(contract, connection, f"marts_build.{table}")
        published = f"(select count(*) from marts.{table})" if _exists(connection, f"marts.{table}") else "0"  # noqa: S608
        parts.append(
            f"""
            select
                '{table}' as row_key,
                (select count(*) from marts_build.{table}) as built,
                {published} as published,
                (
                    select count(*) from ops.mart_deletions as deletions
                    where
                        deletions.relation = '{table}'
                        and deletions.ledger_id > (select coalesce(max(ledger_id), 0) from ops.publications)
                ) as deleted
            """  # noqa: S608  the names are the contract's own
        )
    return " union all ".join(parts)


def _judge_set(
    gx: Any,
    context: Any,
    asset: Any,
    contract: Contract,
    entry: RowSet,
    claims: tuple[Claim, ...],
    parameters: dict[str, Any],
    columns: list[str],
    row_count: int,
) -> list[ClaimResult]:
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import get_expectation_impl

    suite = gx.ExpectationSuite(name=f"{contract.gate}.{entry.name}")
    judged: dict[str, Claim] = {}
    for position, claim in enumerate(claims):
        arguments = resolve(claim, parameters, columns)
        if arguments is None:
            if claim in contract.conventions:
                continue
            raise ConfigurationError(
                f"a claim of {contract.gate} fits no column of {entry.name}",
                claim.claim,
                "Correct its pattern of columns.",
            )
        try:
            implementation = get_expectation_impl(claim.type)
        except ExpectationNotFoundError:
            raise ConfigurationError(
                f"{contract.gate} uses an unknown expectation",
                claim.type,
                "Use one of Great Expectations or of touchstone.quality.expectations.",
            ) from None
        if implementation.__module__.startswith("touchstone."):
            arguments = {
                name: value.isoformat() if isinstance(value, datetime) else value for name, value in arguments.items()
            }
        judged[str(position)] = claim
        suite.add_expectation(
            implementation(
                **arguments,
                severity="critical" if claim.severity == "blocking" else "warning",
                meta={"position": str(position)},
            )
        )
    validation = gx.ValidationDefinition(
        name=suite.name,
        data=asset.add_batch_definition_whole_table(name="rows of this run"),
        suite=context.suites.add(suite),
    )
    outcome = context.validation_definitions.add(validation).run(
        result_format={
            "result_format": "SUMMARY",
            "partial_unexpected_count": KEYS_SHOWN,
            "unexpected_index_column_names": ["row_key"],
        }
    )
    by_position = {str(result.expectation_config.meta["position"]): result for result in outcome.results}
    return [_result(contract, entry, claim, by_position[position], row_count) for position, claim in judged.items()]


def _result(contract: Contract, entry: RowSet, claim: Claim, result: Any, row_count: int) -> ClaimResult:
    _refuse_exception(contract, entry, claim, result.exception_info)
    found = result.result
    failed = int(found.get("unexpected_count") or 0)
    keys = [row.get("row_key") for row in found.get("partial_unexpected_index_list") or []]
    if claim.type.startswith("expect_table"):
        observed = f"{found['observed_value']} rows"
    elif isinstance(found.get("observed_value"), str):
        observed = found["observed_value"]
    else:
        observed = f"{failed} of {row_count} rows"
    return ClaimResult(
        checked_object=entry.checks,
        expectation=claim.type,
        claim=claim.claim,
        severity=claim.severity,
        remedy=claim.remedy,
        is_success=bool(result.success),
        observed=observed,
        failed_row_count=failed,
        row_count=row_count,
        failed_keys=sorted({str(key) for key in keys if key is not None}),
    )


def _refuse_exception(contract: Contract, entry: RowSet, claim: Claim, info: dict[str, Any]) -> None:
    """Great Expectations reports a query that failed as a failed claim: a fault of the contract must not look like one."""
    entries = [info] if "raised_exception" in info else list(info.values())
    for raised in entries:
        if raised.get("raised_exception"):
            # the message of a database error may quote a value, so only its kind is told
            kind = next(
                (line for line in str(raised["exception_message"]).split("(") if line.startswith("psycopg2.errors.")),
                "",
            )
            raise ConfigurationError(
                f"a claim of {contract.gate} on {entry.checks} cannot be evaluated ({claim.claim})",
                kind.removeprefix("psycopg2.errors.").split(")")[0] or type(raised).__name__,
                f"Correct the entry in expectations/{contract.gate}.yml; `touchstone sql` runs the query of its set.",
            )

"""The ingest tasks: a configured source instance, or an interval of it once more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from touchstone.orchestration.common import as_of_of
from touchstone.sources.config import SourceInstance


def ingest_instance(source: SourceInstance, context: dict[str, Any]) -> datetime:
    """Land what is new; returns the as_of that the later steps work by."""
    from touchstone.daily import ingest_source

    params = context["params"]
    stated = as_of_of(context) if params.get("as_of") or not params.get("path") else None
    with _no_retry():
        result = ingest_source(source, path=params.get("path"), as_of=stated, secrets=connection_secrets(source))
    if result.as_of is None:
        raise AirflowSkipException(f"{source.source}:{source.instance} holds nothing yet.")
    return result.as_of


def backfill_instance(context: dict[str, Any]) -> datetime:
    """Read an interval again; its as_of is that of the last publication."""
    from touchstone.daily import backfill_source
    from touchstone.sources.config import find_source

    params = context["params"]
    with _no_retry():
        secrets = connection_secrets(find_source(params["source"]))
        return backfill_source(params["source"], params["from"], params["to"], secrets=secrets).as_of


def connection_secrets(source: SourceInstance) -> dict[str, str] | None:
    """Credentials out of the instance's Airflow connection; None for what needs none, or gets them from the environment."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    from touchstone.sources import sandbox
    from touchstone.sources.registry import connector
    from touchstone.sources.secrets import complete, from_connection, is_in_environment

    if not source.is_connected or sandbox.is_simulated(source):
        return None
    names = connector(source.source).credentials(source)
    if is_in_environment(source, names):
        return None
    try:
        connection = BaseHook.get_connection(source.connection)
    except AirflowNotFoundException:
        return complete(source, {}, names)
    stated = {"login": connection.login, "password": connection.password, "extra": connection.extra_dejson}
    return complete(source, from_connection(stated, names), names)


@contextmanager
def _no_retry() -> Iterator[None]:
    """What another attempt cannot mend fails at once: configuration, credentials, permissions."""
    from touchstone.errors import ConfigurationError
    from touchstone.sources.http.faults import CredentialsError, PermissionRefused

    try:
        yield
    except (ConfigurationError, CredentialsError, PermissionRefused) as error:
        raise AirflowFailException(str(error)) from error

"""The ingest tasks: a configured source instance, or an interval of it once more."""

from __future__ import annotations

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
    result = ingest_source(source, path=params.get("path"), as_of=stated)
    if result.as_of is None:
        raise AirflowSkipException(f"{source.source}:{source.instance} holds nothing yet.")
    return result.as_of


def backfill_instance(context: dict[str, Any]) -> datetime:
    """Read an interval again; its as_of is that of the last publication."""
    from touchstone.daily import backfill_source
    from touchstone.errors import ConfigurationError

    params = context["params"]
    try:
        return backfill_source(params["source"], params["from"], params["to"]).as_of
    except ConfigurationError as error:
        raise AirflowFailException(str(error)) from error

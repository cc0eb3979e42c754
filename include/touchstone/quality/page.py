"""The page of the gates: the last run of each with every claim, the last 30 runs at a glance, and what is quarantined."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import psycopg
from jinja2 import Environment, PackageLoader, StrictUndefined
from psycopg.rows import dict_row

from touchstone.quality.contract import GATES, load_contract
from touchstone.settings import Settings, get_settings
from touchstone.warehouse.engine import connect

RUNS_SHOWN = 30
KEYS_SHOWN = 5


def render(settings: Settings | None = None) -> Path:
    """Write build/quality/index.html and return its path.

    The page needs no network and no script. It holds what `ops.gates` holds: claims, counts and keys.

    Raises:
        WarehouseError: The warehouse does not answer.
    """
    settings = settings or get_settings()
    with connect("transformer", settings=settings, application_name="touchstone gate page") as connection:
        connection.row_factory = dict_row
        gates = [_gate(connection, name, settings) for name in GATES]
        quarantine = _quarantine(connection)
        state = _publication(connection)
    environment = Environment(
        loader=PackageLoader("touchstone.quality", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda value: f"{value:,}".replace(",", "\u202f")
    environment.filters["moment"] = lambda value: f"{value:%Y-%m-%d %H:%M}"
    text = environment.get_template("gates.html.j2").render(
        gates=gates, quarantine=quarantine, publication=state, runs_shown=RUNS_SHOWN, keys_shown=KEYS_SHOWN
    )
    path = settings.build_dir / "quality" / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _gate(connection: psycopg.Connection, name: str, settings: Settings) -> dict[str, Any]:
    runs = connection.execute(
        """
        select
            runs.run_id,
            runs.as_of,
            runs.status,
            runs.started_at,
            runs.error,
            extract(epoch from runs.finished_at - runs.started_at) as seconds
        from ops.runs as runs
        where runs.step = %s
        order by runs.run_id desc
        limit %s
        """,
        [name, RUNS_SHOWN],
    ).fetchall()
    results = connection.execute(
        """
        select
            run_id, checked_object, claim, severity, is_success, observed, failed_row_count, row_count, failed_keys
        from ops.gates
        where run_id = any(%s)
        order by gate_result_id
        """,
        [[run["run_id"] for run in runs]],
    ).fetchall()
    by_run = {run_id: list(rows) for run_id, rows in groupby(sorted(results, key=_run_id), key=_run_id)}
    for run in runs:
        run["state"] = _state(run, by_run.get(run["run_id"], []))
    contract = load_contract(name, settings)
    every_claim = [*contract.conventions, *(claim for entry in contract.sets for claim in entry.claims)]
    remedies = {claim.claim: claim.remedy for claim in every_claim}
    claims = by_run.get(runs[0]["run_id"], []) if runs else []
    for claim in claims:
        # a claim that the contract no longer makes keeps its result and has no remedy any more
        claim["remedy"] = remedies.get(claim["claim"], "")
    return {
        "name": name,
        "number": name.removeprefix("gate_"),
        "title": contract.title,
        "last": runs[0] if runs else None,
        "claims": sorted(claims, key=_failures_first),
        "held": sum(claim["is_success"] for claim in claims),
        "history": [{"claim": claim, "cells": cells} for claim, cells in _history(list(reversed(runs)), by_run)],
        "runs": list(reversed(runs)),
    }


def _run_id(row: dict[str, Any]) -> int:
    return row["run_id"]


def _failures_first(claim: dict[str, Any]) -> int:
    """Order of a claim; the order of the contract stays within each group."""
    if claim["is_success"]:
        return 2
    return 0 if claim["severity"] == "blocking" else 1


def _state(run: dict[str, Any], claims: list[dict[str, Any]]) -> str:
    if run["status"] == "running":
        return "running"
    if not claims:
        return "broken"
    failed = {claim["severity"] for claim in claims if not claim["is_success"]}
    return "blocking" if "blocking" in failed else "warning" if failed else "passed"


def _history(
    runs: list[dict[str, Any]], by_run: dict[int, list[dict[str, Any]]]
) -> list[tuple[str, list[tuple[str, datetime]]]]:
    """One row per claim that failed in any of the runs: its state in each of them, oldest first."""
    failed: dict[tuple[str, str], None] = {}
    for run in runs:
        for claim in by_run.get(run["run_id"], []):
            if not claim["is_success"]:
                failed[(claim["claim"], claim["checked_object"])] = None
    rows = []
    for key in failed:
        cells = []
        for run in runs:
            found = [c for c in by_run.get(run["run_id"], []) if (c["claim"], c["checked_object"]) == key]
            bad = [claim["severity"] for claim in found if not claim["is_success"]]
            cells.append((bad[0] if bad else "passed" if found else "absent", run["as_of"]))
        rows.append((key[0], cells))
    return rows


def _quarantine(connection: psycopg.Connection) -> list[dict[str, Any]]:
    return connection.execute(
        """
        select
            reason_code,
            source || ' / ' || instance as source,
            count(*) filter (where resolved_at is null) as open_count,
            count(*) filter (where resolved_at is not null) as resolved_count,
            max(quarantined_at) as newest_at,
            (array_agg(remedy order by quarantined_at desc))[1] as remedy
        from ops.quarantine
        group by reason_code, source, instance
        order by open_count desc, reason_code, source
        """
    ).fetchall()


def _publication(connection: psycopg.Connection) -> dict[str, Any] | None:
    return connection.execute(
        "select as_of, published_at, rows_upserted, rows_deleted from ops.publications order by publication_id desc limit 1"
    ).fetchone()

"""The three gates: what must hold before anything is built on it, or read by anybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg.types.json import Jsonb

from touchstone.errors import GateError
from touchstone.quality.contract import load_contract
from touchstone.quality.runner import ClaimResult, judge
from touchstone.settings import Settings, get_settings
from touchstone.warehouse import ledger
from touchstone.warehouse.engine import connect

Gate = Literal["gate_1", "gate_2", "gate_3"]


@dataclass(frozen=True)
class GateResult:
    """One run of a gate: all its claims, in the order of the contract."""

    gate: str
    as_of: datetime
    run_id: int
    claims: tuple[ClaimResult, ...]

    @property
    def blocking_failures(self) -> list[ClaimResult]:
        return [claim for claim in self.claims if not claim.is_success and claim.severity == "blocking"]

    @property
    def warnings(self) -> list[ClaimResult]:
        return [claim for claim in self.claims if not claim.is_success and claim.severity == "warning"]

    def __str__(self) -> str:
        held = sum(claim.is_success for claim in self.claims)
        lines = [f"{self.gate} as of {self.as_of:%Y-%m-%d %H:%M} UTC: {held} of {len(self.claims)} claims hold"]
        lines += [
            f"  {claim.severity}: {claim.claim} ({claim.observed})" for claim in self.claims if not claim.is_success
        ]
        return "\n".join(lines)


def run_gate(gate: Gate, as_of: datetime, settings: Settings | None = None) -> GateResult:
    """Judge one gate and record every claim in `ops.gates`, one row each.

    Args:
        gate: `gate_1` (typed staging views), `gate_2` (scores as written) or `gate_3` (marts as built).
        as_of: End of the ledger day, with a zone.
        settings: Where the warehouse and the contracts are.

    Returns:
        The result of a gate that lets the data pass; warnings are among its claims.

    Raises:
        GateError: A blocking claim does not hold; the step is recorded as failed, so nothing is published.
        WarehouseError: A relation that the contract reads does not exist.
        ConfigurationError: The contract or the gate's name cannot be used.
        TouchstoneError: `as_of` has no zone.
    """
    settings = settings or get_settings()
    contract = load_contract(gate, settings)
    with ledger.step(gate, as_of=as_of, settings=settings) as run:
        change_id = _newest_settled_change(settings)
        claims = judge(contract, {"as_of": as_of, "horizon": _horizon(as_of, settings)}, settings)
        result = GateResult(gate=gate, as_of=as_of, run_id=run.run_id, claims=tuple(claims))
        _record(result, settings)
        run.rows_in = run.rows_out = _rows_judged(claims)
        run.detail = {
            "claims": len(claims),
            "blocking_failures": len(result.blocking_failures),
            "warnings": len(result.warnings),
        }
        if result.blocking_failures:
            raise _blocked(result)
        if gate == "gate_2":
            _move_watermark(gate, change_id, result, settings)
    return result


def _rows_judged(claims: list[ClaimResult]) -> int:
    largest: dict[str, int] = {}
    for claim in claims:
        largest[claim.checked_object] = max(claim.row_count, largest.get(claim.checked_object, 0))
    return sum(largest.values())


def _horizon(as_of: datetime, settings: Settings) -> datetime:
    """The latest ledger day that anything was ingested for: older conversations may be loaded after newer ones."""
    with connect("loader", settings=settings) as connection:
        newest = connection.execute(
            "select max(as_of) from ops.runs where step = 'ingest' and status = 'succeeded'"
        ).fetchone()[0]
    return max(as_of, newest) if newest else as_of


def _newest_settled_change(settings: Settings) -> int:
    """The newest change that core has taken in: what a gate has judged up to here need not be judged again."""
    with connect("transformer", settings=settings, application_name="touchstone gate") as connection:
        return connection.execute(
            """
            select coalesce(
                (select change_id from ops.watermarks where step = 'core'),
                (select max(change_id) from ops.interaction_changes),
                0
            )
            """
        ).fetchone()[0]


def _move_watermark(gate: str, change_id: int, result: GateResult, settings: Settings) -> None:
    with connect("transformer", autocommit=True, settings=settings, application_name="touchstone gate") as connection:
        connection.execute(
            """
            insert into ops.watermarks (step, change_id, run_id, as_of)
            values (%s, %s, %s, %s)
            on conflict (step) do update set
                change_id = excluded.change_id,
                run_id = excluded.run_id,
                as_of = excluded.as_of,
                updated_at = clock_timestamp()
            """,
            [gate, change_id, result.run_id, result.as_of],
        )


def _record(result: GateResult, settings: Settings) -> None:
    with connect("transformer", settings=settings, application_name="touchstone gate") as connection:
        connection.cursor().executemany(
            """
            insert into ops.gates (
                run_id, gate, as_of, checked_object, expectation, claim, severity, is_success, observed, failed_row_count,
                row_count, failed_keys
            )
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (
                    result.run_id,
                    result.gate,
                    result.as_of,
                    claim.checked_object,
                    claim.expectation,
                    claim.claim,
                    claim.severity,
                    claim.is_success,
                    claim.observed,
                    claim.failed_row_count,
                    claim.row_count,
                    Jsonb(claim.failed_keys),
                )
                for claim in result.claims
            ],
        )
        connection.commit()


def _blocked(result: GateResult) -> GateError:
    lines = []
    for claim in result.blocking_failures:
        keys = ", ".join(claim.failed_keys[:3])
        more = claim.failed_row_count - min(3, len(claim.failed_keys))
        shown = f"; keys {keys}" + (f" and {more} more" if more > 0 else "") if keys else ""
        lines.append(
            f"  - {claim.claim}: not so in {claim.checked_object} ({claim.observed}{shown}).\n    {claim.remedy}"
        )
    count = len(lines)
    return GateError(
        f"{result.gate} stops publication: {count} blocking claim{'s do' if count > 1 else ' does'} not hold as of "
        f"{result.as_of:%Y-%m-%d %H:%M} UTC\n" + "\n".join(lines) + "\nReaders keep what was published before",
        None,
        f"`touchstone validate {result.gate}` runs the gate again once the cause is repaired; build/quality/index.html shows every claim.",
    )

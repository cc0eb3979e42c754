"""Thirty days of the simulated company, read and built day by day, and all of it built anew."""

from __future__ import annotations

import pytest

from checksums import digests
from touchstone.sandbox.episode_quality import build_marts
from touchstone.sandbox.gap_quality import build_warehouse, company_of
from touchstone.warehouse.engine import connect
from warehouses import new_warehouse

DAYS, PER_DAY = 30, 40.0
SCHEMAS = ("core", "clean", "facts", "marts_build", "marts_evidence")


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_thirty_days_give_what_a_full_refresh_gives(server, tmp_path) -> None:
    company = company_of(DAYS, PER_DAY)
    with new_warehouse(server, "full_refresh", tmp_path / "state") as settings:
        build_warehouse(company, settings, step_days=1)
        grown = digests(settings, *SCHEMAS)
        with connect(settings=settings) as connection:
            # as after an upgrade that defines every relation otherwise
            connection.execute("update ops.built_relations set definition = 'of an earlier version'")
        build_marts(company.until, settings)
        built = digests(settings, *SCHEMAS)
    assert {name for name in grown.keys() | built.keys() if grown.get(name) != built.get(name)} == set()
    for name in (
        "fct_ai_episodes",
        "fct_handoffs",
        "fct_knowledge_gaps",
        "fct_knowledge_gap_signals",
        "rpt_ai_scorecards",
    ):
        assert built[f"marts_build.{name}"][0] > 0, name

"""A warehouse that an earlier version built comes to what a clean build gives, row by row; readers see the old set until then.

The earlier version is this project with changes at every layer: SQL of a view, of core and of facts, a macro, a variable, a seed's
columns, and marts with other columns, another type, another key, and a mart that is no more.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from checksums import digests
from test_cycle import run_day, write_days
from touchstone import daily, pipeline
from touchstone.errors import WarehouseError
from touchstone.sample import FIRST_DAY
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect
from warehouses import new_warehouse

DAYS = 6
AS_OF = daily.end_of_day(FIRST_DAY + timedelta(days=DAYS - 1))
SCHEMAS = ("raw_files", "clean", "core", "facts", "marts_build", "marts", "marts_evidence")
GONE = "rpt_gone"

MODELS = "models/marts"
# file, what this version says, what the earlier one said
CHANGES: tuple[tuple[str, str, str], ...] = (
    (
        "models/staging/files/stg_files__conversations.sql",
        "{{ json_text('payload', 'tier') }}",
        "upper({{ json_text('payload', 'tier') }})",
    ),
    (
        "models/core/interactions.sql",
        "order by reply_count desc, last_ordinal desc",
        "order by reply_count, last_ordinal",
    ),
    ("models/facts/handoffs.sql", "coalesce(ai_replies_before, 0)", "coalesce(ai_replies_before, -1)"),
    ("macros/time.sql", "/ 60.0)::double precision\n{%- endmacro %}", "/ 3600.0)::double precision\n{%- endmacro %}"),
    ("dbt_project.yml", "issue_gap_days: 7", "issue_gap_days: 1"),
    ("seeds/business_schedules.csv", "timezone,is_default", "timezone,opened_by,is_default"),
    ("seeds/business_schedules.csv", "UTC,", "UTC,nobody,"),
    (f"{MODELS}/service/rpt_service_daily.sql", "count(*) filter (where touch_count = 2)::int as two_touch_count,", ""),
    (
        f"{MODELS}/service/_service__models.yml",
        """      - name: two_touch_count
        description: "{{ doc('column_two_touch_count') }}"
        data_type: int
""",
        "",
    ),
    (
        f"{MODELS}/service/rpt_backlog_daily.sql",
        "        counted.opened_count,\n",
        "        counted.opened_count::bigint as opened_count,\n",
    ),
    (
        f"{MODELS}/service/_service__models.yml",
        "\"{{ doc('column_opened_count') }}\"\n        data_type: int",
        "\"{{ doc('column_opened_count') }}\"\n        data_type: bigint",
    ),
    (
        f"{MODELS}/quality/rpt_exclusions_daily.sql",
        "count(*)::int as interaction_count,",
        "count(*)::int as interaction_count, 1 as old_count,",
    ),
    (
        f"{MODELS}/quality/_quality__models.yml",
        """      - name: interaction_count
        description: "{{ doc('column_interaction_count') }}"
        data_type: int
      - name: _ledger_id
        description: "{{ doc('column_ledger_id') }}"
        data_type: bigint
  - name: rpt_agent_scorecards""",
        """      - name: interaction_count
        data_type: int
      - name: old_count
        data_type: int
      - name: _ledger_id
        data_type: bigint
  - name: rpt_gone
    columns: [{name: agent_key, data_type: text}, {name: _ledger_id, data_type: bigint}]
  - name: rpt_agent_scorecards""",
    ),
)


def copy_of_the_project(root: Path) -> Path:
    here = Settings().root
    shutil.copytree(here / "dbt_project", root / "dbt_project", ignore=shutil.ignore_patterns("target", "logs"))
    for name in ("expectations", "config"):
        (root / name).symlink_to(here / name)
    return root


@pytest.fixture(scope="module")
def earlier_root(tmp_path_factory) -> Path:
    """A checkout of the earlier version."""
    root = copy_of_the_project(tmp_path_factory.mktemp("earlier"))
    for name, present, earlier in CHANGES:
        path = root / "dbt_project" / name
        text = path.read_text()
        assert present in text, f"{name} no longer says {present!r}"
        path.write_text(text.replace(present, earlier))
    (root / "dbt_project" / MODELS / "quality" / f"{GONE}.sql").write_text(
        "{{ config(unique_key='agent_key') }}\n"
        "select agent_key, {{ var('ledger_id') }}::bigint as _ledger_id from {{ ref('agents') }}\n"
    )
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("days")
    write_days(folder, 0, DAYS)
    return folder


@pytest.fixture(scope="module")
def earlier(server, earlier_root, folder) -> str:
    """Name of a database that the earlier version built; tests copy it."""
    with new_warehouse(server, "upgrade_earlier", folder / "state-earlier") as settings:
        run_day(folder, DAYS, settings.model_copy(update={"root": earlier_root}))
        with connect(settings=settings) as connection:
            connection.execute(
                """
                create schema analytics;
                create view analytics.volume as
                select interaction_date, interaction_count from marts.rpt_service_daily where slice_type = 'all';
                grant select on marts.rpt_service_daily to touchstone_loader;
                """
            )
    return "upgrade_earlier"


@pytest.fixture(scope="module")
def clean(server, earlier, folder) -> dict[str, tuple[int, str]]:
    """Digests of what this version builds of the same days at once."""
    with new_warehouse(server, "upgrade_clean", folder / "state") as settings:
        run_day(folder, DAYS, settings)
        return digests(settings, *SCHEMAS)


def seen(settings: Settings) -> dict[str, tuple[int, str]]:
    return digests(settings, "marts", "marts_evidence")


def differences(settings: Settings, clean: dict[str, tuple[int, str]]) -> set[str]:
    """Tables that one side lacks or holds otherwise; readers of a mart that is no more keep its last rows."""
    found = digests(settings, *SCHEMAS)
    assert found.pop(f"marts.{GONE}")[0] > 0
    return {name for name in clean.keys() | found.keys() if found.get(name) != clean.get(name)}


def scores(settings: Settings) -> list[tuple]:
    with connect(settings=settings) as connection:
        return connection.execute(
            "select interaction_key, input_hash, subject, scored_at from scores.interaction_scores order by 1, 2, 3"
        ).fetchall()


def test_what_an_earlier_version_built_becomes_a_clean_build(server, earlier, clean, folder):
    with new_warehouse(server, "upgrade_whole", folder / "state", template=earlier) as settings:
        before, scored = seen(settings), scores(settings)
        assert len(differences(settings, clean)) > 10
        assert {entry.relation for entry in pipeline.outdated(settings)} >= {
            "core.interactions",
            "facts.handoffs",
            "marts_build.rpt_service_daily",
            f"marts_build.{GONE}",
        }
        with pytest.raises(WarehouseError, match=r"core\..* is of another version.*touchstone upgrade"):
            pipeline.build_core(AS_OF, settings)
        for name, step in pipeline.STEPS.items():
            # what is left to do is known after each step, or a killed upgrade would pass for a finished one
            assert pipeline.outdated(settings), f"nothing is left to do before {name}"
            assert seen(settings) == before, f"readers saw something before {name}"
            step(AS_OF, settings)
        assert differences(settings, clean) == set()
        assert scores(settings) == scored
        assert pipeline.outdated(settings) == []
        with connect(settings=settings) as connection:
            assert connection.execute("select count(*) from analytics.volume").fetchone()[0] > 0
            readers = connection.execute(
                """
                select role from unnest(array['touchstone_bi', 'touchstone_loader', 'touchstone_reviewer']) as role
                where has_table_privilege(role, 'marts.rpt_service_daily', 'select')
                    and has_column_privilege(role, 'marts.rpt_service_daily', 'two_touch_count', 'select')
                """
            ).fetchall()
            assert len(readers) == 3
            built_anew = connection.execute(
                "select detail -> 'built_anew' from ops.runs where step = 'stage' order by run_id desc limit 1"
            ).fetchone()[0]
        assert "has changed" in built_anew["core.interactions"]
        # the next run has nothing to do again
        core = oid(settings, "core.interactions")
        assert pipeline.stage(AS_OF, settings) == 0
        assert oid(settings, "core.interactions") == core
        # a view that somebody took away is made again
        with connect(settings=settings) as connection:
            connection.execute("drop view staging.stg_files__messages cascade")
        pipeline.stage(AS_OF, settings)
        assert oid(settings, "staging.stg_files__messages")


def oid(settings: Settings, relation: str) -> int:
    with connect(settings=settings) as connection:
        return connection.execute("select %s::regclass::oid", [relation]).fetchone()[0]


def test_another_mart_costs_no_build_of_core_or_of_other_marts(server, clean, folder, tmp_path):
    root = copy_of_the_project(tmp_path / "root")
    report = root / "dbt_project" / MODELS / "service" / "rpt_backlog_daily.sql"
    text = report.read_text()
    assert "        counted.solved_count,\n" in text
    report.write_text(
        text.replace("        counted.solved_count,\n", "        counted.solved_count + 1 as solved_count,\n")
    )
    with new_warehouse(server, "upgrade_mart", folder / "state", template="upgrade_clean") as settings:
        kept = ("core.interactions", "facts.episodes", "marts_build.fct_interactions")
        before = [oid(settings, name) for name in kept]
        other = settings.model_copy(update={"root": root, "home": tmp_path / "state"})
        assert pipeline.stage(AS_OF, other) == 0
        for step in ("facts", "gaps", "marts"):
            pipeline.STEPS[step](AS_OF, other)
        assert [oid(settings, name) for name in kept] == before
        found = digests(settings, *SCHEMAS)
        assert {name for name in clean if found[name] != clean[name]} == {"marts_build.rpt_backlog_daily"}


def killed_in(step: str, delay: float, settings: Settings) -> bool:
    """Run the cycle in a process of its own and kill it so many seconds after a step has begun; whether it still ran."""
    script = f"from touchstone import daily; daily.run_steps(daily.parse_as_of('{AS_OF.isoformat()}'))"
    with connect("loader", autocommit=True, settings=settings) as connection:
        newest = connection.execute("select max(run_id) from ops.runs").fetchone()[0]
        child = subprocess.Popen([sys.executable, "-c", script], env=os.environ.copy(), stderr=subprocess.DEVNULL)
        begun = "select exists (select 1 from ops.runs where run_id > %s and step = %s)"
        while child.poll() is None and not connection.execute(begun, [newest, step]).fetchone()[0]:
            time.sleep(0.02)
    try:
        child.wait(timeout=delay)
    except subprocess.TimeoutExpired:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        return True
    return False


@pytest.mark.long
@pytest.mark.timeout(5400)
def test_killed_in_every_step_readers_keep_one_set_and_another_try_ends_it(server, earlier, clean, folder):
    rng = random.Random(19)
    kills = 0
    for number in (1, 2):
        with new_warehouse(server, f"upgrade_kills_{number}", folder / "state", template=earlier) as settings:
            before = seen(settings)
            for step in pipeline.STEPS:
                kills += killed_in(step, rng.uniform(0, 0.5 if step == "publish" else 3), settings)
                time.sleep(1.5)  # the server notices that the client is gone
                if pipeline.outdated(settings):
                    assert seen(settings) == before, f"readers saw a part after a kill in {step}"
            daily.run_steps(AS_OF, settings)
            assert differences(settings, clean) == set()
    assert kills > len(pipeline.STEPS)
    print(f"{kills} kills, readers saw one set each time, both upgrades ended as a clean build")

"""A row of the seeds that cannot be used stops the cycle before anything is built, and says what, which value, and what to do."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from touchstone import checks, pipeline
from touchstone.errors import ConfigurationError
from touchstone.finance.assumptions import KINDS, faults, require_usable
from touchstone.settings import Settings, get_settings
from touchstone.warehouse.engine import connect

RATE = "human_hourly_rate,all,38.00,EUR per hour"


@pytest.fixture
def project(tmp_path: Path) -> Settings:
    """A checkout of its own with the shipped seeds."""
    shipped = get_settings().dbt_dir
    (tmp_path / "dbt_project").mkdir()
    shutil.copytree(shipped / "seeds", tmp_path / "dbt_project" / "seeds")
    shutil.copy(shipped / "dbt_project.yml", tmp_path / "dbt_project")
    return Settings(root=tmp_path)


def edit(settings: Settings, old: str, new: str, name: str = "assumptions.csv") -> None:
    path = settings.dbt_dir / "seeds" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_shipped_seeds_can_be_used(project: Settings) -> None:
    assert faults(project) == []
    text = (project.dbt_dir / "seeds" / "assumptions.csv").read_text()
    assert all(name in text for name in KINDS)


@pytest.mark.parametrize(
    ("old", "new", "thing", "value"),
    [
        (RATE, "human_hourly_rate,all,38;00,EUR per hour", "human_hourly_rate is no number", "38;00"),
        (RATE, "human_hourly_rate,all,NaN,EUR per hour", "human_hourly_rate is no number", "NaN"),
        (RATE, "human_hourly_rate,all,1e3,EUR per hour", "human_hourly_rate is no number", "1e3"),
        (RATE, "human_hourly_rate,all,,EUR per hour", "human_hourly_rate is no number", ""),
        (RATE, "human_hourly_rate,all,0,EUR per hour", "human_hourly_rate is out of range", "0"),
        (
            RATE,
            "human_hourly_rate,all,38.0000001,EUR per hour",
            "human_hourly_rate has too many decimals",
            "38.0000001",
        ),
        (RATE, "human_hourly_rate,all,38.00,USD per hour", "human_hourly_rate has another unit", "USD per hour"),
        (
            RATE,
            "human_hourly_rate,segment:smb,38.00,EUR per hour",
            "human_hourly_rate cannot apply to this",
            "segment:smb",
        ),
        (RATE, "human_hourly_rate,team:,38.00,EUR per hour", "human_hourly_rate cannot apply to this", "team:"),
        (RATE, "hourly_rate,all,38.00,EUR per hour", "an unknown assumption", "hourly_rate"),
        ("gross_margin,all,0.75", "gross_margin,all,75", "gross_margin is out of range", "75"),
        ("2026-01-01,2000-01-01", "01.01.2026,2000-01-01", "stated_on is no date", "01.01.2026"),
        ("2026-01-01,2000-01-01", "2026-01-01,2000-13-01", "valid_from is no date", "2000-13-01"),
        (",finance,", ",,", "human_hourly_rate has no owner", ""),
        ("name,applies_to", "name,scope", "other columns than expected", "name,scope,value"),
        (RATE, f"{RATE},more", "a line with another number of cells", "human_hourly_rate"),
    ],
)
def test_a_bad_row_is_named_with_its_value_and_remedy(
    project: Settings, old: str, new: str, thing: str, value: str
) -> None:
    edit(project, old, new)
    with pytest.raises(ConfigurationError) as refused:
        require_usable(project)
    assert refused.value.thing.startswith("assumptions.csv:")
    assert thing in refused.value.thing
    assert str(refused.value.value).startswith(value)
    assert refused.value.remedy


def test_versions_may_not_clash_nor_begin_before_that_of_all(project: Settings) -> None:
    path = project.dbt_dir / "seeds" / "assumptions.csv"
    row = path.read_text().splitlines()[1]
    path.write_text(
        path.read_text() + row + "\n" + row.replace(",all,", ",team:care,").replace("2000-01-01", "1999-01-01")
    )
    assert [(fault.thing, fault.value) for fault in faults(project)] == [
        ("two versions from the same day", "human_hourly_rate, all, 2000-01-01"),
        ("human_hourly_rate of team:care begins before that of all", "1999-01-01"),
    ]


def test_an_assumption_that_is_left_out_is_missed(project: Settings) -> None:
    path = project.dbt_dir / "seeds" / "assumptions.csv"
    kept = [line for line in path.read_text().splitlines() if not line.startswith("retention_effect")]
    path.write_text("\n".join(kept) + "\n")
    assert [(fault.thing, fault.value) for fault in faults(project)] == [
        ("an assumption is missing", "retention_effect")
    ]


@pytest.mark.parametrize(
    ("old", "new", "thing"),
    [
        ("containment_quality,10,percent", "containment,10,percent", "an unknown parameter"),
        ("ai_cost,20,percent", "ai_cost,20,points", "ai_cost cannot change by this unit"),
        ("ai_cost,20,percent", "ai_cost,-101,percent", "ai_cost is out of range"),
        ("AI cost +20 %,", "base,", "a scenario cannot be called so"),
        ("AI cost +20 %,", ",", "a scenario without a name"),
        ("AI cost +20 %,ai_cost,20", "escalations -10 %,escalations,5", "two changes of one parameter"),
    ],
)
def test_a_bad_scenario_is_named(project: Settings, old: str, new: str, thing: str) -> None:
    edit(project, old, new, "scenarios.csv")
    assert [fault.thing for fault in faults(project)] == [thing]


def test_the_cycle_stops_before_it_builds_with_a_bad_row(project: Settings, warehouse: Settings, monkeypatch) -> None:
    edit(project, "gross_margin,all,0.75", "gross_margin,all,seventy-five %")
    bad = warehouse.model_copy(update={"root": project.root})
    with pytest.raises(ConfigurationError, match=r"assumptions\.csv:9: gross_margin is no number: 'seventy-five %'"):
        pipeline.stage(datetime(2026, 3, 1, tzinfo=UTC), bad)
    with connect("transformer", settings=warehouse) as connection:
        assert connection.execute("select to_regclass('staging.assumptions')").fetchone()[0] is None
    monkeypatch.setattr("touchstone.finance.assumptions.get_settings", lambda: bad)
    monkeypatch.setattr(checks, "CHECKS", {"assumptions": checks.CHECKS["assumptions"]})
    ((_, verdict, remedy),) = checks.run_checks()
    assert "gross_margin is no number: 'seventy-five %'" in verdict
    assert remedy

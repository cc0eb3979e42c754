"""The contract of the published tables: what readers rely on does not leave unannounced."""

from __future__ import annotations

import pytest
import yaml

from touchstone.bi.contract import (
    Contract,
    Table,
    breaks,
    contract_file,
    declared,
    problems,
    read,
    updated,
    write,
)
from touchstone.errors import ConfigurationError
from touchstone.settings import get_settings

ROOT = get_settings().root
MART = Table(("day",), {"day": "date", "n": "int", "mean": "double precision"})
OTHER = Table(("agent_key",), {"agent_key": "text"})
PROMISED = Contract(tables={"rpt_days": MART, "dim_people": OTHER})
LESS = Table(("day",), {"day": "date", "mean": "double precision"})


def test_the_checked_in_contract_is_what_the_models_build():
    assert problems(read(), declared(), (ROOT / "CHANGELOG.md").read_text()) == []
    assert len(read().tables) >= 80


def test_the_file_is_as_the_command_writes_it(tmp_path):
    write(read(), tmp_path / "contract.yml")
    assert (tmp_path / "contract.yml").read_text() == contract_file().read_text()
    assert not any(
        name.startswith("fct_evidence_quotes") for name in yaml.safe_load(contract_file().read_text())["tables"]
    )


@pytest.mark.parametrize(
    ("built", "said"),
    [
        ({"dim_people": OTHER}, "rpt_days is gone"),
        ({"rpt_days": LESS, "dim_people": OTHER}, "rpt_days.n is gone"),
        (
            {"rpt_days": Table(("day",), MART.columns | {"n": "bigint"}), "dim_people": OTHER},
            "rpt_days.n is bigint, not int",
        ),
        (
            {"rpt_days": Table(("day", "n"), MART.columns), "dim_people": OTHER},
            "rpt_days has the key (day, n), not (day)",
        ),
    ],
    ids=["table removed", "column removed", "column of another type", "another key"],
)
def test_what_breaks_readers_is_refused_until_it_is_announced(built, said):
    assert breaks(PROMISED.tables, built) == [said]
    assert any(one.startswith(said) for one in problems(PROMISED, built, ""))
    with pytest.raises(ConfigurationError, match="loses what readers rely on"):
        updated(PROMISED, built)
    raised = updated(PROMISED, built, breaking=True)
    assert (raised.version, raised.broken) == (2, {2: [said]})
    assert problems(raised, built, "| 0.3.0 | `rpt_days` | new | no |\n")[0].startswith(
        "CHANGELOG.md does not announce"
    )
    assert problems(raised, built, "| 0.4.0 | `rpt_days` | contract 2: n is gone | no |\n") != []
    assert problems(raised, built, "| 0.4.0 | `rpt_days` | contract 2: n is gone | yes, for its readers |\n") == []


def test_a_renamed_column_is_one_that_is_gone_and_one_that_is_new():
    renamed = {"rpt_days": Table(("day",), LESS.columns | {"count": "int"}), "dim_people": OTHER}
    said = problems(PROMISED, renamed, "")
    assert [one.split(":")[0] for one in said] == ["rpt_days.n is gone", "rpt_days.count is new"]


def test_additions_need_no_version_but_have_to_be_taken_up():
    more = PROMISED.tables | {
        "rpt_weeks": OTHER,
        "dim_people": Table(("agent_key",), OTHER.columns | {"team": "text"}),
    }
    assert [one.split(" ")[0] for one in problems(PROMISED, more, "")] == ["rpt_weeks", "dim_people.team"]
    taken = updated(PROMISED, more)
    assert (taken.version, problems(taken, more, "")) == (1, [])


def test_int_and_integer_are_one_type():
    assert breaks({"t": Table(("a",), {"a": "int"})}, {"t": Table(("a",), {"a": "integer"})}) == []


def test_what_is_deprecated_says_so_where_readers_look():
    contract = Contract(tables=PROMISED.tables, deprecated={"rpt_days.n": "read rpt_weeks.n"})
    assert "begin its description" in problems(contract, PROMISED.tables, "")[0]
    described = PROMISED.tables | {"rpt_days": Table(MART.key, MART.columns, frozenset({"n"}))}
    assert problems(contract, described, "") == []
    assert "name it in bi/contract.yml" in problems(PROMISED, described, "")[0]
    # once it has left, it is on the list of what was broken instead
    after = updated(contract, {"rpt_days": LESS, "dim_people": OTHER}, breaking=True)
    assert (after.deprecated, after.broken) == ({}, {2: ["rpt_days.n is gone"]})


def test_models_are_read_with_their_keys_and_a_mart_without_one_is_named(tmp_path):
    (tmp_path / "_area__models.yml").write_text(
        "models: [{name: rpt_a, description: Deprecated. See rpt_b., columns: [{name: x, data_type: int, description: X.}]}]"
    )
    (tmp_path / "rpt_a.sql").write_text("{{ config(unique_key=['x', 'y']) }} select 1")
    assert declared(tmp_path) == {"rpt_a": Table(("x", "y"), {"x": "int"}, frozenset({""}))}
    (tmp_path / "rpt_a.sql").write_text("select 1")
    with pytest.raises(ConfigurationError, match="rpt_a"):
        declared(tmp_path)


def test_removing_a_column_of_a_real_model_fails(tmp_path):
    built = declared()
    name, table = next((name, table) for name, table in built.items() if name == "rpt_service_daily")
    built[name] = Table(table.key, {column: kind for column, kind in table.columns.items() if column != "fcr_7d_count"})
    assert [one.split(":")[0] for one in problems(read(), built, "")] == ["rpt_service_daily.fcr_7d_count is gone"]

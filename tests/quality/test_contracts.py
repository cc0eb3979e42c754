"""The contracts are well formed, and what is not is refused with its name."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pytest
import yaml
from pydantic import SecretStr

from touchstone.errors import ConfigurationError
from touchstone.quality.contract import GATES, Claim, load_contract, resolve
from touchstone.quality.runner import connection_string
from touchstone.quality.sql import escape_for_sqlalchemy, literal, render
from touchstone.settings import Settings


@pytest.mark.parametrize("gate", GATES)
def test_a_claim_is_told_apart_by_its_words_and_its_relation(gate: str) -> None:
    contract = load_contract(gate, Settings())
    claims = [(claim.claim, entry.checks) for entry in contract.sets for claim in entry.claims]
    assert len(claims) == len(set(claims)) > 15
    assert all(claim.remedy.endswith(".") for entry in contract.sets for claim in entry.claims)


@pytest.mark.parametrize("gate", GATES)
def test_every_parameter_is_used_and_says_why(gate: str) -> None:
    text = (Settings().root / "expectations" / f"{gate}.yml").read_text()
    document = yaml.safe_load(text)
    for name, entry in document["parameters"].items():
        assert f"${name}" in text, name
        assert len(entry["why"]) > 10, name


def _settings(folder: Path, change: dict[str, object]) -> Settings:
    document = yaml.safe_load((Settings().root / "expectations" / "gate_3.yml").read_text()) | change
    (folder / "expectations").mkdir()
    (folder / "expectations" / "gate_3.yml").write_text(yaml.safe_dump(document))
    (folder / "dbt_project").mkdir()
    (folder / "dbt_project" / "dbt_project.yml").write_text("vars: {min_cell_n: 30, label_length: 80}")
    return Settings(root=folder)


CLAIM = {"claim": "c", "type": "t", "severity": "blocking", "remedy": "r."}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gate": "gate_2"}, "names another gate: 'gate_2'"),
        ({"parameters": {"p": {"value": 1}}}, "parameter p of gate_3 is not well formed"),
        ({"parameters": {"p": {"var": "min_cel_n", "why": "x"}}}, "unknown var: 'min_cel_n'"),
        ({"sets": [{"name": "s", "checks": "c"}]}, "set s of gate_3 is not well formed"),
        ({"sets": [{"name": "s", "checks": "c", "sql": "x", "expectation": []}]}, "not well formed: 'expectation'"),
        ({"sets": [{"name": "s", "checks": "c", "sql": "x", "optional": "core.x"}]}, "sql_when_absent"),
        (
            {"sets": [{"name": "s", "checks": "c", "sql": "x", "expectations": [CLAIM | {"severity": "fatal"}]}]},
            "an expectation of gate_3 is not well formed: 'c'",
        ),
    ],
)
def test_a_malformed_contract_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message.replace("(", r"\(")):
        load_contract("gate_3", _settings(tmp_path, change))


def test_column_patterns_find_their_columns() -> None:
    claim = Claim(
        claim="c",
        type="t",
        severity="blocking",
        remedy="r",
        kwargs={"columns": {"like": "*_n", "unlike": "is_*"}, "low": "$floor", "condition": "a > $floor"},
    )
    resolved = resolve(claim, {"floor": 2}, ["rated_n", "is_below_min_n", "n"])
    assert resolved == {"columns": ["rated_n"], "low": 2, "condition": "a > 2"}
    assert resolve(claim, {"floor": 2}, ["n"]) is None


def test_an_undefined_parameter_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"\$as_off"):
        render("select $as_off", {"as_of": 1})


@pytest.mark.parametrize(
    "value",
    ["plain", "o'clock", "back\\slash", "100 % :colon ::cast {brace}", "ünïcode ☎", "'; drop table x; --"],
)
def test_a_literal_means_its_value(server, value: str) -> None:
    with psycopg.connect(server.url("postgres")) as connection:
        assert connection.execute(f"select {literal(value)}").fetchone()[0] == value
        assert connection.execute(f"select {literal([value, 'b'])}").fetchone()[0] == [value, "b"]
        moment = datetime(2026, 3, 31, 5, 6, 7, tzinfo=UTC)
        assert connection.execute(f"select {literal(moment)}").fetchone()[0] == moment


def test_colons_reach_the_server_as_they_are(server) -> None:
    from sqlalchemy import create_engine, text

    statement = "select '12:34:56' || '(?:x) :name %' || 1::text"
    engine = create_engine(server.url("postgres").replace("postgresql://", "postgresql+psycopg2://"))
    try:
        with engine.connect() as connection:
            found = connection.execute(text(escape_for_sqlalchemy(statement))).scalar()
    finally:
        engine.dispose()
    assert found == "12:34:56(?:x) :name %1"


def test_a_password_with_special_characters_survives() -> None:
    url = SecretStr("postgresql://us%40er:p%24HOME%3A%2F%40%25x@db.example:6543/ware%20house")
    found = connection_string(Settings(warehouse_url=url))
    assert "$" not in found
    parts = urlsplit(found)
    assert (parts.hostname, parts.port) == ("db.example", 6543)
    assert unquote(parts.password) == "p$HOME:/@%x"
    assert unquote(parts.username) == "us@er"
    assert unquote(parts.path) == "/ware house"


def test_a_socket_folder_is_refused_with_a_remedy() -> None:
    with pytest.raises(ConfigurationError, match="need a warehouse with a host: '/run/postgresql'"):
        connection_string(Settings(warehouse_url=SecretStr("postgresql:///w?host=/run/postgresql&user=me")))

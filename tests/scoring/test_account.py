"""The account of an interaction on a real warehouse: its quotes are the texts, its records those of the marts."""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import timedelta

import psycopg
import pytest

from cycles import DAYS, WHOLE
from touchstone import cli, daily
from touchstone.errors import ConfigurationError, TouchstoneError, WarehouseError
from touchstone.reports.statistics import wilson_interval
from touchstone.sample import FIRST_DAY
from touchstone.scoring.account import Account, account
from touchstone.settings import Settings
from touchstone.sources import files
from touchstone.warehouse.engine import connect
from warehouses import new_warehouse

SPOKEN = "<script>alert(1)</script> \x1b[31mI guarantee you\x1b[0m <b>never</b> again"


def _conversation(name: str) -> dict:
    at = "2026-03-16T09:0{}:00Z"
    says = [
        ("customer", "My <img src=x> app crashed. This is ridiculous!"),
        ("human_agent", SPOKEN),
        ("customer", "ok"),
    ]
    return {
        "interaction_id": name,
        "channel": "chat",
        "language": "en",
        "topic": "billing",
        "status": "solved",
        "messages": [
            {
                "message_id": f"{number}",
                "actor": actor,
                "actor_id": f"{actor}-1",
                "sent_at": at.format(number),
                "text": text,
            }
            for number, (actor, text) in enumerate(says)
        ],
    }


@pytest.fixture(scope="module")
def settings(server, whole, tmp_path_factory) -> Settings:
    """The shipped conversations, with one that holds markup, and an id that two instances hold."""
    folder = tmp_path_factory.mktemp("account")
    with new_warehouse(server, "account", folder / "state", WHOLE) as settings:
        as_of = daily.end_of_day(FIRST_DAY + timedelta(days=DAYS - 1))
        for instance, names in (("sample", ("markup", "twice")), ("other", ("twice",))):
            path = folder / f"{instance}.jsonl"
            path.write_text("".join(json.dumps(_conversation(name)) + "\n" for name in names))
            files.ingest(path, as_of=as_of, instance=instance, settings=settings)
        daily.run_steps(as_of, settings)
        yield settings


@pytest.fixture
def database(settings) -> psycopg.Connection:
    with connect("transformer", settings=settings, autocommit=True) as connection:
        yield connection


def _indicators(side) -> list:
    return [one for dimension in side.dimensions for one in dimension.indicators]


def _richest(connection: psycopg.Connection) -> str:
    """An interaction in which both sides replied, with as many failures as any."""
    return connection.execute(
        """
        select interaction_key from marts.fct_indicator_results
        group by interaction_key having count(distinct subject) = 2
        order by count(*) filter (where outcome = 'fails') desc, interaction_key limit 1
        """
    ).fetchone()[0]


def test_quotes_are_the_texts_at_their_offsets(settings, database):
    key = _richest(database)
    found = account(key, settings=settings)
    assert [one.subject for one in found.sides] == ["human_agent", "ai_agent"]
    quoted = [
        (side.subject, one.indicator_id, quote.message_key, quote.start, quote.end, quote.text)
        for side in found.sides
        for one in _indicators(side)
        for quote in one.quotes
    ]
    expected = database.execute(
        """
        select subject, indicator_id, message_key, start_offset, end_offset,
            substr(text, start_offset + 1, end_offset - start_offset)
        from marts.fct_evidence inner join core.messages using (interaction_key, message_key) where interaction_key = %s
        """,
        [key],
    ).fetchall()
    assert sorted(quoted) == sorted(expected)
    assert len(quoted) > 5
    moments = [one.missed_moment for side in found.sides for one in _indicators(side) if one.outcome == "fails"]
    assert all(one.text for one in moments)


def test_scores_are_those_of_the_marts(settings, database):
    key = _richest(database)
    found = {side.subject: (side.total, side.tier) for side in account(key, settings=settings).sides}
    published = database.execute(
        "select subject, total_score, tier from marts.fct_interaction_scores where interaction_key = %s", [key]
    ).fetchall()
    assert found == {subject: (total, tier) for subject, total, tier in published}
    assert all(side.calibrated is None for side in account(key, settings=settings).sides)


def test_records_are_the_counts_of_all_interactions(settings, database):
    key = _richest(database)
    team_shares = []
    for side in account(key, settings=settings).sides:
        agent = database.execute(
            "select distinct agent_key from marts.fct_indicator_results where interaction_key = %s and subject = %s",
            [key, side.subject],
        ).fetchone()[0]
        counted = {
            indicator: values
            for indicator, *values in database.execute(
                """
                select indicator_id, count(*) filter (where agent_key = %(agent)s),
                    count(*) filter (where agent_key = %(agent)s and outcome = 'holds'),
                    avg((outcome = 'holds')::int::float8) filter (
                        where team = (select team from marts.dim_agents where agent_key = %(agent)s)
                    )
                from marts.fct_indicator_results inner join marts.dim_agents using (agent_key)
                where subject = %(subject)s and outcome <> 'not_applicable' group by indicator_id
                """,
                {"agent": agent, "subject": side.subject},
            )
        }
        judged = [one for one in _indicators(side) if one.outcome != "not_applicable"]
        assert len(judged) > 5
        for one in judged:
            n, held, team_share = counted[one.indicator_id]
            assert (one.record.n, one.record.held) == (n, held)
            assert (one.record.low, one.record.high) == wilson_interval(held, n, 1.959963984540054)
            assert one.record.team_share == pytest.approx(team_share)
            team_shares.append(team_share)
            assert (sum(n for _, n, _ in one.record.by_month), sum(h for *_, h in one.record.by_month)) == (n, held)
            assert [month for month, _, _ in one.record.by_month] == sorted(
                {month for month, _, _ in one.record.by_month}
            )
    assert any(share is not None for share in team_shares)


def _markup(settings: Settings) -> Account:
    return account("markup", settings=settings)


def test_an_id_of_the_source_is_enough_and_customers_words_are_escaped(settings):
    found = _markup(settings)
    assert found.interaction.interaction_id == "markup"
    page = found.as_html()
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    text = found.as_text()
    assert "\x1b" not in text
    assert "I guarantee you" in text
    assert text.startswith("Interaction markup of files:sample, chat, billing, 2026-03-16 09:00 UTC; key ")


def test_what_is_unknown_ambiguous_or_was_not_judged_is_said(settings, database):
    with pytest.raises(ConfigurationError, match="no such interaction: 'nothing'"):
        account("nothing", settings=settings)
    keys = [
        hashlib.md5(f"files:{name}:twice".encode(), usedforsecurity=False).hexdigest() for name in ("sample", "other")
    ]
    with pytest.raises(ConfigurationError, match="several sources hold this id: 'twice'") as error:
        account("twice", settings=settings)
    assert all(key in str(error.value) for key in keys)
    assert account(keys[1], settings=settings).interaction.instance == "other"
    with pytest.raises(ConfigurationError, match="no such side: 'robot'"):
        account("markup", "robot", settings)
    with pytest.raises(ConfigurationError, match=r"did not reply: 'ai_agent'\. In markup replied human_agent"):
        account("markup", "ai_agent", settings)
    excluded, reason = database.execute(
        "select interaction_key, excluded_reason from core.interactions where not is_eligible order by 1 limit 1"
    ).fetchone()
    with pytest.raises(TouchstoneError, match=f"excluded as {reason}"):
        account(excluded, settings=settings)


def test_a_score_of_another_rubric_is_not_explained(settings, database):
    key = _markup(settings).interaction.interaction_key
    change = (
        "update scores.interaction_scores set rubric_version = %s where interaction_key = %s returning rubric_version"
    )
    made_with = database.execute(
        "select rubric_version from scores.interaction_scores where interaction_key = %s", [key]
    ).fetchone()[0]
    database.execute(change, ["older", key])
    try:
        with pytest.raises(
            TouchstoneError, match=f"another version of the rubric: 'older'. The loaded one is {made_with}"
        ):
            account(key, settings=settings)
    finally:
        database.execute(change, [made_with, key])


def test_what_an_active_model_shows_stands_beside_the_rubrics_score(settings, database):
    key = _richest(database)
    database.execute(
        """
        update marts.fct_interaction_scores set calibrated_total_score = 71.4, tier = 'acceptable', calibrator_version = 'learned-1'
        where interaction_key = %s and subject = 'human_agent'
        """,
        [key],
    )
    database.execute(
        """
        update marts.fct_dimension_scores set calibrated_score = 83.2
        where interaction_key = %s and subject = 'human_agent' and dimension_id = 'resolution'
        """,
        [key],
    )
    try:
        human, machine = account(key, settings=settings).sides
    finally:
        for table, column in (("interaction", "calibrated_total_score"), ("dimension", "calibrated_score")):
            database.execute(f"update marts.fct_{table}_scores set {column} = null where interaction_key = %s", [key])
    assert machine.calibrated is None
    assert (human.calibrated.total, human.calibrated.model) == (71.4, "learned-1")
    assert human.calibrated.dimensions == {"resolution": 83.2}
    assert "Readers see 71, acceptable: the model learned-1 has learned from reviewers." in human.as_text()
    assert "Resolution: " in human.as_text()
    assert ", readers see 83" in human.as_text()
    assert "Readers see 71" in human.as_html()


def _run(monkeypatch, capsys, *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["touchstone", *arguments])
    with pytest.raises(SystemExit) as done:
        cli.main()
    said = capsys.readouterr()
    return done.value.code, said.out + said.err


def test_the_command_prints_text_json_or_writes_a_page(settings, tmp_path, monkeypatch, capsys):
    code, text = _run(monkeypatch, capsys, "explain", "markup")
    assert (code, text) == (0, _markup(settings).as_text())
    code, text = _run(monkeypatch, capsys, "explain", "markup", "--subject", "human_agent", "--json")
    assert code == 0
    assert json.loads(text) == json.loads(json.dumps(_markup(settings).as_data()))
    page = tmp_path / "markup.html"
    assert _run(monkeypatch, capsys, "explain", "markup", "--html", str(page)) == (0, f"{page}\n")
    assert page.read_text() == _markup(settings).as_html()
    code, text = _run(monkeypatch, capsys, "explain", "nothing")
    assert (code, text.startswith("error: there is no such interaction: 'nothing'. Give")) == (2, True)


def test_before_the_first_cycle_it_says_so(warehouse):
    with pytest.raises(WarehouseError, match="nothing has been published"):
        account("markup", settings=warehouse)

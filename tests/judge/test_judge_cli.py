"""`touchstone judge check` gives a clear verdict, and `probe` a figure."""

from __future__ import annotations

import re

import pytest
from judge_stand_in import knowing, obedient, spoken, status, truths
from typer.testing import CliRunner

from touchstone.errors import ConfigurationError
from touchstone.judge.cli import app
from touchstone.judge.probe import conversations

SECRET = "sk-canary-8f2a"


@pytest.fixture
def run(tmp_path, monkeypatch, stand_in):
    def command(name: str, *, enabled: bool = True, **values: str) -> tuple[int, list[str]]:
        given = {"ENABLED": "true", "BASE_URL": stand_in.url, "MODEL": "stand-in", "API_KEY": SECRET, "ATTEMPTS": "2"}
        for variable, value in ({**given, **values} if enabled else values).items():
            monkeypatch.setenv(f"TOUCHSTONE_JUDGE_{variable}", value)
        result = CliRunner().invoke(app, [name, "--store", str(tmp_path / "judge.sqlite")])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert SECRET not in result.output
        return result.exit_code, result.output.splitlines()

    return command


def test_a_judge_that_is_off_is_said_to_be(run, stand_in, tmp_path):
    code, lines = run("check", enabled=False)
    assert (code, len(lines)) == (0, 1)
    assert "switched off: the rules score alone, nothing leaves this machine" in lines[0]
    assert not stand_in.asked
    assert not (tmp_path / "judge.sqlite").exists()  # it needs no warehouse either


def test_a_judge_that_works(run, stand_in):
    stand_in.answer = knowing(conversations())
    code, lines = run("check")
    assert code == 0
    assert [line[:4] for line in lines] == ["ok  "] * 5
    assert "800 tokens" in lines[1]
    assert "5 of 5 keep to the schema" in lines[2]
    assert "800 of 2,000,000 tokens spent today" in lines[4]
    assert len(stand_in.asked) == 1


def wrong(asked):
    return spoken(
        {
            "verdicts": truths(asked, conversations())
            | {"q1": {**truths(asked, conversations())["q1"], "outcome": "fails"}}
        }
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: status(401, {"message": f"Incorrect API key: {SECRET}"}), 'FAIL endpoint: .*it says: "Incorrect API key: \\*\\*\\*".*API_KEY'),
        (lambda _: status(404, {"message": "no model", "code": "model_not_found"}), "FAIL endpoint: .*model_not_found.*MODEL"),
        (lambda _: status(500), "FAIL endpoint: status 500, 2 times.*BASE_URL"),
        (lambda _: spoken("Hello!"), "FAIL answer: 0 of 5 usable.*not JSON.*RESPONSE_FORMAT"),
        (lambda _: spoken(None, refusal="No."), "FAIL endpoint: the model refuses"),
        (wrong, "FAIL judgement: wrong about greets"),
    ],
)  # fmt: skip
def test_a_judge_that_does_not_work_says_what_to_do(run, stand_in, answer, said):
    stand_in.answer = answer
    code, lines = run("check")
    assert code == 1
    failed = [line for line in lines if line.startswith("FAIL")]
    assert len(failed) == 1
    assert re.search(said, failed[0]), failed[0]


def test_a_spent_budget_is_a_failed_check(run, stand_in):
    code, lines = run("check", TOKENS_PER_DAY="10")
    assert code == 1
    assert "FAIL endpoint: cap of the day: 0 of 10 tokens spent" in lines[1]
    assert not stand_in.asked


def test_the_probe_tells_a_steady_model_from_an_obedient_one(run, stand_in):
    plenty = {"TOKENS_PER_RUN": "100000000", "TOKENS_PER_DAY": "100000000"}
    stand_in.answer = knowing(conversations())
    code, lines = run("probe", **plenty)
    assert (code, lines[-1]) == (0, "ok: this model keeps its verdicts")
    stand_in.answer = obedient(quotes="agent")
    code, lines = run("probe", MODEL="obedient", **plenty)
    assert code == 1
    assert "escapes: 0" in lines[1]
    assert lines[-1].startswith("FAIL: a shift over 0.05 or an escape")
    stand_in.say(status(401))
    code, lines = run("probe", MODEL="third", **plenty)
    assert (code, lines[-1]) == (1, "FAIL: the judge gave no verdict; run `touchstone judge check`")


def test_the_probe_of_a_judge_that_is_off_says_so(run):
    with pytest.raises(ConfigurationError, match="ENABLED=true"):
        run("probe", enabled=False)

"""Off unless switched on; what cannot work is named; the secret is never shown."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from touchstone.errors import ConfigurationError
from touchstone.judge.settings import JudgeSettings, judge_settings

SECRET = "sk-canary-8f2a"


@pytest.fixture
def environment(monkeypatch):
    def put(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"TOUCHSTONE_JUDGE_{name}", value)

    return put


def test_it_is_off_by_default():
    assert judge_settings().enabled is False


def test_what_is_set_is_read(environment):
    environment(
        ENABLED="true", BASE_URL="https://api.example.com/v1/", MODEL="m", API_KEY=SECRET, PARAMETERS='{"top_p": 0.1}'
    )
    settings = judge_settings()
    assert settings.base_url == "https://api.example.com/v1"
    assert settings.parameters == {"top_p": 0.1}
    assert settings.api_key.get_secret_value() == SECRET
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"ENABLED": "true"}, "without base_url.*TOUCHSTONE_JUDGE_BASE_URL"),
        ({"ENABLED": "true", "BASE_URL": "https://a.example"}, "without model"),
        ({"BASE_URL": "http://api.example.com"}, "BASE_URL.*must start with https://"),
        ({"BASE_URL": "ftp://api.example.com"}, "must start with https://"),
        ({"BASE_URL": "api.example.com"}, "must start with https://"),
        ({"BASE_URL": "https://user:canary@api.example.com"}, "must hold no credentials"),
        ({"BASE_URL": "https://api.example.com/?key=canary"}, "must hold no credentials"),
        ({"API_KEY": "sk-canary\n"}, "API_KEY.*must hold no white space"),
        ({"API_KEY": "sk-canäry"}, "API_KEY.*beyond ASCII"),
        ({"RESPONSE_FORMAT": "xml"}, "RESPONSE_FORMAT.*json_object"),
        ({"PARAMETERS": '{"tools": []}'}, "PARAMETERS.*must not set tools"),
        ({"PARAMETERS": "temperature=0"}, "PARAMETERS.*must be JSON"),
        ({"COST_PER_DAY": "5"}, "COST_PER_DAY.*needs TOUCHSTONE_JUDGE_INPUT_PRICE"),
        ({"CONCURRENCY": "0"}, "CONCURRENCY.*greater than or equal to 1"),
        ({"MODLE": "m"}, "unknown setting.*TOUCHSTONE_JUDGE_MODLE"),
    ],
)
def test_what_cannot_work_is_named_without_its_secret(environment, values, said):
    environment(**values)
    with pytest.raises(ConfigurationError, match=said) as raised:
        judge_settings()
    assert "canary" not in str(raised.value)


def test_settings_made_in_code_do_not_show_what_they_refuse():
    with pytest.raises(ValidationError) as raised:
        JudgeSettings(base_url="https://user:canary@api.example.com", api_key=f"{SECRET}\n")
    assert "canary" not in str(raised.value)


def test_plain_http_is_for_this_machine():
    assert JudgeSettings(base_url="http://localhost:8080/v1").base_url == "http://localhost:8080/v1"


def test_cost_is_rounded_up_to_a_millionth():
    settings = JudgeSettings(input_price=0.15, output_price=0.6)
    assert settings.micros(1_000_000, 0) == 150_000
    assert settings.micros(1, 0) == 1
    assert settings.micros(0, 0) == 0
    assert JudgeSettings().micros(10, 10) == 0

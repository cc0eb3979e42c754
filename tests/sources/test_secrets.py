"""Credentials come from the environment or from a connection, and an error about them never holds one."""

from __future__ import annotations

import pytest

from touchstone.errors import ConfigurationError, SourceError
from touchstone.settings import Settings
from touchstone.sources import sandbox
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import parsed
from touchstone.sources.secrets import find_secrets
from touchstone.statefiles import write_json

NAMES = {"email": "e-mail address of the API user", "ai_agents_key": "API key", "api_token": "API token"}


@pytest.fixture
def source() -> SourceInstance:
    return SourceInstance(
        parsed({"source": "zendesk", "instance": "eu", "base_url": "https://a.example", "start": "2026-01-01"}, "entry")
    )


def test_each_credential_has_a_variable(source, monkeypatch):
    for name in NAMES:
        monkeypatch.setenv(f"TOUCHSTONE_ZENDESK_EU_{name.upper()}", f"value of {name}")
    assert find_secrets(source, (NAMES,)) == {name: f"value of {name}" for name in NAMES}


@pytest.mark.parametrize(
    "stated",
    [
        '{"conn_type": "http", "login": "a@b.example", "password": "p@ss/word", "extra": {"ai_agents_key": "k1"}}',
        '{"login": "a@b.example", "password": "p@ss/word", "extra": "{\\"ai_agents_key\\": \\"k1\\"}"}',
        "http://a%40b.example:p%40ss%2Fword@/?ai_agents_key=k1",
    ],
)
def test_a_connection_of_airflow_is_read_in_each_of_its_forms(source, monkeypatch, stated):
    monkeypatch.setenv("AIRFLOW_CONN_TOUCHSTONE_ZENDESK_EU", stated)
    assert find_secrets(source, (NAMES,)) == {"email": "a@b.example", "api_token": "p@ss/word", "ai_agents_key": "k1"}


def test_a_variable_of_its_own_goes_before_the_connection(source, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TOUCHSTONE_ZENDESK_EU", '{"login": "a@b.example", "password": "old"}')
    monkeypatch.setenv("TOUCHSTONE_ZENDESK_EU_API_TOKEN", "new")
    assert find_secrets(source, ({"email": "", "api_token": ""},))["api_token"] == "new"


def test_what_is_missing_is_named_with_where_it_may_be(source):
    with pytest.raises(ConfigurationError, match=r"zendesk:eu: no e-mail address.*Set TOUCHSTONE_ZENDESK_EU_EMAIL, or"):
        find_secrets(source, (NAMES,))


@pytest.mark.parametrize("value", ["canary-token\n", " canary-token", "canary\x00token"])
def test_a_credential_that_cannot_be_sent_is_refused_without_showing_it(source, monkeypatch, value):
    if "\x00" in value:
        monkeypatch.setenv(
            "AIRFLOW_CONN_TOUCHSTONE_ZENDESK_EU", '{"login": "a@b.example", "password": "canary\\u0000token"}'
        )
    else:
        monkeypatch.setenv("TOUCHSTONE_ZENDESK_EU_API_TOKEN", value)
    monkeypatch.setenv("TOUCHSTONE_ZENDESK_EU_EMAIL", "a@b.example")
    with pytest.raises(ConfigurationError, match="white space or control characters") as raised:
        find_secrets(source, ({"email": "e-mail", "api_token": "API token"},))
    assert "canary" not in str(raised.value)


def test_a_connection_that_is_neither_form_is_refused_without_showing_it(source, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TOUCHSTONE_ZENDESK_EU", '{"password": "canary-token"')
    with pytest.raises(ConfigurationError, match="neither JSON nor a URI") as raised:
        find_secrets(source, (NAMES,))
    assert "canary" not in str(raised.value)


def test_the_simulated_vendors_tell_address_and_credentials(tmp_path):
    settings = Settings(home=tmp_path)
    source = SourceInstance(
        parsed(
            {"source": "zendesk", "instance": "sandbox", "base_url": "{sandbox}/zendesk", "start": "2026-01-01"},
            "entry",
        )
    )
    with pytest.raises(SourceError, match=r"simulated vendors do not run.*touchstone sandbox serve"):
        find_secrets(source, (NAMES,), settings)
    told = {"url": "http://127.0.0.1:4711", "credentials": {"zendesk": {"email": "a@b.example", "api_token": "t"}}}
    write_json(sandbox.server_file(settings), told)
    assert find_secrets(source, (NAMES,), settings) == told["credentials"]["zendesk"]
    assert sandbox.resolved("{sandbox}/zendesk", settings) == "http://127.0.0.1:4711/zendesk"
    assert sandbox.resolved("https://acme.zendesk.com", settings) == "https://acme.zendesk.com"
    assert sandbox.server_file(settings).stat().st_mode & 0o077 == 0

"""config/sources.yml says what to write when it cannot work."""

from __future__ import annotations

import pytest

from touchstone.errors import ConfigurationError
from touchstone.settings import Settings
from touchstone.sources.config import find_source, load_sources

GOOD = "sources:\n  - {source: files, instance: default, path: inbox/}\n"


@pytest.fixture
def write(tmp_path):
    def write(text: str) -> Settings:
        (tmp_path / "config").mkdir(exist_ok=True)
        (tmp_path / "config" / "sources.yml").write_text(text)
        return Settings(root=tmp_path)

    return write


def test_the_shipped_file_holds_the_inbox_and_the_sample():
    assert [source.name for source in load_sources(Settings())] == [
        "files:default",
        "files:sample",
        "zendesk:sandbox",
        "hubspot:sandbox",
        "mixpanel:sandbox",
    ]


def test_an_instance_is_found_by_its_name(write, tmp_path):
    settings = write(GOOD + '  - {source: files, instance: eu, path: /data, schedule: "0 5 * * *"}\n')
    source = find_source("files:eu", settings)
    assert (source.source, source.instance, source.schedule) == ("files", "eu", "0 5 * * *")
    assert str(source.location(settings)) == "/data"
    assert find_source("files:default", settings).location(settings) == tmp_path / "inbox"
    with pytest.raises(ConfigurationError, match=r"Did you mean files:default\?"):
        find_source("files:defualt", settings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lists no sources.*Write `sources:`"),
        ("sources: []", "lists no sources"),
        ("sources: [", "is not YAML"),
        ("sources: [files]", "entry 1 .* is not a mapping: 'files'. Write it as"),
        (
            "sources: [{source: zendsk, path: x}]",
            "unknown source: 'zendsk'. Write `source:` with one of files, ",
        ),
        ("sources: [{source: files}]", "`path` is missing. Write it as in .source: files"),
        ("sources: [{source: zendesk, path: x}]", "`path` is unknown.*It takes source, instance, schedule, connection"),
        (
            "sources: [{source: zendesk, base_url: acme.zendesk.com, start: 2026-01-01}]",
            "`base_url` must start with https",
        ),
        ("sources: [{source: zendesk, base_url: https://acme.zendesk.com}]", "`start` is missing"),
        (
            "sources: [{source: mixpanel, project_id: 1, time_zone: Berlin, start: 2026-01-01}]",
            "`time_zone` must be a name of the time zone database.*: 'Berlin'",
        ),
        ("sources: [{source: files, path: x, instnace: a}]", "unknown key: 'instnace'. Write `instance:`"),
        (
            "sources: [{source: files, path: x, instance: Shop EU}]",
            "`instance` cannot be used: 'Shop EU'. Write lower-case",
        ),
        (
            "sources: [{source: files, path: x, schedule: daily}]",
            "`schedule` cannot be used: 'daily'. Write a cron expression of five fields",
        ),
        (GOOD + "  - {source: files, path: other/}\n", "names a source instance twice: 'files:default'"),
    ],
)
def test_an_error_says_what_to_write(write, text, said):
    with pytest.raises(ConfigurationError, match=said):
        load_sources(write(text))


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"sources\.yml"):
        load_sources(Settings(root=tmp_path))

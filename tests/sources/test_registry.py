"""What a source declares is what its connector lands, and what the models read."""

from __future__ import annotations

import sys

import pytest
import yaml

from touchstone.settings import get_settings
from touchstone.sources.options import Connected, parsed
from touchstone.sources.registry import connector, declarations

CONNECTED = [name for name, one in declarations().items() if one.connector]


def test_sources_are_found_by_their_packages():
    assert {"files", "hubspot", "mixpanel", "zendesk"} <= set(declarations())
    assert all(name == one.name for name, one in declarations().items())


@pytest.mark.parametrize("name", CONNECTED)
def test_a_connector_lands_into_the_tables_that_are_declared(name):
    declared = declarations()[name]
    assert set(connector(name).raw) == set(declared.streams)
    assert set(declared.interactions) <= set(declared.streams)
    assert connector(name).name == name
    assert issubclass(declared.options, Connected)


@pytest.mark.parametrize("name", sorted(declarations()))
def test_the_example_of_an_entry_works(name):
    declared = declarations()[name]
    assert parsed(yaml.safe_load(declared.example), "the example").source == name


def test_every_source_says_what_the_models_get_of_it():
    assert set(get_settings().parameters["source_entities"]) == set(declarations())


def test_every_entity_that_is_provided_has_a_model_and_every_model_of_one_is_provided():
    models = get_settings().dbt_dir / "models" / "intermediate"
    entities = {path.stem.removeprefix("int_sources__") for path in (models / "sources").glob("*.sql")}
    for source, provided in get_settings().parameters["source_entities"].items():
        named = {path.stem.removeprefix(f"int_{source}__") for path in (models / source).glob("*.sql")}
        assert named & entities == set(provided), source


def test_configuration_is_read_without_importing_what_only_a_run_needs():
    import subprocess

    code = (
        "import sys; from touchstone.sources.config import load_sources; load_sources(); "
        "print([name for name in sys.modules if name.endswith('.connector') or name in ('httpx', 'psycopg')])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"

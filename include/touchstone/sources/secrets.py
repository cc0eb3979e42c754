"""Credentials of a source instance: from the environment, or from a connection of Airflow; never from a file of the checkout."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from touchstone.errors import ConfigurationError
from touchstone.settings import Settings
from touchstone.sources import sandbox
from touchstone.sources.config import SourceInstance


def variable(source: SourceInstance, name: str) -> str:
    """The environment variable of one credential, such as TOUCHSTONE_ZENDESK_DEFAULT_API_TOKEN."""
    return f"TOUCHSTONE_{source.source}_{source.instance}_{name}".upper()


def find_secrets(source: SourceInstance, names: dict[str, str], settings: Settings | None = None) -> dict[str, str]:
    """The credentials of an instance, by name.

    Each comes from its own variable, else from the Airflow connection that AIRFLOW_CONN_<connection> holds; those of the
    simulated vendors come from their server.

    Args:
        names: What is needed, and what each is.

    Raises:
        ConfigurationError: One is given nowhere; the message names where it may be.
    """
    if sandbox.is_simulated(source):
        return sandbox.secrets(source, settings)
    stated = os.environ.get(f"AIRFLOW_CONN_{source.connection.upper()}")
    connection = from_connection(_parsed(source, stated), names) if stated else {}
    found = {name: os.environ.get(variable(source, name)) or connection.get(name) for name in names}
    return complete(source, found, names)


def is_in_environment(source: SourceInstance, names: dict[str, str]) -> bool:
    """Whether every credential has a variable of its own."""
    return all(os.environ.get(variable(source, name)) for name in names)


def from_connection(connection: dict[str, Any], names: dict[str, str]) -> dict[str, str]:
    """Credentials out of a connection: from its extra by name, else login for the first and password for the last."""
    ordered = list(names)
    found = {name: connection["extra"][name] for name in ordered if name in connection["extra"]}
    if connection.get("login") and len(ordered) > 1:
        found.setdefault(ordered[0], connection["login"])
    if connection.get("password"):
        found.setdefault(ordered[-1], connection["password"])
    return {name: str(value) for name, value in found.items()}


def complete(source: SourceInstance, found: dict[str, str | None], names: dict[str, str]) -> dict[str, str]:
    """The credentials, if none is missing or could not be part of a header."""
    for name, what in names.items():
        value = found.get(name)
        if not value:
            raise ConfigurationError(
                f"{source.name}: no {what}",
                None,
                f"Set {variable(source, name)}, or make the Airflow connection {source.connection}.",
            )
        if not value.isprintable() or value != value.strip():
            raise ConfigurationError(
                f"{source.name}: the {what} holds white space or control characters",
                None,
                f"Set {variable(source, name)} again, without a line break at its end.",
            )
    return {name: str(found[name]) for name in names}


def _parsed(source: SourceInstance, stated: str) -> dict[str, Any]:
    """A connection as Airflow writes it into the environment: JSON, or a URI."""
    try:
        if stated.lstrip().startswith("{"):
            value = orjson.loads(stated)
            extra = value.get("extra") or {}
            return {
                "login": value.get("login"),
                "password": value.get("password"),
                "extra": orjson.loads(extra) if isinstance(extra, str) else extra,
            }
        parts = urlsplit(stated)
        return {
            "login": unquote(parts.username) if parts.username else None,
            "password": unquote(parts.password) if parts.password else None,
            "extra": dict(parse_qsl(parts.query)),
        }
    except ValueError:
        raise ConfigurationError(
            f"{source.name}: AIRFLOW_CONN_{source.connection.upper()} is neither JSON nor a URI",
            None,
            "Write it as `airflow connections` does.",
        ) from None

"""Credentials of a source instance: from the environment, or from a connection of Airflow; never from a file of the checkout."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from touchstone.errors import ConfigurationError
from touchstone.settings import Settings
from touchstone.sources import sandbox
from touchstone.sources.config import SourceInstance

if TYPE_CHECKING:
    from touchstone.sources.http.streams import Ways


def variable(source: SourceInstance, name: str) -> str:
    """The environment variable of one credential, such as TOUCHSTONE_ZENDESK_DEFAULT_API_TOKEN."""
    return f"TOUCHSTONE_{source.source}_{source.instance}_{name}".upper()


def find_secrets(source: SourceInstance, ways: Ways, settings: Settings | None = None) -> dict[str, str]:
    """The credentials of an instance, by name.

    Each comes from its own variable, else from the Airflow connection that AIRFLOW_CONN_<connection> holds; those of the
    simulated vendors come from their server.

    Args:
        ways: The sets of credentials that serve, the usual one first: names of what is needed, and what each is.

    Raises:
        ConfigurationError: No set is given whole; the message names what is missing and where it may be.
    """
    if sandbox.is_simulated(source):
        return sandbox.secrets(source, settings)
    own = {name: value for way in ways for name in way if (value := os.environ.get(variable(source, name)))}
    stated = os.environ.get(f"AIRFLOW_CONN_{source.connection.upper()}")
    connection = from_connection(_parsed(source, stated), ways, own) if stated else {}
    return complete(source, {**connection, **own}, ways)


def is_in_environment(source: SourceInstance, ways: Ways) -> bool:
    """Whether every credential of some way has a variable of its own."""
    return any(all(os.environ.get(variable(source, name)) for name in way) for way in ways)


def from_connection(connection: dict[str, Any], ways: Ways, given: dict[str, str] | None = None) -> dict[str, str]:
    """Credentials out of a connection: from its extra by name; else login and password are the first and the last of the
    usual way.

    Args:
        given: Credentials that are known from elsewhere.
    """
    found = {name: str(connection["extra"][name]) for way in ways for name in way if name in connection["extra"]}
    named = found.keys() | (given or {}).keys()
    if any(named >= way.keys() for way in ways):
        return found
    usual = list(ways[0])
    if connection.get("login") and len(usual) > 1:
        found.setdefault(usual[0], str(connection["login"]))
    if connection.get("password") and usual:
        found.setdefault(usual[-1], str(connection["password"]))
    return found


def complete(source: SourceInstance, found: dict[str, str], ways: Ways) -> dict[str, str]:
    """The credentials of the first way that is given whole, if none could not be part of a request."""
    way = next((way for way in ways if found.keys() >= way.keys()), None)
    if way is None:
        # what is given most of is what was meant
        meant = max(ways, key=lambda way: len(way.keys() & found.keys()))
        name = next(name for name in meant if name not in found)
        others = [" and ".join(variable(source, one) for one in way) for way in ways if way is not meant]
        raise ConfigurationError(
            f"{source.name}: no {meant[name]}",
            None,
            f"Set {variable(source, name)}, or make the Airflow connection {source.connection}."
            + (f" Or give {', or '.join(others)}." if others else ""),
        )
    for name, what in way.items():
        if not found[name].isprintable() or found[name] != found[name].strip():
            raise ConfigurationError(
                f"{source.name}: the {what} holds white space or control characters",
                None,
                f"Set {variable(source, name)} again, without a line break at its end.",
            )
    return {name: found[name] for name in way}


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

"""Where this checkout's simulated vendors answer: `{sandbox}` in a `base_url` stands for their address.

Whoever starts them (`touchstone sandbox serve`, `touchstone run`) leaves address and credentials in the folder of the state,
readable by its owner alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from touchstone.errors import SourceError
from touchstone.settings import Settings, get_settings
from touchstone.sources.config import SourceInstance
from touchstone.sources.options import SANDBOX, Http
from touchstone.statefiles import read_json


def server_file(settings: Settings | None = None) -> Path:
    """{"url": ..., "credentials": {source: {name: value}}} of the server that runs."""
    return (settings or get_settings()).state_dir / "sandbox" / "server.json"


def is_simulated(source: SourceInstance) -> bool:
    return isinstance(source.entry, Http) and source.entry.base_url.startswith(SANDBOX)


def resolved(url: str, settings: Settings | None = None) -> str:
    """The address with `{sandbox}` replaced.

    Raises:
        SourceError: The simulated vendors do not run.
    """
    return url.replace(SANDBOX, _server(settings)["url"]) if url.startswith(SANDBOX) else url


def secrets(source: SourceInstance, settings: Settings | None = None) -> dict[str, str]:
    """Credentials that the simulated vendor of this source accepts."""
    return _server(settings)["credentials"][source.source]


def _server(settings: Settings | None) -> dict[str, Any]:
    path = server_file(settings)
    known = read_json(path)
    if not known:
        raise SourceError("the simulated vendors do not run", str(path), "Start them with `touchstone sandbox serve`.")
    return known

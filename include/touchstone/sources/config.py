"""The configured source instances: config/sources.yml, read without touching a source or the warehouse."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any, TypeVar

import yaml

from touchstone.errors import ConfigurationError
from touchstone.settings import Settings, get_settings
from touchstone.sources.options import Connected, Entry, Files, parsed
from touchstone.sources.registry import declarations

Options = TypeVar("Options", bound=Entry)


@dataclass(frozen=True)
class SourceInstance:
    """One place that conversations, accounts or events come from.

    Attributes:
        entry: What config/sources.yml says of it; `options` gives it with the type of its source.
    """

    entry: Entry

    @property
    def source(self) -> str:
        """The system; with `instance` it is part of every key."""
        return self.entry.source

    @property
    def instance(self) -> str:
        return self.entry.instance

    @property
    def schedule(self) -> str | None:
        """Cron expression in UTC; None for an instance that is loaded by hand."""
        return self.entry.schedule

    @property
    def name(self) -> str:
        """`<source>:<instance>`, as the command line takes it."""
        return f"{self.source}:{self.instance}"

    @property
    def is_connected(self) -> bool:
        """Whether a connector reads it; files have none."""
        return isinstance(self.entry, Connected)

    def options(self, kind: type[Options]) -> Options:
        """The entry, which must be of this kind."""
        if not isinstance(self.entry, kind):
            raise ConfigurationError(f"{self.name} is no source of kind {kind.__name__}", None, "Name another one.")
        return self.entry

    @property
    def connection(self) -> str:
        """Id of the Airflow connection that holds the credentials."""
        return self.options(Connected).connection or f"touchstone_{self.source}_{self.instance}"

    @property
    def start(self) -> datetime:
        """The first moment of interest, in UTC."""
        return datetime.combine(self.options(Connected).start, time(), UTC)

    def location(self, settings: Settings | None = None) -> Path:
        """Where the files are: relative to the checkout, or to its state where the path begins with `{home}`."""
        settings = settings or get_settings()
        path = self.options(Files).path.replace("{home}", str(settings.state_dir))
        return settings.root / Path(path).expanduser()


def load_sources(settings: Settings | None = None) -> list[SourceInstance]:
    """The instances of config/sources.yml, in its order.

    Raises:
        ConfigurationError: The file is absent, or an entry cannot work; the message says what to write.
    """
    path = (settings or get_settings()).root / "config" / "sources.yml"
    if not path.is_file():
        raise ConfigurationError(
            "the list of sources is missing", str(path), "Set TOUCHSTONE_ROOT to the folder of the checkout."
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "config/sources.yml is not YAML", " ".join(str(error).split()), "Correct it."
        ) from error
    entries = content.get("sources") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise ConfigurationError(
            "config/sources.yml lists no sources",
            None,
            "Write `sources:` and below it `- {source: files, instance: default, path: inbox/}`.",
        )
    found = [_instance(entry, number) for number, entry in enumerate(entries, start=1)]
    names = [instance.name for instance in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(
                "config/sources.yml names a source instance twice", name, "Give each its own `instance:`."
            )
    return found


def find_source(name: str, settings: Settings | None = None) -> SourceInstance:
    """The configured instance called `<source>:<instance>`.

    Raises:
        ConfigurationError: There is none of that name.
    """
    found = {instance.name: instance for instance in load_sources(settings)}
    if name not in found:
        close = difflib.get_close_matches(name, found, n=1)
        hint = f"Did you mean {close[0]}? " if close else ""
        raise ConfigurationError("no such source instance", name, f"{hint}config/sources.yml knows {', '.join(found)}.")
    return found[name]


def _instance(entry: Any, number: int) -> SourceInstance:
    where = f"entry {number} of config/sources.yml"
    if not isinstance(entry, dict):
        raise ConfigurationError(
            f"{where} is not a mapping", str(entry), f"Write it as {declarations()['files'].example}."
        )
    declared = declarations().get(entry.get("source"))
    known = declared.options.model_fields if declared else ("source", "instance")
    for key in entry:
        close = difflib.get_close_matches(str(key), known, n=1)
        if key not in known and close:
            raise ConfigurationError(f"{where} has an unknown key", str(key), f"Write `{close[0]}:`.")
    return SourceInstance(parsed(entry, where))

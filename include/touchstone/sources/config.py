"""The configured source instances: config/sources.yml, read without touching a source or the warehouse."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from touchstone.errors import ConfigurationError
from touchstone.settings import Settings, get_settings

SOURCES = ("files",)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}\Z")
_CRON = re.compile(r"(@(hourly|daily|weekly|monthly)|\S+( \S+){4})\Z")
_KEYS = ("source", "instance", "path", "schedule")


@dataclass(frozen=True)
class SourceInstance:
    """One place that conversations come from.

    Attributes:
        source: The system; with `instance` it is part of every key.
        path: As written; `location` resolves it.
        schedule: Cron expression in UTC; None for an instance that is loaded by hand.
    """

    source: str
    instance: str
    path: str
    schedule: str | None = None

    @property
    def name(self) -> str:
        """`<source>:<instance>`, as the command line takes it."""
        return f"{self.source}:{self.instance}"

    def location(self, settings: Settings | None = None) -> Path:
        """Where the files are: relative to the checkout, or to its state where the path begins with `{home}`."""
        settings = settings or get_settings()
        return settings.root / Path(self.path.replace("{home}", str(settings.state_dir))).expanduser()


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
    example = "{source: files, instance: default, path: inbox/}"
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{where} is not a mapping", str(entry), f"Write it as {example}.")
    for key in entry:
        if key not in _KEYS:
            close = difflib.get_close_matches(str(key), _KEYS, n=1)
            hint = f"Write `{close[0]}:`." if close else f"It takes {', '.join(_KEYS)}."
            raise ConfigurationError(f"{where} has an unknown key", str(key), hint)
    source = entry.get("source")
    if source not in SOURCES:
        raise ConfigurationError(
            f"{where}: unknown source", source, f"Write `source:` with one of {', '.join(SOURCES)}."
        )
    instance = entry.get("instance", "default")
    if not isinstance(instance, str) or not _NAME.match(instance):
        raise ConfigurationError(
            f"{where}: `instance` cannot be part of a key",
            instance,
            "Write lower-case letters, digits and underscores, such as `instance: shop_eu`.",
        )
    path = entry.get("path")
    if not isinstance(path, str) or not path.strip():
        raise ConfigurationError(f"{where}: `path` is missing", path, "Write a folder or file, such as `path: inbox/`.")
    schedule = entry.get("schedule")
    if schedule is not None and (not isinstance(schedule, str) or not _CRON.match(schedule)):
        raise ConfigurationError(
            f"{where}: `schedule` is not a cron expression",
            schedule,
            'Write five fields, such as `schedule: "0 5 * * *"`.',
        )
    return SourceInstance(source, instance, path, schedule)

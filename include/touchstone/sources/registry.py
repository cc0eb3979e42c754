"""The sources of this project: found by the module `source` of their packages, none is listed here."""

from __future__ import annotations

from functools import cache
from importlib import import_module, resources
from pathlib import Path
from typing import TYPE_CHECKING

from touchstone.sources.declaration import Declaration
from touchstone.sources.options import Files

if TYPE_CHECKING:
    from touchstone.sources.http.streams import Connector

_FILES = Declaration(
    name="files",
    options=Files,
    example="{source: files, instance: default, path: inbox/}",
    streams=("conversations", "messages"),
    interactions=("conversations", "messages"),
)


@cache
def declarations() -> dict[str, Declaration]:
    """Every source by its name, files first."""
    found = [
        import_module(f"touchstone.sources.{path.parent.name}.source").SOURCE
        for path in sorted(Path(__file__).parent.glob("*/source.py"))
    ]
    return {declaration.name: declaration for declaration in (_FILES, *found)}


def connector(source: str) -> Connector:
    """What reads a source that has a connector."""
    module, _, name = declarations()[source].connector.partition(":")
    return getattr(import_module(module), name)()


def own_sql(source: str) -> str | None:
    """Functions of the warehouse that only the models of this source use: the file raw.sql of its package."""
    if declarations()[source].connector is None:
        return None
    file = resources.files(f"touchstone.sources.{source}").joinpath("raw.sql")
    return file.read_text() if file.is_file() else None

"""YAML with line numbers: plain values plus the line that each of them came from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from touchstone.errors import ConfigurationError

Place = tuple[str | int, ...]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is ten times as fast, where it is built


class Document:
    """One YAML file.

    Args:
        what: What kind of file it is, in errors.
        start: Remedy for an empty one.

    Attributes:
        path: Where it lies.
        value: Its content as plain dicts, lists and scalars.
    """

    def __init__(self, path: Path, what: str = "rubric", start: str = "Start from rubric/default.yml.") -> None:
        self.path = path
        self._lines: dict[Place, int] = {(): 1}
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise ConfigurationError(f"no such {what} file", str(path), "Give the path of a YAML file.") from None
        except UnicodeDecodeError as error:
            raise ConfigurationError(
                f"{what} file is not UTF-8", f"{path}, byte {error.start}", "Save it as UTF-8."
            ) from None
        try:
            node = yaml.compose(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise ConfigurationError(
                f"{path}, line {line}: not YAML", error.problem, "Correct the indentation or the quotes there."
            ) from None
        if node is None:
            raise ConfigurationError(f"empty {what} file", str(path), start)
        self._loader = yaml.SafeLoader("")
        self.value = self._build(node, ())

    def _build(self, node: yaml.Node, place: Place) -> Any:
        self._lines[place] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            built: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key = self._loader.construct_object(key_node)
                if not isinstance(key, str):
                    raise self._at(key_node, "a key that is not text", key, "Put it in quotes.")
                if key in built:
                    raise self._at(key_node, "a key given twice", key, "Keep one of the two.")
                built[key] = self._build(value_node, (*place, key))
                self._lines[(*place, key)] = key_node.start_mark.line + 1
            return built
        if isinstance(node, yaml.SequenceNode):
            return [self._build(item, (*place, number)) for number, item in enumerate(node.value)]
        return self._loader.construct_object(node)

    def _at(self, node: yaml.Node, problem: str, value: object, remedy: str) -> ConfigurationError:
        return ConfigurationError(f"{self.path}, line {node.start_mark.line + 1}: {problem}", value, remedy)

    def line(self, place: Place) -> int:
        """Line of a value; of its nearest parent when the value is absent."""
        while place not in self._lines:
            place = place[:-1]
        return self._lines[place]

    def fault(self, place: Place, problem: str, value: object, remedy: str) -> ConfigurationError:
        """An error that names file, line, place, value and remedy."""
        where = ".".join(str(part) for part in place)
        return ConfigurationError(
            f"{self.path}, line {self.line(place)}: {where + ': ' if where else ''}{problem}", value, remedy
        )


class Reader:
    """Takes the entries of one mapping and refuses what is absent, of a wrong type or unknown."""

    def __init__(self, document: Document, place: Place, known: Iterable[str]) -> None:
        self.document = document
        self.place = place
        value: Any = document.value
        for part in place:
            value = value[part]
        self.known = tuple(known)
        if not isinstance(value, dict):
            raise document.fault(place, "not a mapping", value, f"Give the entries {', '.join(self.known)}.")
        self.value: dict[str, Any] = value
        for key in value:
            if key not in self.known:
                raise document.fault((*place, key), "unknown entry", key, suggestion(key, self.known))

    def fault(self, key: str, problem: str, remedy: str) -> ConfigurationError:
        return self.document.fault((*self.place, key), problem, self.value.get(key), remedy)

    def take(self, key: str, kind: type | tuple[type, ...], meaning: str, *, optional: bool = False) -> Any:
        """The value of `key`, checked; None when it is absent and optional."""
        if key not in self.value or self.value[key] is None:
            if optional:
                return None
            raise self.document.fault(self.place, "missing entry", key, f"Add `{key}`: {meaning}.")
        value = self.value[key]
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise self.fault(key, "wrong type", f"Give {meaning}.")
        if isinstance(value, str) and not value.strip():
            raise self.fault(key, "empty", f"Give {meaning}.")
        return value

    def texts(self, key: str, meaning: str, *, optional: bool = False) -> tuple[str, ...]:
        """A list of texts; one text stands for a list of one."""
        value = self.take(key, (list, str), meaning, optional=optional)
        if value is None:
            return ()
        items = [value] if isinstance(value, str) else value
        for number, item in enumerate(items):
            if not isinstance(item, str) or not item.strip():
                raise self.document.fault((*self.place, key, number), "not a text", item, f"Give {meaning}.")
        if not items:
            raise self.fault(key, "empty list", f"Give {meaning}.")
        return tuple(items)

    def positive(self, key: str, meaning: str) -> float:
        value = self.take(key, (int, float), meaning)
        if not 0 < value < float("inf"):
            raise self.fault(key, "not a positive number", f"Give {meaning}.")
        return float(value)


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """`Did you mean ...?` where something is close, and what is known."""
    names = sorted(known)
    close = difflib.get_close_matches(str(wrong), names, n=1)
    hint = f"Did you mean `{close[0]}`? " if close else ""
    return f"{hint}Known: {', '.join(names)}."

"""Imports inside functions are not seen before somebody calls them: each name that one takes from the project is there."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def _imports() -> Iterator[tuple[str, int, str, str]]:
    for folder in ("include", "dags", "plugins", "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "touchstone":
                    yield from ((str(path.relative_to(ROOT)), node.lineno, node.module, one.name) for one in node.names)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_name_that_is_imported_exists() -> None:
    missing = []
    for path, line, module, name in _imports():
        if hasattr(importlib.import_module(module), name):
            continue
        try:
            importlib.import_module(f"{module}.{name}")
        except ModuleNotFoundError:
            missing.append(f"{path}:{line}: {module} has no {name}")
    assert missing == []

"""A stand-in endpoint, stores of both kinds, and settings that point at them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from judge_stand_in import StandIn, serving

from touchstone.judge import endpoint
from touchstone.judge.settings import JudgeSettings
from touchstone.judge.store import Store

SECRET = "sk-canary-8f2a"
_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _no_settings_and_short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TOUCHSTONE_JUDGE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(endpoint, "FIRST_PAUSE", 0.01)


@pytest.fixture(scope="session")
def judge_server() -> Iterator[StandIn]:
    with serving() as stand_in:
        yield stand_in


@pytest.fixture
def stand_in(judge_server: StandIn) -> StandIn:
    judge_server.asked.clear()
    return judge_server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "judge.sqlite") as held:
        yield held


@pytest.fixture
def settings(stand_in: StandIn) -> Callable[..., JudgeSettings]:
    """Settings for the stand-in, with changes."""

    def make(**changes: Any) -> JudgeSettings:
        given = {
            "enabled": True,
            "base_url": stand_in.url,
            "model": "stand-in",
            "api_key": SECRET,
            "timeout_seconds": 5,
        }
        return JudgeSettings(**{**given, **changes})

    return make


@pytest.fixture
def run_id() -> str:
    return f"run-{next(_numbers)}"

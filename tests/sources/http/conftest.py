"""The judge of requests and answers, for vendors that describe their API."""

from __future__ import annotations

import pytest
from prism_judge import prism_command


@pytest.fixture(scope="session")
def prism() -> list[str]:
    return prism_command()

"""One small model for all tests of a run."""

from __future__ import annotations

import pytest
from intents_world import questions

from touchstone.intents.files import labels_from
from touchstone.intents.model import train


@pytest.fixture(scope="session")
def labelled():
    return questions(24)


@pytest.fixture(scope="session")
def static_model(labelled):
    rows = ({"text": text, "intent": intent} for text, intent in labelled)
    return train(labels_from(enumerate(rows, 1)), vectors="static", seed=3)

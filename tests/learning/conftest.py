"""One trained model for all tests of a run."""

from __future__ import annotations

import json

import pytest
from labelled_world import world

from touchstone.learning import dialogues, reviews
from touchstone.learning.model import train


@pytest.fixture(scope="session")
def small_world():
    return world()


@pytest.fixture(scope="session")
def small_model(small_world):
    documents, rows = small_world
    return train(reviews.from_records(rows), dialogues.from_records(documents), resamples=50)


@pytest.fixture(scope="session")
def small_files(small_world, tmp_path_factory):
    """(conversation file, review file) of the small world."""
    folder = tmp_path_factory.mktemp("small")
    paths = folder / "conversations.jsonl", folder / "reviews.jsonl"
    for path, records in zip(paths, small_world, strict=True):
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return paths

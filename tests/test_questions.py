"""The questions of docs/questions.md are answered by the marts that are published, with the rights of a BI tool."""

from __future__ import annotations

import re

import pytest

from cycles import WHOLE
from touchstone.settings import get_settings
from touchstone.warehouse.engine import connect
from warehouses import new_warehouse

PAGE = (get_settings().root / "docs" / "questions.md").read_text()
QUERIES = dict(re.findall(r"^## \d+\. (.+?)\n.*?^```sql\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def published(server, whole, tmp_path_factory):
    """The cycle's warehouse: seventeen days of the sample, published."""
    with new_warehouse(server, "questions", tmp_path_factory.mktemp("questions"), template=WHOLE) as settings:
        yield settings


def test_there_are_ten():
    assert len(QUERIES) == 10


@pytest.mark.parametrize("title", QUERIES)
def test_a_question_is_one_short_query(title, published):
    assert len(QUERIES[title].strip().splitlines()) <= 12
    with connect("bi", settings=published) as connection:
        cursor = connection.execute(QUERIES[title])
        assert cursor.description
        shown = re.search(
            rf"^## \d+\. {re.escape(title)}\n.*?^```sql.*?^```\n\n\|(.+?)\|\n", PAGE, re.MULTILINE | re.DOTALL
        )
        assert [column.name for column in cursor.description] == [name.strip() for name in shown[1].split("|")]

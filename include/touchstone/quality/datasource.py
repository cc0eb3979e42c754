"""The warehouse as a data source of Great Expectations. Importing this module imports Great Expectations."""

from __future__ import annotations

from typing import Literal

from great_expectations.datasource.fluent import PostgresDatasource
from sqlalchemy import Engine


class OneSessionPostgresDatasource(PostgresDatasource):
    """A PostgreSQL data source that looks for its tables in the session in which it judges them.

    The parent connects a second time to test that a table exists, where temporary tables of the first session are unknown.
    Query assets would need no such test, but Great Expectations fetches all their rows to learn their columns.
    """

    type: Literal["one_session_postgres"] = "one_session_postgres"  # type: ignore[assignment]

    def get_engine(self) -> Engine:
        return self.get_execution_engine().engine

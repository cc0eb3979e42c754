"""SQL: which tables hold what, as an entry of config/sources.yml says it. Rows land in the vocabulary of the conversation file."""

from __future__ import annotations

import difflib
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from touchstone.sources.declaration import Declaration
from touchstone.sources.options import NAME, Connected
from touchstone.sources.sql.kinds import KINDS

Scalar = str | int | float | bool | None
Unit = Literal["seconds", "milliseconds", "microseconds"]


def text_of(value: Any) -> str:
    """A value as the keys of `values` are written."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class Column(BaseModel):
    """Where a field comes from.

    Attributes:
        column: Columns, of which the first that is not null is taken.
        path: Names within a column of JSON, separated by dots.
        constant: The same value in every row, instead of a column.
        values: What each of the source's values means; others are left as they are.
        default: What stands where the column is null, or its value is not among `values`.
        unit: Of a number that counts since 1970, in a field that is a time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: tuple[str, ...] = ()
    path: str | None = None
    constant: Scalar = None
    values: dict[str, Scalar] | None = None
    default: Scalar = None
    unit: Unit | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: Any) -> Any:
        """`body` and `[edited_at, created_at]` name columns."""
        if isinstance(value, str | list):
            value = {"column": value}
        if isinstance(value, dict):
            value = dict(value)
            if isinstance(value.get("column"), str):
                value["column"] = [value["column"]]
            if isinstance(value.get("values"), dict):
                value["values"] = {text_of(key): meaning for key, meaning in value["values"].items()}
        return value

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Column:
        if bool(self.column) == (self.constant is not None):
            raise ValueError("takes either `column` or `constant`")
        return self


class Table(BaseModel):
    """A table, or a query, and what its rows are.

    Attributes:
        kind: One of `touchstone.sources.sql.kinds.KINDS`.
        name: Key of its cursor; the kind unless several tables are of one kind.
        table: Its name, with its schema where that is not the user's own.
        query: A select, instead of a table.
        id: Column that identifies a row.
        cursor: Column that grows with every insertion, or better with every change; of several the first that is not null.
        overlap: How far behind its newest row the next run begins, for rows that are committed late: seconds of a time, else
            units of the number.
        id_prefix: Goes before the ids of this table, where tables of one kind number their rows alike.
        where: Rows that count: a value, or a list of values, per column.
        leave_out: Columns of which nothing lands but what fields take.
        reconcile: How often all ids are compared, so that deleted rows are found.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal[tuple(KINDS)]
    name: str = Field("", pattern=rf"^$|{NAME}")
    table: str | None = Field(None, min_length=1)
    query: str | None = Field(None, min_length=1)
    id: str = Field(min_length=1)
    cursor: tuple[str, ...] = Field(min_length=1)
    overlap: float | None = Field(None, ge=0)
    id_prefix: str = Field("", pattern=r"^[!-~]{0,40}$")
    fields: dict[str, Column]
    where: dict[str, Scalar | tuple[Scalar, ...]] = Field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    reconcile: Literal["daily", "weekly"] | None = None

    @field_validator("cursor", mode="before")
    @classmethod
    def _is_several(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("query")
    @classmethod
    def _is_select(cls, value: str | None) -> str | None:
        if value is not None and value.split(None, 1)[0].lower() not in ("select", "with"):
            raise ValueError("must be a select")
        return value.rstrip().rstrip(";") if value else value

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Table:
        if (self.table is None) == (self.query is None):
            raise ValueError("takes either `table` or `query`")
        kind = KINDS[self.kind]
        known = {one.name: one for one in kind.fields}
        for name, column in self.fields.items():
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean `{close[0]}`?" if close else f"it takes {', '.join(known)}"
                raise ValueError(f"maps `{name}`, which {self.kind} do not have; {hint}")
            if column.unit and known[name].kind != "time":
                raise ValueError(f"gives `{name}` a unit, which only times have")
        missing = [name for name in kind.required if name not in self.fields]
        if missing:
            raise ValueError(f"maps no `{missing[0]}`, which {self.kind} need")
        return self

    @property
    def label(self) -> str:
        """The entry, as messages name it."""
        return f"{self.name or self.kind} ({self.table or 'a query'})"

    @property
    def stream(self) -> str:
        """Key of its cursor."""
        return self.name or self.kind


class Sql(Connected):
    """A database that SQLAlchemy reads.

    Attributes:
        url: Address in SQLAlchemy's form, without password; left out, the credential `url` holds it.
        has_password: False where the server asks for none.
        time_zone: Of times that are stored without one.
        statement_timeout: Seconds that a statement may take.
        tables: What is read.
    """

    source: Literal["sql"]
    url: str | None = None
    has_password: bool = True
    time_zone: str | None = None
    statement_timeout: int = Field(300, ge=1)
    tables: tuple[Table, ...] = Field(min_length=1)

    @field_validator("url")
    @classmethod
    def _holds_no_secret(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if not parts.scheme or "://" not in value:
            raise ValueError("is no address of a database, such as postgresql+psycopg://reader@db.example.com/chat")
        if parts.password is not None or any("passw" in name.lower() for name, _ in parse_qsl(parts.query)):
            raise ValueError("holds a password; leave it out and set TOUCHSTONE_SQL_<INSTANCE>_PASSWORD")
        return value

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, value: str | None) -> str | None:
        try:
            ZoneInfo(value or "UTC")
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("must be a name of the time zone database, such as UTC or Europe/Berlin") from None
        return value

    @model_validator(mode="after")
    def _tells_its_tables_apart(self) -> Sql:
        streams = [table.stream for table in self.tables]
        for table in self.tables:
            if streams.count(table.stream) > 1:
                raise ValueError(f"names two tables `{table.stream}`; give each a `name:` of its own")
            others = [one.id_prefix for one in self.tables if one.kind == table.kind and one is not table]
            if any(not table.id_prefix or prefix.startswith(table.id_prefix) for prefix in others):
                raise ValueError(
                    f"holds several tables of {table.kind}; give each an `id_prefix:` of its own, such as `a/`"
                )
        return self


SOURCE = Declaration(
    name="sql",
    options=Sql,
    example="{source: sql, instance: chatbot, url: 'postgresql+psycopg://reader@db.example.com/chat', start: 2026-01-01, tables: "
    "[{kind: messages, table: lines, id: id, cursor: updated_at, fields: {interaction_id: chat_id, sent_at: created_at, "
    "actor: {column: author, values: {user: customer, bot: ai_agent}}, text: body}}]}",
    streams=tuple(KINDS),
    interactions=tuple(name for name, kind in KINDS.items() if kind.owner == "interaction_id"),
    connector="touchstone.sources.sql.connector:SqlConnector",
)

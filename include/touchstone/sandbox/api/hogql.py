"""As much of HogQL as a reader of events needs, and no more: one SELECT over one table, which is parsed and worked out row by row.

    SELECT expression [AS name], ... FROM table [WHERE condition] [GROUP BY name] [ORDER BY expression, ...] [LIMIT number]

Expressions are fields, texts, numbers, {placeholders} and the functions of `_FUNCTIONS`; conditions are comparisons joined by AND and
OR, in parentheses where both are mixed; `count()` and `count(DISTINCT field)` count the rows of a group. All else is refused.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

DEFAULT_LIMIT = 100
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'[^'\\]*')|(?P<value>\{[A-Za-z_]\w*\})|(?P<number>\d+)|(?P<name>[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*)"
    r"|(?P<sign><=|>=|!=|[<>=(),]))"
)
_WORDS = {"select", "as", "from", "where", "and", "or", "group", "order", "by", "limit", "distinct"}
_COMPARISONS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

Row = Mapping[str, Any]
Expression = Callable[[Row], Any]
Condition = Callable[[Row], bool]


class HogQLError(Exception):
    """What is wrong with a query."""


def _moment(text: Any, zone: Any) -> datetime:
    if zone != "UTC" or not isinstance(text, str):
        raise HogQLError("toDateTime takes a text and 'UTC'")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise HogQLError(f"toDateTime: {text!r} is no time") from None


def _written(value: Any) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else str(value)


def _in_zone(value: Any, zone: Any) -> datetime:
    if not isinstance(value, datetime) or zone != "UTC":
        raise HogQLError("toTimeZone takes a time and 'UTC'")
    return value.astimezone(UTC)


def _substring(text: Any, start: Any, length: Any) -> str:
    return text[start - 1 : start - 1 + length]


_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "toString": (1, _written),
    "toDateTime": (2, _moment),
    "toTimeZone": (2, _in_zone),
    "substring": (3, _substring),
}


@dataclass
class Query:
    """A query that was understood.

    Attributes:
        columns: Names with their expressions; a count has none.
        counted: Names of counts, each with the field whose values it tells apart, or None.
        bounds: Comparisons of a field with a constant that every row meets: (field, sign, constant).
    """

    columns: dict[str, Expression | None] = field(default_factory=dict)
    counted: dict[str, str | None] = field(default_factory=dict)
    table: str = ""
    condition: Condition = lambda row: True
    bounds: list[tuple[str, str, Any]] = field(default_factory=list)
    group: str | None = None
    order: list[Expression] = field(default_factory=list)
    limit: int = DEFAULT_LIMIT

    def answer(self, rows: Iterable[Row], cap: int) -> tuple[list[list[Any]], bool]:
        """Rows of the answer, and whether more would follow."""
        kept = [row for row in rows if self.condition(row)]
        found = self._grouped(kept) if self.counted else [(self._values(row), row) for row in kept]
        for key in reversed(self.order):
            found.sort(key=lambda one: key({**one[1], **({} if not self.counted else one[0])}))
        most = min(self.limit, cap)
        return [list(values.values()) for values, _ in found[:most]], len(found) > most

    def _values(self, row: Row) -> dict[str, Any]:
        return {name: expression(row) for name, expression in self.columns.items() if expression}

    def _grouped(self, rows: list[Row]) -> list[tuple[dict[str, Any], Row]]:
        if self.group is not None and self.columns.get(self.group) is None:
            raise HogQLError(f"GROUP BY names no column: {self.group}")
        plain = [name for name in self.columns if name not in self.counted]
        if plain != ([self.group] if self.group else []):
            raise HogQLError("a column is neither counted nor grouped by")
        key = self.columns[self.group] if self.group else lambda row: None
        groups = groupby(sorted(rows, key=key), key) if self.group else [(None, iter(rows))]
        result = []
        for value, members in groups:
            listed = list(members)
            counts = {
                name: len(listed) if distinct is None else len({row[distinct] for row in listed})
                for name, distinct in self.counted.items()
            }
            result.append(({name: counts.get(name, value) for name in self.columns}, {}))
        return result


class _Parser:
    def __init__(self, text: str, values: Mapping[str, Any], fields: Mapping[str, Iterable[str]]) -> None:
        self._tokens: list[tuple[str, str]] = []
        place, text = 0, text.strip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise HogQLError(f"syntax error at {text[place : place + 20]!r}")
            kind = match.lastgroup or ""
            word = match[kind]
            is_word = kind == "name" and word.lower() in _WORDS
            self._tokens.append(("word", word.lower()) if is_word else (kind, word))
            place = match.end()
        self._place = 0
        self._values = values
        self._fields = {table: set(names) for table, names in fields.items()}
        self._known: set[str] = set().union(*self._fields.values())

    def query(self) -> Query:
        found = Query()
        self._word("select")
        self._column(found)
        while self._takes("sign", ","):
            self._column(found)
        self._word("from")
        found.table = self._take("name")
        if found.table not in self._fields:
            raise HogQLError(f"Unknown table `{found.table}`.")
        self._known = self._fields[found.table] | set(found.columns)
        if self._takes("word", "where"):
            found.condition = self._either(found.bounds)
        if self._takes("word", "group"):
            self._word("by")
            found.group = self._take("name")
        if self._takes("word", "order"):
            self._word("by")
            found.order.append(self._operand())
            while self._takes("sign", ","):
                found.order.append(self._operand())
        if self._takes("word", "limit"):
            found.limit = int(self._take("number"))
        if self._place < len(self._tokens):
            raise HogQLError(f"syntax error at {self._tokens[self._place][1]!r}")
        return found

    # --- tokens

    def _next(self) -> tuple[str, str]:
        return self._tokens[self._place] if self._place < len(self._tokens) else ("end", "the end")

    def _takes(self, kind: str, text: str) -> bool:
        if self._next() != (kind, text):
            return False
        self._place += 1
        return True

    def _take(self, kind: str) -> str:
        found, text = self._next()
        if found != kind:
            raise HogQLError(f"syntax error at {text!r}: a {kind} is missing")
        self._place += 1
        return text

    def _word(self, text: str) -> None:
        if not self._takes("word", text):
            raise HogQLError(f"syntax error at {self._next()[1]!r}: {text.upper()} is missing")

    def _sign(self, text: str) -> None:
        if not self._takes("sign", text):
            raise HogQLError(f"syntax error at {self._next()[1]!r}: {text} is missing")

    # --- what they say

    def _column(self, query: Query) -> None:
        start = self._place
        distinct: str | None = None
        expression: Expression | None = None
        if is_count := self._takes("name", "count"):
            self._sign("(")
            if self._takes("word", "distinct"):
                distinct = self._take("name")
            self._sign(")")
        else:
            expression = self._operand()
        text = "".join(word for _, word in self._tokens[start : self._place])
        name = self._take("name") if self._takes("word", "as") else text
        if name in query.columns:
            raise HogQLError(f"two columns are called {name}")
        if name != text and name in self._known:
            # it is in the conditions that a name of the answer hides a field, which is never what was meant
            raise HogQLError(f"the name {name} hides a field")
        query.columns[name] = expression
        if is_count:
            query.counted[name] = distinct

    def _either(self, bounds: list[tuple[str, str, Any]]) -> Condition:
        own: list[tuple[str, str, Any]] = []
        found = [self._both(own)]
        while self._takes("word", "or"):
            found.append(self._both([]))
        if len(found) == 1:
            bounds += own
            return found[0]
        return lambda row: any(one(row) for one in found)

    def _both(self, bounds: list[tuple[str, str, Any]]) -> Condition:
        found = [self._comparison(bounds)]
        while self._takes("word", "and"):
            found.append(self._comparison(bounds))
        return found[0] if len(found) == 1 else lambda row: all(one(row) for one in found)

    def _comparison(self, bounds: list[tuple[str, str, Any]]) -> Condition:
        if self._takes("sign", "("):
            found = self._either(bounds)
            self._sign(")")
            return found
        name = self._next()[1]
        left = self._operand()
        sign = self._take("sign")
        if sign not in _COMPARISONS:
            raise HogQLError(f"syntax error at {sign!r}: a comparison is missing")
        right, compare = self._operand(), _COMPARISONS[sign]
        if name in self._known and getattr(right, "is_constant", False):
            bounds.append((name, sign, right({})))
        return lambda row: compare(left(row), right(row))

    def _operand(self) -> Expression:
        kind, text = self._next()
        self._place += 1
        if kind == "text":
            return _constant(text[1:-1])
        if kind == "number":
            return _constant(int(text))
        if kind == "value":
            if text[1:-1] not in self._values:
                raise HogQLError(f"Unresolved placeholder: {text}")
            return _constant(self._values[text[1:-1]])
        if kind != "name":
            raise HogQLError(f"syntax error at {text!r}")
        if self._takes("sign", "("):
            return self._call(text)
        if text not in self._known:
            raise HogQLError(f"Unable to resolve field: {text}")
        return lambda row: row[text]

    def _call(self, name: str) -> Expression:
        if name not in _FUNCTIONS:
            raise HogQLError(f"Unsupported function call '{name}(...)'")
        given = [self._operand()]
        while self._takes("sign", ","):
            given.append(self._operand())
        self._sign(")")
        count, function = _FUNCTIONS[name]
        if len(given) != count:
            raise HogQLError(f"Function '{name}' expects {count} arguments, found {len(given)}")
        if all(getattr(one, "is_constant", False) for one in given):
            return _constant(function(*(one({}) for one in given)))
        return lambda row: function(*(one(row) for one in given))


def _constant(value: Any) -> Expression:
    def constant(row: Row) -> Any:
        return value

    constant.is_constant = True
    return constant


def parsed(text: str, values: Mapping[str, Any], fields: Mapping[str, Iterable[str]]) -> Query:
    """A query over tables of these fields.

    Raises:
        HogQLError: It is none, or one that this interpreter does not know.
    """
    return _Parser(text, values, fields).query()

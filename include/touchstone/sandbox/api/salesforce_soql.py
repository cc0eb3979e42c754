"""As much of Salesforce's query language as an extraction asks: fields or aggregates of one object, conditions, an order."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<moment>\d{4}-\d\d-\d\dT[\d:.]+Z)|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_.]*)|(?P<sign><=|>=|!=|[=<>(),]))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_LITERALS = {"null": None, "true": True, "false": False}


class Malformed(Exception):
    """The query is not in the language; its text says where."""


@dataclass(frozen=True)
class Condition:
    """A comparison, or conditions that are joined: `sign` is a comparison, `in`, `and` or `or`."""

    sign: str
    field: str = ""
    value: Any = None
    parts: tuple[Condition, ...] = ()

    def holds(self, read: Callable[[str], Any]) -> bool:
        """Whether it holds for a record whose fields `read` gives; nothing but equality holds for null."""
        if self.sign == "and":
            return all(part.holds(read) for part in self.parts)
        if self.sign == "or":
            return any(part.holds(read) for part in self.parts)
        held = read(self.field)
        if self.sign == "in":
            return held in self.value
        if (held is None or self.value is None) and self.sign not in ("=", "!="):
            return False
        return _COMPARE[self.sign](held, self.value)

    def fields(self) -> set[str]:
        return {self.field} - {""} | {name for part in self.parts for name in part.fields()}

    def bound(self, field: str) -> str | None:
        """The latest moment that a record's field must reach for it to hold, where it says one on its outer level."""
        own = [self, *(self.parts if self.sign == "and" else ())]
        return max((one.value for one in own if one.field == field and one.sign in (">", ">=")), default=None)


@dataclass(frozen=True)
class Query:
    """A query.

    Attributes:
        fields: What is asked for.
        aggregates: (alias, function, field) instead of fields.
        order: Fields, all ascending.
    """

    table: str
    fields: tuple[str, ...]
    aggregates: tuple[tuple[str, str, str], ...]
    where: Condition | None
    order: tuple[str, ...]


def parse(text: str) -> Query:
    """The query that a text holds.

    Raises:
        Malformed: It is none, or one of a kind that is not spoken here.
    """
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(text.rstrip()):
            found = _TOKEN.match(text, place)
            if found is None:
                raise Malformed(f"unexpected token: {text[place : place + 20]!r}")
            self._tokens.append((found.lastgroup or "", found.group(found.lastgroup or 0)))
            place = found.end()
        self._place = 0

    def query(self) -> Query:
        self._take("SELECT")
        fields: list[str] = []
        aggregates: list[tuple[str, str, str]] = []
        while True:
            name = self._word()
            if self._is("("):
                self._take("(")
                field = self._word()
                self._take(")")
                aggregates.append((self._word(), name.upper(), field))
            else:
                fields.append(name)
            if not self._is(","):
                break
            self._take(",")
        self._take("FROM")
        table = self._word()
        where = None
        if self._is("WHERE"):
            self._take("WHERE")
            where = self._condition()
        order: list[str] = []
        if self._is("ORDER"):
            self._take("ORDER")
            self._take("BY")
            order.append(self._word())
            while self._is(","):
                self._take(",")
                order.append(self._word())
        if self._place != len(self._tokens):
            raise Malformed(f"unexpected token: {self._tokens[self._place][1]!r}")
        if bool(fields) == bool(aggregates):
            raise Malformed("fields and aggregates cannot be mixed")
        return Query(table, tuple(fields), tuple(aggregates), where, tuple(order))

    def _condition(self) -> Condition:
        parts, joiner = [self._comparison()], ""
        while self._is("AND") or self._is("OR"):
            word = self._tokens[self._place][1].lower()
            if joiner not in ("", word):
                raise Malformed("AND and OR need parentheses")
            joiner = word
            self._place += 1
            parts.append(self._comparison())
        return parts[0] if len(parts) == 1 else Condition(joiner, parts=tuple(parts))

    def _comparison(self) -> Condition:
        if self._is("("):
            self._take("(")
            inner = self._condition()
            self._take(")")
            return inner
        field = self._word()
        if self._is("IN"):
            self._take("IN")
            self._take("(")
            values = [self._value()]
            while self._is(","):
                self._take(",")
                values.append(self._value())
            self._take(")")
            return Condition("in", field, frozenset(values))
        sign = self._next("a comparison")[1]
        if sign not in _COMPARE:
            raise Malformed(f"unexpected token: {sign!r}")
        return Condition(sign, field, self._value())

    def _value(self) -> Any:
        kind, text = self._next("a value")
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind == "moment":
            # as a record states it, in whole seconds
            return f"{text[:19]}.000+0000"
        if kind == "number":
            return float(text)
        if text.lower() in _LITERALS:
            return _LITERALS[text.lower()]
        raise Malformed(f"unexpected token: {text!r}")

    def _next(self, what: str) -> tuple[str, str]:
        if self._place == len(self._tokens):
            raise Malformed(f"unexpected end: {what} is missing")
        self._place += 1
        return self._tokens[self._place - 1]

    def _word(self) -> str:
        kind, text = self._next("a name")
        if kind != "word":
            raise Malformed(f"unexpected token: {text!r}")
        return text

    def _is(self, text: str) -> bool:
        return self._place < len(self._tokens) and self._tokens[self._place][1].upper() == text

    def _take(self, text: str) -> None:
        if not self._is(text):
            raise Malformed(f"{text} is missing")
        self._place += 1

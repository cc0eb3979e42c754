"""What judges share: answers that were paid for once, and how much was spent.

Both live in the warehouse, or in a SQLite file where there is none, by the same statements. Neither holds any text: an answer is
an outcome and offsets, under digests of what was asked. Spending is reserved before a request leaves, at the most that it can
cost, and corrected by what the endpoint says it did: parallel tasks cannot exceed a cap together, and a task that is killed in
between leaves the higher figure.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from touchstone.errors import ConfigurationError
from touchstone.judge.answers import Answer
from touchstone.judge.settings import JudgeSettings
from touchstone.settings import Settings
from touchstone.statefiles import locked

_LOCK = 0x6A75646765  # two processes that make the tables at once wait for each other
_TABLES = (
    """
    create table if not exists scores.judge_answers (
        model text not null,
        prompt_digest text not null,
        text_digest text not null,
        question_digest text not null,
        outcome text,
        score double precision,
        confidence double precision not null,
        message_number int,
        start_offset int,
        end_offset int,
        answered_at timestamptz not null,
        primary key (model, prompt_digest, text_digest, question_digest)
    )
    """,
    """
    create table if not exists scores.judge_spending (
        scope text primary key,
        tokens bigint not null,
        cost_micros bigint not null
    )
    """,
)
_READ = """
    select question_digest, outcome, score, confidence, message_number, start_offset, end_offset
    from scores.judge_answers
    where model = :model and prompt_digest = :prompt_digest and text_digest = :text_digest
    """
_KEEP = """
    insert into scores.judge_answers values (
        :model, :prompt_digest, :text_digest, :question_digest, :outcome, :score, :confidence, :message_number, :start_offset,
        :end_offset, :answered_at
    ) on conflict do nothing
    """
_RESERVE = """
    insert into scores.judge_spending as held (scope, tokens, cost_micros)
    select :scope, :tokens, :micros where :tokens <= :most_tokens and :micros <= :most_micros
    on conflict (scope) do update
    set tokens = held.tokens + excluded.tokens, cost_micros = held.cost_micros + excluded.cost_micros
    where held.tokens + excluded.tokens <= :most_tokens and held.cost_micros + excluded.cost_micros <= :most_micros
    returning scope
    """
_CORRECT = """
    update scores.judge_spending set tokens = tokens + :tokens, cost_micros = cost_micros + :micros where scope = :scope
    """
_UNLIMITED = 2**62


class BudgetSpent(Exception):
    """A request would go over a cap; the message says which."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is held for one request, in the scopes that it counts for."""

    scopes: tuple[str, ...]
    tokens: int
    micros: int


class Store:
    """Answers and spending. Safe to share between threads; close it.

    Args:
        path: SQLite file; None for the warehouse.
        settings: Where the warehouse is.
    """

    def __init__(self, path: Path | None = None, settings: Settings | None = None) -> None:
        if path is None:
            from touchstone.warehouse.engine import connect

            self._engine = sa.create_engine(
                "postgresql+psycopg://",
                creator=lambda: connect("transformer", settings=settings, application_name="touchstone judge"),
            )
            with self._engine.begin() as connection:
                connection.execute(sa.text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                _make_tables(connection)
        else:
            # attached under the warehouse's name of the schema, so that one text serves both
            self._engine = sa.create_engine("sqlite://", creator=lambda: _attached(path), poolclass=sa.QueuePool)
            # nobody waits for SQLite's change of the journal: it fails where another process is at it
            try:
                with locked(path.with_name(f"{path.name}.lock")), self._engine.begin() as connection:
                    _make_tables(connection)
            except sa.exc.DatabaseError as error:
                raise ConfigurationError(
                    f"the judge's store {path}",
                    str(error.orig),
                    "Name a file that is its own, or one that is not there.",
                ) from None

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    # --- answers

    def answers(self, model: str, prompt_digest: str, text_digest: str) -> dict[str, Answer]:
        """What is known about a text, by digest of the question."""
        key = {"model": model, "prompt_digest": prompt_digest, "text_digest": text_digest}
        with self._engine.connect() as connection:
            return {
                digest: Answer(outcome if score is None else score, *rest)
                for digest, outcome, score, *rest in connection.execute(sa.text(_READ), key)
            }

    def keep(self, model: str, prompt_digest: str, text_digest: str, answers: Mapping[str, Answer]) -> None:
        """Keep answers by digest of the question; what is there already stays."""
        moment = datetime.now(UTC).isoformat()
        rows = [
            {
                "model": model,
                "prompt_digest": prompt_digest,
                "text_digest": text_digest,
                "question_digest": digest,
                "outcome": answer.outcome if isinstance(answer.outcome, str) else None,
                "score": None if isinstance(answer.outcome, str) else answer.outcome,
                "confidence": answer.confidence,
                "message_number": answer.message,
                "start_offset": answer.start,
                "end_offset": answer.end,
                "answered_at": moment,
            }
            for digest, answer in answers.items()
        ]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(sa.text(_KEEP), rows)

    # --- spending

    def reserve(self, run_id: str, tokens: int, micros: int, settings: JudgeSettings) -> Reservation:
        """Hold the most that a request can cost, in the day and in the run.

        Raises:
            BudgetSpent: A cap leaves less than that; nothing is held.
        """
        caps = _caps(run_id, settings)
        with self._engine.connect() as connection:
            for scope, (most_tokens, most_micros) in caps.items():
                amount = {"scope": scope, "tokens": tokens, "micros": micros}
                most = {"most_tokens": most_tokens, "most_micros": most_micros}
                if connection.execute(sa.text(_RESERVE), amount | most).fetchone() is None:
                    connection.rollback()
                    break
            else:
                connection.commit()
                return Reservation(tuple(caps), tokens, micros)
        raise BudgetSpent(f"cap of the {scope.partition(':')[0]}: {self._left(scope, most_tokens, most_micros)}")

    def correct(self, held: Reservation, tokens: int, micros: int) -> None:
        """Replace what was held for a request by what it cost."""
        with self._engine.begin() as connection:
            for scope in held.scopes:
                connection.execute(
                    sa.text(_CORRECT),
                    {"scope": scope, "tokens": tokens - held.tokens, "micros": micros - held.micros},
                )

    def spent(self, scope: str) -> tuple[int, int]:
        """Tokens and millionths of the currency in a scope, `day:2026-03-31` or `run:<id>`."""
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.text("select tokens, cost_micros from scores.judge_spending where scope = :scope"), {"scope": scope}
            ).fetchone()
        return (row[0], row[1]) if row else (0, 0)

    def left(self, run_id: str, settings: JudgeSettings) -> str:
        """What the day's cap leaves, in words."""
        scope, (tokens, micros) = next(iter(_caps(run_id, settings).items()))
        return self._left(scope, tokens, micros)

    def _left(self, scope: str, most_tokens: int, most_micros: int) -> str:
        tokens, micros = self.spent(scope)
        text = f"{tokens:,} of {most_tokens:,} tokens spent"
        return text if most_micros == _UNLIMITED else f"{text}, {micros / 1e6:.4f} of {most_micros / 1e6:.4f} in money"


def _caps(run_id: str, settings: JudgeSettings) -> dict[str, tuple[int, int]]:
    """Tokens and millionths by scope; always in this order, so that two tasks cannot wait for each other."""
    return {
        f"day:{datetime.now(UTC):%Y-%m-%d}": (settings.tokens_per_day, _micros(settings.cost_per_day)),
        f"run:{run_id}": (settings.tokens_per_run, _micros(settings.cost_per_run)),
    }


def _micros(cost: float | None) -> int:
    return _UNLIMITED if cost is None else round(cost * 1_000_000)


def _make_tables(connection: sa.Connection) -> None:
    for table in _TABLES:
        connection.execute(sa.text(table))


def _attached(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", timeout=30, check_same_thread=False)
    connection.execute("attach database ? as scores", [str(path)])
    # a commit that a power cut may lose, but that nothing else does, instead of a wait for the disk at each
    connection.execute("pragma scores.journal_mode = wal")
    connection.execute("pragma scores.synchronous = normal")
    return connection

"""The account of an interaction in the warehouse: what `touchstone explain` prints, for every side that was judged.

The rows are those of the active scorer for the present content; nothing is judged again. Beside each indicator stands the
agent's record over all interactions that are published, and beside the score what an active model makes of it. All texts are
redacted ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import pandas as pd
import psycopg

from touchstone.errors import ConfigurationError, TouchstoneError, WarehouseError
from touchstone.rubric import Rubric, load_rubric
from touchstone.rubric.model import SUBJECTS
from touchstone.scoring.context import Context, resolved
from touchstone.scoring.explain import Calibrated, Explanation, Record, explain, record, template
from touchstone.scoring.scorer import COLUMNS, ScoreFrames
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

_READ = ("interaction_scores", "dimension_scores", "indicator_scores", "evidence")
_NEEDED = (
    "core.interactions",
    "core.messages",
    "staging.stg_scores__interaction_scores",
    "marts.rpt_agent_behaviors_daily",
    "marts.fct_interaction_scores",
    "marts.fct_dimension_scores",
    "marts.dim_agents",
)
_SHOWN_PLACES = 5


@dataclass(frozen=True)
class Judged:
    """The interaction that an account is of; the agents are those who replied most on their side."""

    interaction_key: str
    source: str
    instance: str
    interaction_id: str
    channel: str | None
    topic: str | None
    started_at: datetime
    agents: Mapping[str, str]

    def agent(self, subject: str) -> str:
        """What people call the side's agent."""
        return self.agents.get(subject, "unknown agent")


@dataclass(frozen=True)
class Account:
    """One interaction and the explanation of each side's score, people first."""

    interaction: Judged
    sides: tuple[Explanation, ...]

    def as_data(self) -> dict[str, Any]:
        """Everything as plain values, for JSON."""
        stated = asdict(self.interaction) | {"started_at": self.interaction.started_at.isoformat()}
        return {"interaction": stated, "sides": [one.as_data() for one in self.sides]}

    def as_text(self) -> str:
        """The account in plain text, without control characters."""
        return template("account.txt.j2").render(account=self).strip() + "\n"

    def as_html(self) -> str:
        """A page that opens anywhere and asks the network for nothing; every text in it is escaped."""
        return template("account.html.j2").render(account=self).strip() + "\n"


def account(interaction: str, subject: str | None = None, settings: Settings | None = None) -> Account:
    """Explain the scores of one interaction.

    Args:
        interaction: Its key, or its id in the source.
        subject: human_agent or ai_agent; None for every side that replied.

    Raises:
        ConfigurationError: No such interaction or side, or an id that several sources hold.
        TouchstoneError: The interaction has no score, or one of another rubric than the one that is loaded.
        WarehouseError: Nothing has been published.
    """
    if subject is not None and subject not in SUBJECTS:
        raise ConfigurationError("there is no such side", subject, f"Use {' or '.join(SUBJECTS)}.")
    rubric = resolved(load_rubric(), Context())
    with connect("transformer", settings=settings, application_name="touchstone explain") as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        _require_built(connection)
        found = _find(connection, interaction)
        key, place = found["interaction_key"], [found["started_at"], found["interaction_key"], found["input_hash"]]
        frames = _frames(connection, place, rubric)
        sides = _sides(frames, found, subject)
        _require_rubric(frames, rubric)
        texts = dict(
            connection.execute(
                "select message_key, text from core.messages where interaction_started_at = %s and interaction_key = %s",
                place[:2],
            ).fetchall()
        )
        explained = []
        for side in sides:
            one = explain(frames, texts, rubric, key, side, _records(connection, found["agent_keys"].get(side), side))
            explained.append(replace(one, calibrated=_calibrated(connection, key, side, frames)))
        names = _agent_names(connection, found["agent_keys"])
    fields = ("interaction_key", "source", "instance", "interaction_id", "channel", "topic", "started_at")
    return Account(Judged(*(found[name] for name in fields), names), tuple(explained))


def _require_built(connection: psycopg.Connection) -> None:
    missing = connection.execute(
        "select name from unnest(%s::text[]) as needed (name) where to_regclass(name) is null", [list(_NEEDED)]
    ).fetchall()
    if missing:
        raise WarehouseError(
            "nothing has been published", missing[0][0], "Run the whole cycle first: `touchstone run`."
        )


def _find(connection: psycopg.Connection, interaction: str) -> dict[str, Any]:
    """The one interaction of a key or id."""
    rows = connection.execute(
        """
        select interaction_key, source, instance, interaction_id, channel, topic, started_at, input_hash, is_eligible,
            excluded_reason, primary_human_agent_key, primary_ai_agent_key
        from core.interactions
        where interaction_key = %(one)s or interaction_id = %(one)s
        order by interaction_key = %(one)s desc, source, instance, interaction_key
        """,
        {"one": interaction},
    ).fetchall()
    if not rows:
        raise ConfigurationError(
            "there is no such interaction",
            interaction,
            "Give an interaction_key of marts.fct_interactions, or the id that the source has for it.",
        )
    if len(rows) > 1 and rows[0][0] != interaction:
        keys = ", ".join(f"{row[0]} ({row[1]}:{row[2]})" for row in rows[:_SHOWN_PLACES])
        more = f" and {len(rows) - _SHOWN_PLACES} more" if len(rows) > _SHOWN_PLACES else ""
        raise ConfigurationError("several sources hold this id", interaction, f"Give its key: {keys}{more}.")
    *stated, is_eligible, reason, human, machine = rows[0]
    if not is_eligible:
        raise TouchstoneError(
            "the interaction is not scored", interaction, f"It is excluded as {reason}; nothing of it was judged."
        )
    names = ("interaction_key", "source", "instance", "interaction_id", "channel", "topic", "started_at", "input_hash")
    keys = {side: key for side, key in zip(SUBJECTS, (human, machine), strict=True) if key is not None}
    return dict(zip(names, stated, strict=True)) | {"agent_keys": keys}


def _frames(connection: psycopg.Connection, place: Sequence[Any], rubric: Rubric) -> ScoreFrames:
    """The active scorer's rows of the present content, indicators in the rubric's order."""
    frames = {table: pd.DataFrame(columns=list(names), dtype=object) for table, names in COLUMNS.items()}
    for table in _READ:
        names = ", ".join(COLUMNS[table])
        order = "indicator_id, evidence_ordinal" if table == "evidence" else "1"
        rows = connection.execute(
            f"""
            select {names} from staging.stg_scores__{table}
            where interaction_started_at = %s and interaction_key = %s and input_hash = %s
            order by subject, {order}
            """,  # noqa: S608 - names are constants of the scorer
            place,
        ).fetchall()
        frames[table] = pd.DataFrame(rows, columns=list(COLUMNS[table]), dtype=object)
    position = {one.id: number for number, one in enumerate(rubric.indicators)}
    frames["indicator_scores"] = frames["indicator_scores"].sort_values(
        "indicator_id", key=lambda ids: ids.map(lambda name: position.get(name, len(position))), kind="stable"
    )
    return ScoreFrames(**frames)


def _sides(frames: ScoreFrames, found: Mapping[str, Any], subject: str | None) -> list[str]:
    """The sides to explain."""
    scored = set(frames.interaction_scores["subject"])
    if not scored:
        raise TouchstoneError(
            "the interaction has no score yet",
            found["interaction_id"],
            "Run `touchstone score`, or wait for the next cycle.",
        )
    if subject is not None and subject not in scored:
        others = " and ".join(sorted(scored))
        raise ConfigurationError("this side did not reply", subject, f"In {found['interaction_id']} replied {others}.")
    return [one for one in SUBJECTS if one in ({subject} if subject else scored)]


def _require_rubric(frames: ScoreFrames, rubric: Rubric) -> None:
    versions = set(frames.interaction_scores["rubric_version"])
    if versions != {rubric.full_version}:
        raise TouchstoneError(
            "the score was made with another version of the rubric",
            ", ".join(sorted(versions)),
            f"The loaded one is {rubric.full_version}: run `touchstone score` to score with it, "
            "or explain with the installation that made the score.",
        )


def _records(connection: psycopg.Connection, agent_key: str | None, subject: str) -> dict[str, Record]:
    """The agent's record by indicator over everything that is published."""
    if agent_key is None:
        return {}
    by_month: dict[str, list[tuple[str, int, int]]] = {}
    for indicator, month, n, held in connection.execute(
        """
        select indicator_id, to_char(interaction_date, 'YYYY-MM') as month, sum(n)::int, sum(holds_count)::int
        from marts.rpt_agent_behaviors_daily where agent_key = %s and subject = %s
        group by indicator_id, month order by indicator_id, month
        """,
        [agent_key, subject],
    ):
        by_month.setdefault(indicator, []).append((month, n, held))
    team = dict(
        connection.execute(
            """
            select behaviors.indicator_id, sum(behaviors.holds_count)::float8 / sum(behaviors.n)
            from marts.dim_agents as own
            inner join marts.dim_agents as colleagues on own.team = colleagues.team
            inner join marts.rpt_agent_behaviors_daily as behaviors
                on colleagues.agent_key = behaviors.agent_key and behaviors.subject = %s
            where own.agent_key = %s
            group by behaviors.indicator_id
            """,
            [subject, agent_key],
        ).fetchall()
    )
    return {
        name: record(sum(held for _, _, held in months), sum(n for _, n, _ in months), tuple(months), team.get(name))
        for name, months in by_month.items()
    }


def _calibrated(connection: psycopg.Connection, key: str, subject: str, frames: ScoreFrames) -> Calibrated | None:
    """What an active model makes of this very score; None where none does, or where it is not published yet."""
    scored = frames.interaction_scores
    mine = scored[scored["subject"] == subject].iloc[0]
    row = connection.execute(
        """
        select calibrated_total_score, tier, calibrator_version from marts.fct_interaction_scores
        where interaction_key = %s and subject = %s and scorer_version = %s and raw_total_score is not distinct from %s
            and calibrated_total_score is not null
        """,
        [key, subject, mine["scorer_version"], mine["total_score"]],
    ).fetchone()
    if row is None:
        return None
    dimensions = connection.execute(
        """
        select dimension_id, calibrated_score from marts.fct_dimension_scores
        where interaction_key = %s and subject = %s and calibrated_score is not null
        """,
        [key, subject],
    ).fetchall()
    return Calibrated(*row, dict(dimensions))


def _agent_names(connection: psycopg.Connection, keys: Mapping[str, str]) -> dict[str, str]:
    """Name, else native id, by side."""
    named: Iterable[tuple[str, str]] = connection.execute(
        "select agent_key, coalesce(agent_name, agent_id, agent_key) from marts.dim_agents where agent_key = any(%s)",
        [list(keys.values())],
    ).fetchall()
    known = dict(named)
    return {side: known.get(key, key) for side, key in keys.items()}

"""New questions of the warehouse, grouped: `derived.novel_questions`, and `derived.novel_intents` with what people decided.

Questions join in the order of the days on which they were asked, so that a month in one run and a run a day end in the same
clusters. Old clusters keep their ids and names, and only new questions are read; what no cluster takes waits until at least three
belong together (`touchstone.intents.groups`). What a run keeps is numbers, ids and redacted terms, no text.

The caller's transaction holds all of a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg

from touchstone.intents import decisions, stored_groups
from touchstone.intents import groups as grouping
from touchstone.intents.discover import State, begun, continued
from touchstone.intents.files import Question
from touchstone.intents.questions import openings
from touchstone.intents.vectors import VECTORS_VERSION, embed
from touchstone.warehouse import changes

if TYPE_CHECKING:
    from touchstone.intents.model import Model

VERSIONS = f"1|{grouping.GROUPS_VERSION}|{VECTORS_VERSION}"
MOST_WAITING = 2_000
"""Questions that are kept waiting for a cluster; they are grouped anew every day."""
_READ_AT_ONCE = 5_000

_CHANGED = """
    create temporary table novel_changed on commit drop as
    select interaction_key from ops.interaction_changes
    where change_id > coalesce((select change_id from ops.watermarks where step = 'intents'), 0)
    union
    select interaction_key from scores.intents where %(everything)s and model_version = %(version)s
    """
_PRESENT = """
    create temporary table novel_present on commit drop as
    select interactions.interaction_key, scored.message_key, scored.question_hash, scored.model_version, scored.is_novel,
        interactions.started_at
    from novel_changed as changed
    inner join core.interactions as interactions on interactions.interaction_key = changed.interaction_key
    inner join scores.intents as scored
        on scored.interaction_started_at = interactions.started_at
        and scored.interaction_key = interactions.interaction_key
        and scored.input_hash = interactions.input_hash
    where interactions.is_eligible and scored.model_version = %(version)s and not scored.is_abstained
    """
# A question that says something else by now is another one; one that waits and is no longer new waits for nothing.
_GONE = """
    delete from derived.novel_questions as held
    where held.interaction_key in (select interaction_key from novel_changed)
        and not exists (
            select from novel_present as present
            where present.interaction_key = held.interaction_key and present.question_hash = held.question_hash
                and (present.is_novel or held.cluster_id is not null)
        )
    returning held.interaction_key
    """
_SEEN_AGAIN = """
    update derived.novel_questions as held
    set is_novel = present.is_novel, model_version = present.model_version, message_key = present.message_key,
        asked_at = present.started_at, asked_on = (present.started_at at time zone 'UTC')::date
    from novel_present as present
    where present.interaction_key = held.interaction_key
        and (held.is_novel, held.model_version, held.message_key, held.asked_at)
        is distinct from (present.is_novel, present.model_version, present.message_key, present.started_at)
    """
_NEW = """
    insert into derived.novel_questions (interaction_key, message_key, question_hash, model_version, is_novel, asked_on, asked_at)
    select interaction_key, message_key, question_hash, model_version, true, (started_at at time zone 'UTC')::date, started_at
    from novel_present as present
    where present.is_novel
        and not exists (select from derived.novel_questions as held where held.interaction_key = present.interaction_key)
    returning interaction_key, asked_at, asked_on
    """
_MOVE = """
    update derived.novel_questions as held
    set cluster_id = coalesce(merged.into_id, held.first_cluster_id)
    from derived.novel_questions as questions
    left join unnest(%(from)s::text[], %(into)s::text[]) as merged (cluster_id, into_id)
        on merged.cluster_id = questions.first_cluster_id
    where questions.interaction_key = held.interaction_key
        and held.cluster_id is distinct from coalesce(merged.into_id, questions.first_cluster_id)
    returning held.interaction_key
    """


@dataclass
class Grouped:
    """What a run did.

    Attributes:
        new, gone: Questions that came and went.
        found: Clusters that this run made.
        clusters: All of them.
        without_effect: Decisions about clusters that there are not, or that change nothing, by the number of their record.
    """

    new: int = 0
    gone: int = 0
    found: int = 0
    clusters: int = 0
    without_effect: list[int] = field(default_factory=list)

    def detail(self) -> dict[str, Any]:
        return {
            "new_questions": self.new,
            "gone_questions": self.gone,
            "new_clusters": self.found,
            "clusters": self.clusters,
            "decisions_without_effect": self.without_effect,
        }


def group(
    connection: psycopg.Connection,
    model: Model | None,
    as_of: datetime,
    run_id: int,
    parameters: dict[str, Any],
    *,
    everything: bool,
) -> Grouped:
    """Bring clusters and decisions up to date, in the caller's transaction.

    Args:
        model: The active one; None: questions stay as they are, decisions are applied.
        everything: The model has just read everything for the first time.
    """
    done = Grouped()
    state, is_outdated = _load(connection)
    touched: set[str] = set()
    if model is not None:
        connection.execute(_CHANGED, {"everything": everything, "version": model.version})
        connection.execute("analyze novel_changed")
        connection.execute(_PRESENT, {"version": model.version})
        gone = {row[0] for row in connection.execute(_GONE)}
        connection.execute(_SEEN_AGAIN)
        new = connection.execute(_NEW).fetchall()
        done.gone, done.new = len(gone), len(new)
        if state is not None:
            _leave(state, gone)
            if is_outdated:
                _measure_again(connection, state, _begin(model), parameters["intent_least_words"])
        if new:
            state = state or _begin(model)
            before = len(state.ids)
            state = _place(connection, state, new, parameters["intent_least_words"])
            done.found = len(state.ids) - before
        touched |= gone
        if state is not None:
            _save(connection, state, run_id)
    names = dict(zip(state.ids, state.names, strict=True)) if state is not None else {}
    applied = decisions.apply(decisions.read(connection, as_of), names)
    merged = sorted(applied.into.items())
    touched |= {
        row[0]
        for row in connection.execute(_MOVE, {"from": [one for one, _ in merged], "into": [into for _, into in merged]})
    }
    done.without_effect, done.clusters = applied.without_effect, len(names)
    decisions.write(connection, names, applied, model.intents if model else ())
    changes.announce(connection, touched, run_id)
    return done


def _begin(model: Model) -> State:
    """No cluster yet; the questions that the model has learned from say what is usual."""
    known, intents = model.machine.known_vectors(model.vectors)
    centre = known.mean(axis=0)
    return begun(model.vectors, centre, grouping.usual_floor(centre, known, intents))


def _place(
    connection: psycopg.Connection, state: State, new: Sequence[tuple[str, datetime, date]], least_words: int
) -> State:
    """Find a cluster for each question, a day at a time."""
    order = sorted(new, key=lambda row: (row[2], row[0]))
    for _, rows in groupby(order, key=lambda row: row[2]):
        for questions in _texts(connection, list(rows), least_words):
            vectors = embed([one.text for one in questions], state.kind)
            told = continued(questions, vectors, "", state, MOST_WAITING)
            state = told.state
            columns = told.columns
            placed = [
                row
                for row in zip(columns["id"], columns["cluster_id"], columns["similarity"], strict=True)
                if row[1] is not None
            ]
            connection.execute(
                """
                update derived.novel_questions as held
                set first_cluster_id = found.cluster_id, similarity = found.similarity
                from unnest(%s::text[], %s::text[], %s::double precision[]) as found (interaction_key, cluster_id, similarity)
                where found.interaction_key = held.interaction_key
                """,
                [[row[at] for row in placed] for at in range(3)],
            )
    return state


def _texts(
    connection: psycopg.Connection, rows: Sequence[tuple[str, datetime, date]], least_words: int
) -> Iterator[list[Question]]:
    for first in range(0, len(rows), _READ_AT_ONCE):
        part = rows[first : first + _READ_AT_ONCE]
        asked = openings(connection, [(key, moment) for key, moment, _ in part], least_words)
        yield [Question(at, key, asked[key].plain) for at, (key, _, _) in enumerate(part, first + 1) if key in asked]


def _leave(state: State, keys: set[str]) -> None:
    """Forget questions that wait and are gone."""
    kept = [at for at, (_, key, _) in enumerate(state.waiting) if key not in keys]
    if len(kept) < len(state.waiting):
        state.waiting = [state.waiting[at] for at in kept]
        state.vectors = state.vectors[kept]


# --- the state between runs


def _load(connection: psycopg.Connection) -> tuple[State | None, bool]:
    """The state of the last run, None before the first, and whether another version made it."""
    stored = stored_groups.load(connection, "novel_groups")
    if stored is None:
        return None, False
    versions, document, arrays = stored
    state = State(
        groups=stored_groups.groups_of(arrays, document["usual"]),
        ids=document["ids"],
        names=document["names"],
        kind=document["kind"],
        waiting=[tuple(one) for one in document["waiting"]],
        vectors=arrays["waiting"],
        counts=document["counts"],
        questions=document["questions"],
        next_id=document["next_id"],
    )
    return state, versions != VERSIONS


def _measure_again(connection: psycopg.Connection, state: State, fresh: State, least_words: int) -> None:
    """Vectors are made otherwise by now: every cluster keeps its id, its name and its questions, and is measured anew."""
    rows = connection.execute(
        "select interaction_key, asked_at, asked_on, first_cluster_id from derived.novel_questions order by interaction_key"
    ).fetchall()
    texts = {one.id: one.text for part in _texts(connection, [row[:3] for row in rows], least_words) for one in part}
    vectors = dict(zip(texts, embed(list(texts.values()), fresh.kind), strict=True))
    place = {cluster: number for number, cluster in enumerate(state.ids)}
    members = [(place[row[3]], vectors[row[0]]) for row in rows if row[3] is not None and row[0] in vectors]
    state.groups = grouping.measured(
        fresh.groups,
        len(state.ids),
        np.array([number for number, _ in members], dtype=np.int64),
        np.array([vector for _, vector in members], dtype=np.float32).reshape(len(members), -1),
    )
    state.kind = fresh.kind
    state.waiting = [one for one in state.waiting if one[1] in vectors]
    state.vectors = np.array([vectors[key] for _, key, _ in state.waiting], dtype=np.float32).reshape(
        len(state.waiting), len(fresh.groups.centre)
    )


def _save(connection: psycopg.Connection, state: State, run_id: int) -> None:
    document = {
        "kind": state.kind,
        "ids": state.ids,
        "names": state.names,
        "waiting": state.waiting,
        "counts": state.counts,
        "questions": state.questions,
        "next_id": state.next_id,
        "usual": state.groups.usual,
    }
    arrays = stored_groups.arrays_of(state.groups) | {"waiting": state.vectors}
    stored_groups.save(connection, "novel_groups", VERSIONS, document, arrays, run_id)

"""Articles of each topic: their edits, and pairs that say different things about one matter.

An article belongs to a topic that it is labelled with, or to the one that most of the questions were about whose answers cite it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from touchstone.gaps.life import Event

_TOPICS = """
    with labelled as (
        select distinct versions.article_key, lower(labels.label) as topic
        from core.article_versions as versions
        cross join lateral jsonb_array_elements_text(
            case when jsonb_typeof(versions.labels) = 'array' then versions.labels else '[]' end
        ) as labels (label)
        inner join (select distinct topic from facts.ai_question_days) as topics on topics.topic = lower(labels.label)
    ),

    cited as (
        select article_key, topic, sum(question_count) as question_count,
            sum(sum(question_count)) over (partition by article_key) as all_count
        from facts.article_question_days
        group by article_key, topic
    )

    select article_key, topic from labelled
    union
    select article_key, topic from cited
    where 2 * question_count > all_count and article_key not in (select article_key from labelled)
    """
LEAST_OVERLAP = 0.5
"""Share of a sentence's content that another text must have in common to speak of the same matter."""


@dataclass(frozen=True)
class Version:
    article_key: str
    locale: str | None
    title: str
    body: str
    number: int
    valid_from: datetime
    is_readable: bool
    is_current: bool


def topics_of(connection: psycopg.Connection) -> dict[str, set[str]]:
    """Articles by topic."""
    found: dict[str, set[str]] = defaultdict(set)
    for article, topic in connection.execute(_TOPICS):
        found[topic].add(article)
    return found


def edits(connection: psycopg.Connection, as_of: datetime) -> dict[str, list[Event]]:
    """What was published of each article, and when: new articles, and new contents of old ones."""
    found: dict[str, list[Event]] = defaultdict(list)
    for article, at, is_new in connection.execute(
        """
        with readable as (
            select article_key, valid_from, content_hash, created_at,
                lag(content_hash) over (partition by article_key order by valid_from) as previous_hash
            from core.article_versions where not is_draft and not is_archived
        )
        select article_key, valid_from,
            previous_hash is null and (created_at is null or valid_from <= created_at + interval '1 day')
        from readable
        where content_hash is distinct from previous_hash and valid_from < %s
        order by valid_from, article_key
        """,
        [as_of],
    ):
        found[article].append(Event(at, "article", None, article, is_new))
    return found


def refresh_conflicts(connection: psycopg.Connection, topics: dict[str, set[str]]) -> int:
    """Compare the present articles of each topic of which one has changed; returns how many topics that were."""
    versions: dict[str, list[Version]] = defaultdict(list)
    place = {article: topic for topic, articles in sorted(topics.items()) for article in articles}
    digests: dict[str, Any] = defaultdict(hashlib.md5)
    for article, digest in connection.execute(
        """
        select article_key, content_hash || valid_from::text from core.article_versions
        where is_current and not is_draft and not is_archived order by article_key
        """
    ):
        if article in place:
            digests[place[article]].update(f"{article}{digest}".encode())
    held = dict(connection.execute("select topic, digest from derived.article_conflict_inputs").fetchall())
    changed = sorted(
        topic for topic in {*digests, *held} if topic not in digests or held.get(topic) != digests[topic].hexdigest()
    )
    if not changed:
        return 0
    wanted = [article for article, topic in place.items() if topic in changed]
    for row in connection.execute(
        """
        select article_key, locale, title, body, version_number, valid_from, not is_draft and not is_archived, is_current
        from core.article_versions
        where article_key = any(%s) and is_current and not is_draft and not is_archived order by article_key
        """,
        [wanted],
    ):
        versions[place[row[0]]].append(Version(*row))
    connection.execute("delete from derived.article_conflicts where topic = any(%s)", [changed])
    connection.execute("delete from derived.article_conflict_inputs where topic = any(%s)", [changed])
    with connection.cursor() as cursor:
        for topic in changed:
            if topic not in digests:
                continue
            cursor.execute(
                "insert into derived.article_conflict_inputs (topic, digest) values (%s, %s)",
                [topic, digests[topic].hexdigest()],
            )
            rows = [(*pair, topic, kind, count, since) for (*pair, kind), (count, since) in _conflicts(versions[topic])]
            cursor.executemany(
                """
                insert into derived.article_conflicts
                    (article_key, other_article_key, topic, claim_kind, conflict_count, since)
                values (%s, %s, %s, %s, %s, %s)
                on conflict (article_key, other_article_key, claim_kind) do nothing
                """,
                rows,
            )
    return len(changed)


def _conflicts(versions: list[Version]) -> list[tuple[tuple[str, str, str], tuple[int, datetime]]]:
    """Pairs of articles of one language of which one states what the other denies, by kind of claim."""
    import pandas as pd

    from touchstone.rubric.model import primary
    from touchstone.scoring.knowledge import Library, contradictions
    from touchstone.text.markers import MARKER_LANGUAGES

    found: dict[tuple[str, str, str], tuple[int, datetime]] = {}
    for place, one in enumerate(versions):
        language = primary(one.locale) if one.locale else "en"
        if language not in MARKER_LANGUAGES:
            continue
        for other in versions[place + 1 :]:
            if (other.locale or "en") != (one.locale or "en"):
                continue
            library = Library(
                pd.DataFrame(
                    [{"article_key": other.article_key, "title": other.title, "body": other.body, "locale": language}]
                )
            )
            for claim in contradictions(one.title, one.body, library, language, LEAST_OVERLAP):
                first, second = sorted((one.article_key, other.article_key))
                pair = (first, second, claim.kind)
                count = found[pair][0] if pair in found else 0
                found[pair] = (count + 1, max(one.valid_from, other.valid_from))
    return sorted(found.items())

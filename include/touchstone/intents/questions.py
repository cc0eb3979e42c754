"""The question that opens an interaction, as models of intents read it in the warehouse: the customer's redacted words.

They are the customer's messages before the first reply; where these say less than `intent_least_words` words (a greeting), the
next ones too. Training labels that the warehouse exports hold the same text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from touchstone.intents.vectors import MAX_CHARACTERS
from touchstone.text.redact import PII_TYPES

_PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(kind.upper() for kind in PII_TYPES)})\]")
_SAID = """
    with said as (
        select messages.interaction_key, messages.message_key, messages.actor, messages.text, messages.ordinal,
            coalesce(sum(messages.word_count) filter (where messages.actor = 'customer') over earlier, 0) as earlier_words,
            count(*) filter (where messages.actor in ('human_agent', 'ai_agent') and not messages.is_automation) over earlier
                as earlier_replies
        from unnest(%(keys)s::text[], %(moments)s::timestamptz[]) as wanted (interaction_key, started_at)
        inner join core.messages as messages
            on messages.interaction_key = wanted.interaction_key and messages.interaction_started_at = wanted.started_at
        where not messages.is_internal and messages.interaction_started_at between %(first)s and %(last)s
        window earlier as (partition by messages.interaction_key order by messages.ordinal rows between unbounded preceding and 1 preceding)
    )

    select interaction_key, message_key, text from said
    where actor = 'customer' and (earlier_replies = 0 or earlier_words < %(least)s)
    order by interaction_key, ordinal
    """


@dataclass(frozen=True, slots=True)
class Opening:
    """A question.

    Attributes:
        message_key: The first message of it.
        text: All of it that is read.
    """

    message_key: str
    text: str

    @property
    def digest(self) -> str:
        return hashlib.md5(self.text.encode(), usedforsecurity=False).hexdigest()

    @property
    def is_readable(self) -> bool:
        """Whether it says anything besides placeholders."""
        return any(char.isalpha() for char in self.plain)

    @property
    def plain(self) -> str:
        """The text without placeholders of personal data."""
        return _PLACEHOLDER.sub(" ", self.text)


def openings(
    connection: psycopg.Connection, interactions: Sequence[tuple[str, datetime]], least_words: int
) -> dict[str, Opening]:
    """Questions by interaction; an interaction without a customer's message has none.

    Args:
        interactions: (interaction_key, started_at) as core has them.
        least_words: Words of the customer from which a reply ends the question.
    """
    said: dict[str, list[tuple[str, str]]] = {}
    if not interactions:
        return {}
    moments = [moment for _, moment in interactions]
    for key, message, text in connection.execute(
        _SAID,
        {
            "keys": [key for key, _ in interactions],
            "moments": moments,
            "first": min(moments),
            "last": max(moments),
            "least": least_words,
        },
    ):
        said.setdefault(key, []).append((message, text))
    return {
        key: Opening(messages[0][0], "\n".join(text for _, text in messages)[:MAX_CHARACTERS])
        for key, messages in said.items()
    }

"""Keys of the interactions and messages that rows speak of by the ids of their source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import psycopg

from touchstone.feedback.kinds import UnusableRecord


@dataclass(frozen=True)
class Place:
    """What a row speaks of, as it states it.

    Attributes:
        interaction_id: Native id, or Touchstone's key.
        source, instance: Where the interaction is from; None: from any, as long as only one holds the id.
    """

    interaction_id: str
    message_id: str | None = None
    source: str | None = None
    instance: str | None = None


class Finder:
    """Interactions and messages of the warehouse, for a set of places."""

    def __init__(self, connection: psycopg.Connection, places: Iterable[Place]) -> None:
        wanted = set(places)
        self._instances = (
            connection.execute("select distinct source, instance from ops.loads").fetchall() if wanted else []
        )
        keys = [key for one in wanted for key in self._interaction_keys(one)]
        messages = [key for one in wanted for key in self._message_keys(one)]
        self._owners: dict[str, str] = {}
        self._interactions: set[str] = set()
        if not wanted:
            return
        self._interactions = {
            row[0]
            for row in connection.execute(
                "select interaction_key from core.interactions where interaction_key = any(%s) and started_at is not null",
                [keys],
            )
        }
        self._owners = dict(
            connection.execute(
                """
                select messages.message_key, messages.interaction_key
                from core.messages as messages
                inner join core.interactions as interactions
                    on messages.interaction_key = interactions.interaction_key
                    and messages.interaction_started_at = interactions.started_at
                where interactions.interaction_key = any(%s) and messages.message_key = any(%s)
                """,
                [keys, messages],
            ).fetchall()
        )

    def find(self, place: Place) -> tuple[str, str | None]:
        """Keys of the interaction and of the message.

        Raises:
            UnusableRecord: The warehouse holds none of that id, or several.
        """
        held = [key for key in self._interaction_keys(place) if key in self._interactions]
        if not held:
            raise UnusableRecord(
                "unknown_interaction",
                f"no interaction {place.interaction_id!r} in the warehouse",
                "Run the cycle on its conversation first, then send the row again; or correct its source and instance.",
            )
        if len(held) > 1:
            raise UnusableRecord(
                "ambiguous_interaction",
                f"interaction {place.interaction_id!r} is held by {len(held)} instances",
                "Name the source and instance.",
            )
        if place.message_id is None:
            return held[0], None
        for key in self._message_keys(place):
            if self._owners.get(key) == held[0]:
                return held[0], key
        raise UnusableRecord(
            "unknown_message",
            f"interaction {place.interaction_id!r} has no message {place.message_id!r}",
            "Give the message's id as its source states it.",
        )

    def _instances_of(self, place: Place) -> list[tuple[str, str]]:
        return [
            (source, instance)
            for source, instance in self._instances
            if place.source in (None, source) and place.instance in (None, instance)
        ]

    def _interaction_keys(self, place: Place) -> list[str]:
        """Keys that the id may stand for: the key itself, or the native id in each instance that it may be from."""
        said = place.interaction_id
        return [said, *(_key(*one, said) for one in self._instances_of(place))]

    def _message_keys(self, place: Place) -> list[str]:
        if place.message_id is None:
            return []
        native = f"{place.interaction_id}:{place.message_id}"
        return [place.message_id, *(_key(*one, native) for one in self._instances_of(place))]


def _key(source: str, instance: str, native: str) -> str:
    return hashlib.md5(f"{source}:{instance}:{native}".encode(), usedforsecurity=False).hexdigest()

"""A small company on files: conversations that open with questions of `intents_world`, day by day."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from intents_world import INTENTS, new_questions, wordings

FIRST_DAY = date(2026, 3, 2)


def end_of(day: int) -> datetime:
    """End of the ledger day, 1 is the first."""
    return datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=day)


def conversation(
    identity: str, day: int, said: Sequence[tuple[str, str]], *, topic: str | None = None, minute: int = 0
) -> dict[str, object]:
    """A solved conversation; `said` are (actor, text)."""
    start = end_of(day) - timedelta(hours=16) + timedelta(minutes=minute)
    at = [start + timedelta(minutes=2 * number) for number in range(len(said))]
    record: dict[str, object] = {
        "interaction_id": identity,
        "channel": "chat",
        "language": "en",
        "status": "solved",
        "started_at": start.isoformat(),
        "solved_at": at[-1].isoformat(),
        "customer_id": f"customer-{identity}",
        "messages": [
            {"message_id": f"m{number}", "actor": actor, "text": text, "sent_at": moment.isoformat()}
            | ({"actor_id": "agent-1", "actor_name": "Robin"} if actor == "human_agent" else {})
            for number, ((actor, text), moment) in enumerate(zip(said, at, strict=True), 1)
        ],
    }
    if topic is not None:
        record["topic"] = topic
    return record


def usual(day: int, per_intent: int) -> list[dict[str, object]]:
    """Questions of the known intents; no two days ask alike."""
    found = []
    for number, (intent, (templates, slots)) in enumerate(INTENTS.items()):
        texts = wordings(templates, slots)
        for turn in range(per_intent):
            text = texts[(day * per_intent + turn) * 5 % len(texts)]
            found.append(
                conversation(
                    f"{intent}-{day}-{turn}",
                    day,
                    [("customer", text), ("human_agent", f"Let me look into {intent} {day}/{turn} for you.")],
                    topic=intent,
                    minute=number * 20 + turn,
                )
            )
    return found


def unheard(day: int, first: int, count: int, prefix: str = "job") -> list[dict[str, object]]:
    """Questions about something new, for which the helpdesk has no topic."""
    return [
        conversation(
            f"{prefix}-{day}-{turn}",
            day,
            [("customer", text), ("human_agent", f"I will forward this as {prefix} {day}/{turn}.")],
            minute=300 + turn,
        )
        for turn, text in enumerate(new_questions(first + count)[first:])
    ]


def write(folder: Path, name: str, records: Sequence[dict[str, object]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))

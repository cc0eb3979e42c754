"""Foreign layouts of conversation files, recognised by their keys and turned into documents.

A dialect converts one record into a document of `touchstone.sources.schema`; the document is then checked like any
other. `register` adds one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from touchstone.sources.reasons import Refused

Record = dict[str, Any]


@dataclass(frozen=True)
class Dialect:
    """One foreign layout.

    Attributes:
        name: Stored with every conversation as `attributes.dialect`.
        keys: A record that has all of these is in this layout.
        convert: Record in, document out; raises KeyError, TypeError or ValueError where the layout is not kept.
    """

    name: str
    keys: frozenset[str]
    convert: Callable[[Record], Record]


_DIALECTS: dict[str, Dialect] = {}


def register(dialect: Dialect) -> Dialect:
    """Add a dialect; one of the same name is replaced."""
    _DIALECTS[dialect.name] = dialect
    return dialect


def converted(record: Record) -> Record:
    """The record itself, or the document that it stands for in a registered dialect.

    Raises:
        Refused: The record announces a dialect by its keys but does not keep to it.
    """
    if "interaction_id" in record:
        return record
    for dialect in _DIALECTS.values():
        if dialect.keys <= record.keys():
            try:
                document = dialect.convert(record)
            except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
                detail = f"{dialect.name}: {type(error).__name__} {error}"
                raise Refused("dialect_malformed", "record", None, detail) from error
            document["attributes"]["dialect"] = dialect.name
            return document
    return record


# --- STAR: https://github.com/RasaHQ/STAR, one dialogue per record

_STAR_SPEAKERS = {
    # the assistant's side types its reply or picks one that is offered: a person either way
    ("User", "utter"): ("customer", "AnonymizedUserWorkerID"),
    ("Wizard", "utter"): ("human_agent", "AnonymizedWizardWorkerID"),
    ("Wizard", "pick_suggestion"): ("human_agent", "AnonymizedWizardWorkerID"),
}


def _star(dialogue: Record) -> Record:
    messages: list[Record] = []
    calls: list[Record] = []
    last_time: int | None = None
    first_time: int | None = None
    for position, event in enumerate(dialogue["Events"]):
        seconds = event.get("UnixTime")
        if seconds is not None:
            last_time = seconds
            first_time = seconds if first_time is None else first_time
        if event["Agent"] == "KnowledgeBase" and event["Action"] == "return_item":
            calls.append({"name": event["APIName"], "status": "ok"})
            continue
        speaker = _STAR_SPEAKERS.get((event["Agent"], event["Action"]))
        if speaker is None:
            continue
        actor, id_field = speaker
        message = {
            "message_id": str(position),
            "sent_at": _utc(seconds),
            "actor": actor,
            "actor_id": dialogue[id_field],
            "text": event["Text"],
        }
        if actor == "human_agent":
            attributes = {"action": event["Action"], "action_label": event.get("ActionLabel")}
            message["attributes"] = {name: value for name, value in attributes.items() if value is not None}
            if calls:
                message["tool_calls"] = calls
                calls = []
        messages.append(message)
    is_complete = dialogue["CompletionLevel"] == "Complete"
    scenario = dialogue["Scenario"]
    attributes = {
        "completion_level": dialogue["CompletionLevel"],
        "batch_id": dialogue.get("BatchID"),
        "is_happy_path": scenario.get("Happy"),
        "is_multi_task": scenario.get("MultiTask"),
        "user_questionnaire": _answers(dialogue.get("UserQuestionnaire")),
        "agent_questionnaire": _answers(dialogue.get("WizardQuestionnaire")),
        # what was looked up after the last reply
        "unreported_tool_calls": calls or None,
    }
    return {
        "interaction_id": str(dialogue["DialogueID"]),
        "channel": "chat",
        "language": "en",
        # a dialogue that broke off before anything was said still began
        "started_at": _utc(first_time) if first_time is not None and not messages else None,
        "closed_at": _utc(last_time) if is_complete and last_time is not None else None,
        "status": "closed" if is_complete else "open",
        "customer_id": dialogue["AnonymizedUserWorkerID"],
        "topic": "+".join(name for name in scenario["Domains"] if name is not None) or None,
        "attributes": {name: value for name, value in attributes.items() if value is not None},
        "messages": messages,
    }


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _answers(questionnaire: list[Record] | None) -> list[Record]:
    return [{"question": item["Question"], "answer": item["Answer"]} for item in questionnaire or []]


register(Dialect("star", frozenset({"DialogueID", "Events"}), _star))

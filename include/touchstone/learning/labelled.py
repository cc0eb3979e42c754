"""Labelled sets as conversation records and review rows: what a team would write to train on its own data.

Each reader returns (documents of the conversation file, review records). Nothing is kept of a set but what its files hold.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from touchstone.sources.dialects import converted

Record = dict[str, Any]
Labelled = tuple[list[Record], list[Record]]
_START = datetime(2026, 1, 1, tzinfo=UTC)
_STEP = timedelta(seconds=30)
_NO_OUTCOME = ("stay calm", "enjoy", "say something about rain")
"""Questions to STAR's customers that ask for manners or content, not whether their task succeeded."""


def _at(position: int) -> str:
    """Times for sets that have none: evenly spaced."""
    return (_START + position * _STEP).isoformat()


def _message(position: int, actor: str, text: str) -> Record:
    return {"message_id": str(position), "sent_at": _at(position), "actor": actor, "text": text}


def _review(
    interaction: str, message: str | None, reviewer: str, dimension: str, value: Any, low: Any, high: Any
) -> Record:
    return {
        "interaction_id": interaction,
        "message_id": message,
        "reviewer": reviewer,
        "dimension": dimension,
        "value": value,
        "scale_min": low,
        "scale_max": high,
        "reviewed_at": _at(0),
    }


def satisfaction(folder: Path, part: str) -> Labelled:
    """User Satisfaction Simulation: `MWOZ` or `CCPE`; satisfaction 1 to 5 per customer turn and per dialogue."""
    documents, reviews = [], []
    with gzip.open(folder / "uss-mwoz-ccpe" / f"{part}.txt.gz", "rt", encoding="utf-8") as file:
        blocks = file.read().strip().split("\n\n")
    for number, block in enumerate(blocks):
        interaction = f"{part}-{number}"
        messages: list[Record] = []
        for line in block.split("\n"):
            fields = line.split("\t")
            if len(fields) < 2:
                continue
            given = [float(one) for one in fields[3].split(",")] if len(fields) > 3 and fields[3].strip() else []
            is_whole = fields[1] == "OVERALL"
            message = None if is_whole else str(len(messages))
            for rater, value in enumerate(given):
                reviews.append(_review(interaction, message, f"rater_{rater}", "satisfaction", value, 1, 5))
            if not is_whole:
                messages.append(_message(len(messages), "customer" if fields[0] == "USER" else "ai_agent", fields[1]))
        documents.append({"interaction_id": interaction, "language": "en", "messages": messages})
    return documents, reviews


def breakdowns(folder: Path) -> Labelled:
    """Dialogue Breakdown Detection Challenge 3: thirty people per reply say whether it breaks the conversation.

    The value is 1 for "breaks", else 0: the mean is the share that says so.
    """
    documents, reviews = [], []
    for one in _lines(folder / "dbdc3-dev" / "dbdc3_revised_en_dev.jsonl.gz"):
        interaction = f"{one['_set']}/{one['dialogue-id']}"
        messages = []
        for turn in one["turns"]:
            message = _message(len(messages), "customer" if turn["speaker"] == "U" else "ai_agent", turn["utterance"])
            for said in turn["annotations"]:
                value = float(said["breakdown"] == "X")
                reviews.append(_review(interaction, message["message_id"], said["annotator-id"], "breaks", value, 0, 1))
            messages.append(message)
        documents.append({"interaction_id": interaction, "language": "en", "messages": messages})
    return documents, reviews


def actions(folder: Path) -> Labelled:
    """Taskmaster TM-4 rewards: is the next action (a reply or a tool call) the right one."""
    actors = {"agent": "ai_agent", "user": "customer", "api": "system"}
    documents, reviews = [], []
    for number, one in enumerate(_lines(folder / "taskmaster-reward" / "TM-4-2024-reward.jsonl.gz")):
        interaction = f"action-{number}"
        messages = []
        for turn in [*json.loads(one["context"]), json.loads(one["generation"])]:
            message = _message(len(messages), actors[turn["role"]], turn.get("text") or "")
            calls = [(name, "arguments", value) for name, value in (turn.get("api") or {}).items()]
            calls += [(name, "response", value) for name, value in (turn.get("response") or {}).items()]
            if calls:
                message["tool_calls"] = [{"name": name or "unnamed", key: value} for name, key, value in calls]
            messages.append(message)
        reviews.append(_review(interaction, messages[-1]["message_id"], "rater", "right_action", one["reward"], 0, 1))
        documents.append(
            {
                "interaction_id": interaction,
                "language": "en",
                "customer_id": one["conversation_id"],
                "messages": messages,
            }
        )
    return documents, reviews


def tweets(folder: Path) -> Labelled:
    """Twitter US Airline Sentiment: negative, neutral or positive."""
    documents, reviews = [], []
    with gzip.open(folder / "twitter-airline" / "Tweets.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            interaction = f"tweet-{number}"
            message = _message(0, "customer", row["text"])
            documents.append(
                {"interaction_id": interaction, "channel": "social", "language": "en", "messages": [message]}
            )
            reviews.append(_review(interaction, "0", "rater", "sentiment", row["airline_sentiment"], None, None))
    return documents, reviews


def requests(folder: Path) -> Labelled:
    """Stanford politeness corpus, Wikipedia part: five people rate a request from 1 to 25."""
    documents, reviews = [], []
    path = folder / "politeness-wikipedia" / "wikipedia.annotated.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            interaction = f"request-{number}"
            message = _message(0, "customer", row["Request"])
            documents.append({"interaction_id": interaction, "language": "en", "messages": [message]})
            for rater in range(1, 6):
                value = float(row[f"Score{rater}"])
                reviews.append(_review(interaction, "0", row[f"TurkId{rater}"], "politeness", value, 1, 25))
    return documents, reviews


def assistance(folder: Path) -> Labelled:
    """STAR: did the customer's task succeed (by question), and was the customer annoyed (by the assistant).

    A review keeps the question under `question`, which the reader of review rows passes over.
    """
    documents, reviews = [], []
    for one in _lines(folder / "star-dev" / "dialogues.jsonl.gz"):
        document = converted(one)
        if not document["messages"]:
            continue
        documents.append(document)
        interaction = document["interaction_id"]
        for asked in one.get("UserQuestionnaire") or []:
            question = asked["Question"].replace("...", "Did the assistant ")
            if any(words in question for words in _NO_OUTCOME):
                continue
            row = _review(interaction, None, "customer", "task_achieved", float(asked["Answer"]), 0, 1)
            reviews.append(row | {"question": question})
        for asked in one.get("WizardQuestionnaire") or []:
            if "annoyed" in asked["Question"]:
                value = 1.0 - float(asked["Answer"])
                row = _review(interaction, None, "assistant", "customer_calm", value, 0, 1)
                reviews.append(row | {"question": asked["Question"]})
    return documents, reviews


def next_answers(folder: Path) -> Labelled:
    """STAR: will the next answer help, from the conversation up to a customer's message alone.

    One document per message of a customer that a reply follows, which ends with that message: nothing later can be seen. The value
    is 0 where the reply was labelled out of scope or nothing found, else 1.
    """
    documents, reviews = [], []
    for one in _lines(folder / "star-dev" / "dialogues.jsonl.gz"):
        document = converted(one)
        said = document["messages"]
        for place, (message, reply) in enumerate(pairwise(said)):
            if message["actor"] != "customer" or reply["actor"] == "customer":
                continue
            label = reply["attributes"].get("action_label") or ""
            interaction = f"{document['interaction_id']}:{message['message_id']}"
            documents.append(
                {
                    "interaction_id": interaction,
                    "language": "en",
                    "customer_id": document["customer_id"],
                    "messages": said[: place + 1],
                }
            )
            helps = float(label != "out_of_scope" and not label.endswith("nothing_found"))
            reviews.append(_review(interaction, message["message_id"], "assistant", "next_answer_helps", helps, 0, 1))
    return documents, reviews


def _lines(path: Path) -> Iterator[Record]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)

"""Langfuse's ids of the company's things: digests, which lead one way only."""

from __future__ import annotations

from hashlib import md5

from touchstone.sandbox.ai_turns import Turn


def session_id(conversation_id: str) -> str:
    return f"session-{conversation_id}"


def trace_id(turn: Turn) -> str:
    return _digest(f"{turn.conversation.conversation_id}|{turn.number}")


def observation_id(turn: Turn, step: str) -> str:
    return _digest(f"{turn.conversation.conversation_id}|{turn.number}|{step}")[:16]


def score_id(turn: Turn, name: str, number: int) -> str:
    return _digest(f"{turn.conversation.conversation_id}|{name}|{number}")


def _digest(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()

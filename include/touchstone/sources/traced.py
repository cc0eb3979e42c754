"""What entries of sources share that hold traces of AI agents: which scores, tools and places mean what."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from touchstone.sources.options import Connected


class Rating(BaseModel):
    """The score that is the customer's rating of the conversation, and its scale."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    score: str
    min: float
    max: float

    @model_validator(mode="after")
    def _is_scale(self) -> Rating:
        if self.max <= self.min:
            raise ValueError("must have a `max` above its `min`")
        return self


class Traced(Connected):
    """A source of traces; its class adds `fields`, the places where traces say what.

    Attributes:
        feedback: Names of the scores that are the customer's thumbs on an answer.
        rating: The customer's rating of the conversation.
        handoff_tools, handoff_scores: Names of the tools and scores that say that a person takes over.
        tickets: What becomes of conversations that name a ticket (`fields.ticket`), which a helpdesk states too: keep,
            exclude, or only (those alone).
    """

    feedback: list[str] = Field(default_factory=list)
    rating: Rating | None = None
    handoff_tools: list[str] = Field(default_factory=list)
    handoff_scores: list[str] = Field(default_factory=list)
    tickets: Literal["keep", "exclude", "only"] = "keep"

    @model_validator(mode="after")
    def _knows_tickets(self) -> Traced:
        if self.tickets != "keep" and self.fields.ticket is None:
            raise ValueError(f"`tickets: {self.tickets}` needs `fields.ticket`, where a trace names its ticket")
        return self

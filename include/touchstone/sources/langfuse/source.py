"""Langfuse: a session is a conversation, a trace one turn of it. interaction_id is the session's id, else the trace's own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from touchstone.sources.declaration import Declaration
from touchstone.sources.options import Http
from touchstone.sources.traced import Traced

Place = Annotated[str, Field(pattern=r"^(metadata|tag)\.\S+$")]
"""Where a trace says something: `metadata.<key>` (dots go deeper), or `tag.<name>` for a tag `<name>:<value>`."""


class Fields(BaseModel):
    """Where traces say what Langfuse has no field of its own for; what is left out is unknown.

    Attributes:
        agent: Which AI agent answered; else the name of the trace.
        confidence, intent: What the AI agent states of its answer.
        email: Address of the customer; `userId` is the customer's id.
        handoff: That a person takes over: the reason, or true.
        ticket: The conversation of a helpdesk that holds this one too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: Place | None = None
    agent: Place | None = None
    channel: Place | None = None
    confidence: Place | None = None
    email: Place | None = None
    handoff: Place | None = None
    intent: Place | None = None
    language: Place | None = None
    product_area: Place | None = None
    ticket: Place | None = None
    tier: Place | None = None
    topic: Place | None = None


class Langfuse(Traced, Http):
    """Langfuse.

    Attributes:
        api: v4 for Langfuse Cloud and self-hosted 4, which know observations alone; v3 for self-hosted 3.
        environments: Whose traces are read; left out, all.
        late_days: How far back every run reads again, since traces arrive, grow and change after their timestamp.
        score_days: The same of scores, which people change later.
        retrievers, tools: Names of plain spans that look up articles, or call a tool, beside those of type RETRIEVER and TOOL.
        input_path, output_path: Where in a trace's input and output the text is, with dots; left out, the usual shapes.
    """

    source: Literal["langfuse"]
    base_url: str = "https://cloud.langfuse.com"
    api: Literal["v3", "v4"] = "v4"
    environments: list[str] = Field(default_factory=list)
    late_days: int = Field(3, ge=1)
    score_days: int = Field(14, ge=1)
    fields: Fields = Fields()
    retrievers: list[str] = Field(default_factory=list)
    tools: list[str] = Field(default_factory=list)
    input_path: str | None = None
    output_path: str | None = None


# Observations and scores belong to a trace, and only that one says which conversation it is part of.
_THROUGH_TRACES = """
    select traces.instance, traces.interaction_id
    from (
        select instance, interaction_id from raw_langfuse.observations where _load_id = any(%(ids)s)
        union
        select instance, interaction_id from raw_langfuse.observations_history where replaced_by_load_id = any(%(ids)s)
        union
        select instance, interaction_id from raw_langfuse.scores where _load_id = any(%(ids)s)
        union
        select instance, interaction_id from raw_langfuse.scores_history where replaced_by_load_id = any(%(ids)s)
    ) as parts
    inner join raw_langfuse.traces as traces on parts.instance = traces.instance and parts.interaction_id = traces.id
    union
    select instance, substr(interaction_id, 9)
    from raw_langfuse.scores
    where _load_id = any(%(ids)s) and interaction_id like 'session:%%'
"""


SOURCE = Declaration(
    name="langfuse",
    options=Langfuse,
    example="{source: langfuse, instance: default, start: 2026-01-01}",
    streams=("traces", "observations", "scores"),
    interactions=("traces",),
    named_interactions=_THROUGH_TRACES,
    connector="touchstone.sources.langfuse.connector:LangfuseConnector",
)

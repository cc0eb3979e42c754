"""OpenTelemetry: spans of AI agents, from files of a collector or from a table. A conversation is what `gen_ai.conversation.id`
names, else a trace; a trace is one turn of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from touchstone.settings import Settings, get_settings
from touchstone.sources.declaration import Declaration
from touchstone.sources.traced import Traced


class Fields(BaseModel):
    """Names of the attributes, of spans or of their resource, that say what no convention names; what is left out is unknown.

    Attributes:
        agent, customer: Beside `gen_ai.agent.name` and `user.id` or `enduser.id`.
        confidence, intent: What the AI agent states of its answer.
        handoff: That a person takes over: the reason, or true.
        ticket: The conversation of a helpdesk that holds this one too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: str | None = None
    agent: str | None = None
    channel: str | None = None
    confidence: str | None = None
    customer: str | None = None
    email: str | None = None
    handoff: str | None = None
    intent: str | None = None
    language: str | None = None
    product_area: str | None = None
    ticket: str | None = None
    tier: str | None = None
    topic: str | None = None


class SpanTable(BaseModel):
    """A table with one row per span, in a database that SQLAlchemy reads.

    Attributes:
        name: With its schema in front where it is not in the default one.
        cursor: The column that grows as rows arrive: a number or a time of ingestion.
        late: How far back every run reads again, since rows are committed out of order: minutes of a time, else numbers.
        events: Span events, as JSON; null where there are none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    cursor: str
    late: int = Field(1000, ge=0)
    trace_id: str = "trace_id"
    span_id: str = "span_id"
    parent_span_id: str | None = "parent_span_id"
    span_name: str = "name"
    start_time: str = "start_time"
    end_time: str = "end_time"
    attributes: str = "attributes"
    resource_attributes: str | None = None
    status_code: str | None = None
    status_message: str | None = None
    events: str | None = None


class Otel(Traced):
    """Spans by the conventions for generative AI.

    Attributes:
        path: Folder or file that a collector's file exporter writes (JSON, plain or gzip), relative to the checkout.
        table: The table that holds spans; the address of its database is a credential.
        conversation: Attributes that name the conversation, the first that is there counts.
    """

    source: Literal["otel"]
    path: str | None = None
    table: SpanTable | None = None
    fields: Fields = Fields()
    conversation: list[str] = Field(default_factory=lambda: ["gen_ai.conversation.id", "session.id"], min_length=1)

    @model_validator(mode="after")
    def _is_somewhere(self) -> Otel:
        if (self.path is None) == (self.table is None):
            raise ValueError("takes either `path` or `table`")
        return self

    def location(self, settings: Settings | None = None) -> Path:
        """Where the files are: relative to the checkout, or to its state where the path begins with `{home}`."""
        settings = settings or get_settings()
        return settings.root / Path(self.path.replace("{home}", str(settings.state_dir))).expanduser()


# Spans and events belong to a trace, and only that one says which conversation it is part of.
_THROUGH_TRACES = """
    select traces.instance, traces.interaction_id
    from (
        select instance, interaction_id from raw_otel.spans where _load_id = any(%(ids)s)
        union
        select instance, interaction_id from raw_otel.spans_history where replaced_by_load_id = any(%(ids)s)
        union
        select instance, interaction_id from raw_otel.events where _load_id = any(%(ids)s)
    ) as parts
    inner join raw_otel.traces as traces on parts.instance = traces.instance and parts.interaction_id = traces.id
"""


SOURCE = Declaration(
    name="otel",
    options=Otel,
    example="{source: otel, instance: default, path: spans/, start: 2026-01-01}",
    streams=("traces", "spans", "events"),
    interactions=("traces",),
    named_interactions=_THROUGH_TRACES,
    connector="touchstone.sources.otel.connector:OtelConnector",
)

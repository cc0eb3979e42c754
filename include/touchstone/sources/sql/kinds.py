"""What a table may hold, and in which fields: the names are those of the conversation file wherever it has one."""

from __future__ import annotations

from dataclasses import dataclass

from touchstone.sources.schema import CONVERSATION_FIELDS, MESSAGE_FIELDS, Field

_DELETED = Field("deleted_at", "time", "Deletion at the source: the record leaves.")
_INTERACTION = Field("interaction_id", "id", "Native id of the conversation.", is_required=True)
_EMAIL = Field("customer_email", "email", "The customer's e-mail address.")


@dataclass(frozen=True)
class Kind:
    """One kind of record, and its raw stream.

    Attributes:
        own_id: The field that the row's id fills unless the mapping fills it.
        fields: What a mapping may fill.
        owner: The field that the raw row is filed under (its interaction_id), None for none.
        happened_at: The field that freshness is measured by.
    """

    name: str
    own_id: str | None
    fields: tuple[Field, ...]
    owner: str | None
    happened_at: str | None = None

    @property
    def required(self) -> tuple[str, ...]:
        """Fields that a mapping has to fill; the row's id fills its own."""
        return tuple(one.name for one in self.fields if one.is_required and one.name != self.own_id)


_OF_A_MESSAGE = {one.name for one in MESSAGE_FIELDS}

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "conversations",
            "interaction_id",
            (
                *CONVERSATION_FIELDS,
                Field("merged_into", "string", "Native id of the conversation that it went into."),
                Field("attributes", "object", "Anything else."),
            ),
            "interaction_id",
        ),
        Kind(
            "messages",
            "message_id",
            (
                *MESSAGE_FIELDS,
                Field("position", "number", "Order among messages of one moment; the id where that is a number."),
                # as a row of a conversation file does, a message may state its conversation's fields
                *(one for one in CONVERSATION_FIELDS if one.name not in _OF_A_MESSAGE and one.name != "updated_at"),
            ),
            "interaction_id",
            happened_at="sent_at",
        ),
        Kind(
            "status_changes",
            None,
            (
                _INTERACTION,
                Field("status", "status", "The new status.", is_required=True),
                Field("changed_at", "time", "When it changed.", is_required=True),
                _DELETED,
            ),
            "interaction_id",
        ),
        Kind(
            "assignments",
            None,
            (
                _INTERACTION,
                Field("agent_id", "string", "Native id of the agent; null is nobody."),
                Field("team", "string", "Team of the agent."),
                Field("assigned_at", "time", "When it was assigned.", is_required=True),
                _DELETED,
            ),
            "interaction_id",
        ),
        Kind(
            "ratings",
            None,
            (
                _INTERACTION,
                Field("rating", "number", "The answer, on the scale below.", is_required=True),
                Field("rating_scale_min", "number", "Lowest possible rating."),
                Field("rating_scale_max", "number", "Highest possible rating."),
                Field("rated_at", "time", "Time of the answer.", is_required=True),
                Field("survey_type", "string", "csat (unless stated), ces or nps."),
                _DELETED,
            ),
            "interaction_id",
        ),
        Kind(
            "customers",
            "customer_id",
            (
                Field("customer_id", "string", "Native id of the customer.", is_required=True),
                _EMAIL,
                Field("external_id", "string", "The id that the product gives its user, which other systems know too."),
                Field("account_id", "string", "Native id of the customer's company."),
                _DELETED,
            ),
            "customer_id",
        ),
        Kind(
            "accounts",
            "account_id",
            (
                Field("account_id", "string", "Native id of the company.", is_required=True),
                Field("account_name", "string", "Its name."),
                Field("domain", "string", "Domain of its e-mail addresses."),
                Field("crm_id", "string", "Id that the CRM gives it."),
                Field("tier", "string", "Support tier."),
                Field("segment", "string", "Segment."),
                Field("plan", "string", "What it has subscribed to."),
                Field("health_score", "string", "How well it does: 0 to 100, or a word of health_scores."),
                Field("industry", "string", "Industry."),
                Field("country", "string", "Country."),
                Field("owner_id", "string", "Native id of who looks after it."),
                Field("lifecycle_stage", "string", "Stage of its lifecycle."),
                Field("arr", "number", "Annual recurring revenue."),
                Field("renewal_month", "number", "Month of renewal, 1 to 12."),
                Field("churned_at", "time", "When it left."),
                Field("created_at", "time", "When it began."),
                Field("updated_at", "time", "Since when this statement holds."),
                _DELETED,
            ),
            "account_id",
        ),
        Kind(
            "product_events",
            "event_id",
            (
                Field("event_id", "string", "Native id of the event.", is_required=True),
                Field("event_name", "string", "What was done.", is_required=True),
                Field("occurred_at", "time", "When it was done.", is_required=True),
                Field("received_at", "time", "When the database had it."),
                Field("customer_id", "string", "Native id of who did it."),
                _EMAIL,
                Field("external_id", "string", "The id that the product gives its user, which other systems know too."),
                Field("properties", "object", "Anything else that the event says."),
                _DELETED,
            ),
            None,
            happened_at="occurred_at",
        ),
    )
}
"""By name, which is the name of the raw stream, too."""

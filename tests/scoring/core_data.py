"""Core tables with generated conversations, as dbt would leave them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import psycopg

from touchstone.settings import Settings
from touchstone.text.redact import redact
from touchstone.warehouse.engine import connect

AS_OF = datetime(2026, 3, 31, tzinfo=UTC)
SCORE_TABLES = (
    "message_scores",
    "trajectories",
    "indicator_scores",
    "evidence",
    "judgements",
    "dimension_scores",
    "facet_scores",
    "profile_scores",
    "interaction_scores",
)
_CUSTOMER = (
    "My app crashed again, this is ridiculous!",
    "Hello, where is my order number 123456?",
    "When does it arrive?",
    "That did not help at all.",
    "I want to speak to a human.",
    "Great, that worked, thank you!",
    "You can reach me at kim@example.com.",
    "I will cancel my account if this goes on.",
    "ok",
)
_AGENT = (
    "Hello! I'm sorry to hear that. Let me check this for you.",
    "Please open the settings and choose Sync, then wait for one minute.",
    "What is your order number?",
    "I think it is probably fine.",
    "I'll connect you to a colleague.",
    "Is there anything else I can do for you?",
    "You will receive it within 3 days.",
)


def create_core(settings: Settings) -> None:
    """Empty core tables, owned by the transformer."""
    with connect("transformer", settings=settings) as connection:
        connection.execute(
            """
            create table core.interactions (
                interaction_key text primary key, started_at timestamptz not null, input_hash text not null, channel text,
                language text, topic text, priority text, product_area text, handled_by text, customer_key text,
                is_eligible boolean not null, customer_message_count int not null, human_message_count int not null, ai_message_count int not null
            );
            create table core.messages (
                interaction_started_at timestamptz not null, message_key text not null, interaction_key text not null,
                agent_key text, agent_version text, actor text not null, text text not null, pii jsonb not null,
                ordinal int not null, word_count int not null, is_internal boolean not null,
                is_automation boolean not null, sent_at timestamptz not null
            );
            """
        )


def conversation(number: int) -> list[tuple[str, str]]:
    """(actor, text) of a conversation that depends on its number only."""
    rng = random.Random(number)
    agent = rng.choice(("human_agent", "ai_agent"))
    said = [("customer", rng.choice(_CUSTOMER))]
    for _ in range(rng.randint(1, 6)):
        said.append((agent, rng.choice(_AGENT)))
        said.append(("customer", rng.choice(_CUSTOMER)))
        if rng.random() < 0.2:
            agent = "human_agent"
    return said


def add_interaction(
    connection: psycopg.Connection,
    number: int,
    said: list[tuple[str, str]] | None = None,
    *,
    input_hash: str = "first",
    is_eligible: bool = True,
    language: str | None = "en",
) -> str:
    """Insert or replace an interaction and note the change; core has taken it up when this returns."""
    key = f"{number:032x}"
    started_at = datetime(2026, 1, 1, 8, tzinfo=UTC) + timedelta(hours=7 * number % 2000)
    said = conversation(number) if said is None else said
    actors = [actor for actor, _ in said]
    connection.execute("delete from core.messages where interaction_key = %s", [key])
    connection.execute("delete from core.interactions where interaction_key = %s", [key])
    connection.execute(
        """
        insert into core.interactions values
            (%s, %s, %s, 'chat', %s, 'delivery', null, 'shop', 'human_only', %s, %s, %s, %s, %s)
        """,
        [
            key,
            started_at,
            input_hash,
            language,
            f"customer {number % 7}",
            is_eligible,
            *(actors.count(actor) for actor in ("customer", "human_agent", "ai_agent")),
        ],
    )
    for ordinal, (actor, text) in enumerate(said, 1):
        redacted, pii = redact(text)
        connection.execute(
            """
            insert into core.messages (interaction_started_at, message_key, interaction_key, actor, text, pii, ordinal,
                word_count, is_internal, is_automation, sent_at)
            values (%s, %s, %s, %s, %s, %s, %s, %s, false, false, %s)
            """,
            [
                started_at,
                f"{key}:{ordinal}",
                key,
                actor,
                redacted,
                psycopg.types.json.Jsonb(pii),
                ordinal,
                len(redacted.split()),
                started_at + timedelta(minutes=3 * ordinal),
            ],
        )
    connection.execute(
        "insert into ops.interaction_changes (interaction_key, reason, run_id) values (%s, 'landed', 0)", [key]
    )
    connection.execute(
        """
        insert into ops.watermarks (step, change_id) select 'core', max(change_id) from ops.interaction_changes
        on conflict (step) do update set change_id = excluded.change_id
        """
    )
    return key


def checksums(connection: psycopg.Connection) -> dict[str, tuple[int, str]]:
    """Row count and digest of each table of scores, without the clock's column."""
    found = {}
    for table in SCORE_TABLES:
        found[table] = connection.execute(
            f"""
            select count(*), md5(coalesce(string_agg(line, e'\\n' order by line collate "C"), ''))
            from (select (to_jsonb(rows) - 'scored_at')::text as line from scores.{table} as rows) as lines
            """
        ).fetchone()
    return found

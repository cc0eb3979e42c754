-- Redacted text. pii holds types and offsets (Unicode code points, half-open, in text), never a value. context stands for the messages
-- that a message was read with: itself and those before it in its conversation, who wrote them and in which order.
create table if not exists clean.messages (
    message_key text primary key,
    interaction_key text not null,
    body_hash uuid not null,
    redactor_version text not null,
    text text not null,
    pii jsonb not null default '[]',
    context numeric
);
create index if not exists clean_messages_interaction on clean.messages (interaction_key);

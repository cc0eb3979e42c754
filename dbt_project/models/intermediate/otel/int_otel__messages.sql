-- one row per text of a trace that this run works on, in the shape that all sources share: what the customer asked when it began,
-- and what the AI agent answered when it ended
{{ traced_messages('otel') }}

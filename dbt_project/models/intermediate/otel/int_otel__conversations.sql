-- one row per conversation of AI agents that this run works on, in the shape that all sources share
{{ traced_conversations('otel') }}

-- one row per session of AI agents that this run works on, in the shape that all sources share
{{ traced_conversations('langfuse') }}

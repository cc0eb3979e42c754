-- one row per trace of a conversation that this run works on which says that a person takes over: in a field, by a tool that it
-- calls, or by a score
{{ traced_handoffs('langfuse') }}

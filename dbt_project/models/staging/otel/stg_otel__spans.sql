-- one row per span: renamed and cast, nothing else. Names of the conventions for generative AI, old and new.
{%- set said = "payload -> 'attributes'" %}
select
    {{ otel_user_columns() }},
    interaction_id as trace_id,
    {{ json_text('payload', 'spanId') }} as span_id,
    {{ json_text('payload', 'parentSpanId') }} as parent_span_id,
    {{ json_text('payload', 'name') }} as span_name,
    {{ json_value('payload', 'resource') }} as resource,
    coalesce(
        {{ json_text(said, 'gen_ai.operation.name') }},
        case when {{ json_text(said, 'gen_ai.tool.name') }} is not null then 'execute_tool' end
    ) as operation,
    coalesce({{ json_text(said, 'gen_ai.provider.name') }}, {{ json_text(said, 'gen_ai.system') }}) as provider,
    coalesce({{ json_text(said, 'gen_ai.response.model') }}, {{ json_text(said, 'gen_ai.request.model') }}) as model,
    {{ json_text(said, 'gen_ai.agent.name') }} as agent_name,
    {{ json_text(said, 'gen_ai.agent.version') }} as agent_version,
    {{ json_text("payload -> 'resource'", 'service.name') }} as service_name,
    {{ json_text("payload -> 'resource'", 'service.version') }} as service_version,
    {{ json_text(said, 'gen_ai.tool.name') }} as tool_name,
    {{ json_text(said, 'gen_ai.tool.call.arguments') }} as tool_arguments,
    {{ json_text(said, 'gen_ai.input.messages') }} as input_messages,
    {{ json_text(said, 'gen_ai.output.messages') }} as output_messages,
    {{ json_text(said, 'gen_ai.retrieval.documents') }} as documents,
    {{ json_text(said, 'error.type') }} as error_type,
    {{ json_text("payload -> 'status'", 'code') }} as status_code,
    {{ json_text("payload -> 'status'", 'message') }} as status_message,
    {{ try_cast(said, 'gen_ai.usage.input_tokens', 'numeric') }} as input_tokens,
    {{ try_cast(said, 'gen_ai.usage.output_tokens', 'numeric') }} as output_tokens,
    {{ try_cast('payload', 'startTimeUnixNano', 'unix_nano') }} as begun_at,
    {{ try_cast('payload', 'endTimeUnixNano', 'unix_nano') }} as ended_at,
    _loaded_at
from {{ source('raw_otel', 'spans') }}

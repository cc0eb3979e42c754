-- one row per line of a chat's transcript: taken apart, renamed and cast, nothing else
{% set casts = {'StartTime': 'moment', 'CreatedDate': 'moment', 'IsDeleted': 'boolean'} %}

select
    'salesforce' as source,
    transcripts.instance,
    transcripts.interaction_id as case_id,
    transcripts.id as transcript_id,
    transcripts.id || '.' || lines.seconds || '.' || lines.ordinal as line_id,
    lines.speaker,
    lines.is_agent,
    lines.said as text,
    coalesce({{ try_cast('transcripts.payload', 'IsDeleted', 'boolean') }}, false) as is_deleted,
    coalesce(
        {{ try_cast('transcripts.payload', 'StartTime', 'moment') }}, {{ try_cast('transcripts.payload', 'CreatedDate', 'moment') }}
    ) + lines.seconds * interval '1 second' as sent_at,
    {{ cast_errors('transcripts.payload', casts) }} as _cast_errors,
    transcripts._load_id,
    transcripts._loaded_at
from {{ source('raw_salesforce', 'chat_transcripts') }} as transcripts
cross join lateral ops.salesforce_transcript({{ json_text('transcripts.payload', 'Body') }}) as lines

-- one row per change that somebody has noted, as last corrected
select
    record_id,
    record_key,
    record ->> 'change_id' as change_id,
    record ->> 'change_type' as change_type,
    record ->> 'changed' as changed,
    record ->> 'topic' as topic,
    record ->> 'channel' as channel,
    record ->> 'agent_version' as agent_version,
    record ->> 'changed_by' as changed_by,
    record ->> 'reason' as reason,
    (record ->> 'changed_at')::timestamptz as changed_at,
    taken_up_as_of,
    run_id
from {{ source('feedback', 'records') }}
where kind = 'change_log' and superseded_by is null

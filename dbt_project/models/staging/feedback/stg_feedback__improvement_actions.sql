-- one row per improvement action, as last corrected
select
    record_id,
    record_key,
    record ->> 'action_id' as action_id,
    record ->> 'issue' as issue,
    record ->> 'priority' as priority,
    record ->> 'recommended_action' as recommended_action,
    record ->> 'owner' as owner,
    record ->> 'fix_type' as fix_type,
    record ->> 'workflow_fix_category' as workflow_fix_category,
    record ->> 'target_metric' as target_metric,
    record ->> 'topic' as topic,
    record ->> 'channel' as channel,
    record ->> 'agent_version' as agent_version,
    record ->> 'change_id' as change_id,
    record ->> 'follow_up_metric' as follow_up_metric,
    record ->> 'offline_test_result' as offline_test_result,
    (record ->> 'reported_at')::timestamptz as reported_at,
    (record ->> 'triaged_at')::timestamptz as triaged_at,
    (record ->> 'done_at')::timestamptz as done_at,
    (record ->> 'deployed_at')::timestamptz as deployed_at,
    (record ->> 'follow_up_at')::timestamptz as follow_up_at,
    taken_up_as_of,
    run_id
from {{ source('feedback', 'records') }}
where kind = 'improvement_actions' and superseded_by is null

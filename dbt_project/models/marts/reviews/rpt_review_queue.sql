{{ config(unique_key='task_key', is_whole=true, indexes=[{'columns': ['_ledger_id']}]) }}
-- one row per judgement that a person is asked for and has not given
select
    queue.task_key,
    queue.interaction_key,
    queue.subject,
    case queue.subject
        when 'human_agent' then interactions.primary_human_agent_key
        else interactions.primary_ai_agent_key
    end as agent_key,
    queue.task_type,
    queue.session_id,
    array_to_string(queue.metrics, ' ') as metrics,
    interactions.topic,
    interactions.channel,
    interactions.team,
    queue.rubric_version,
    queue.slot,
    ({{ utc_date(as_of()) }} - {{ utc_date('queue.raised_at') }})::int as waiting_days,
    queue.priority,
    queue.priority_parts,
    coalesce(contexts.business_weight, 1) as business_weight,
    queue.priority * coalesce(contexts.business_weight, 1)::double precision as weighted_priority,
    queue.is_blind,
    coalesce(contexts.is_revenue_at_risk, false) as is_revenue_at_risk,
    queue.raised_at,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('stg_feedback__review_queue') }} as queue
inner join {{ ref('interactions') }} as interactions on queue.interaction_key = interactions.interaction_key
left join {{ ref('fct_interaction_business_context') }} as contexts on queue.interaction_key = contexts.interaction_key

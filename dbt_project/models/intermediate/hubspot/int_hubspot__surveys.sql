-- one row per answer on effort (1 to 7) or recommendation (0 to 10) about a ticket that this run works on
select
    feedback.source,
    feedback.instance,
    feedback.ticket_id as interaction_id,
    feedback.record_id,
    feedback.survey_type,
    feedback.rating,
    case feedback.survey_type when 'ces' then 1 else 0 end as rating_scale_min,
    case feedback.survey_type when 'ces' then 7 else 10 end as rating_scale_max,
    feedback.submitted_at
from {{ ref('pending_interactions') }} as pending
inner join {{ ref('int_hubspot__feedback') }} as feedback
    on
        pending.source = feedback.source
        and pending.instance = feedback.instance
        and pending.interaction_id = feedback.ticket_id
where feedback.survey_type in ('ces', 'nps') and feedback.rating is not null

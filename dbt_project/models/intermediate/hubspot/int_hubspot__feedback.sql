{{
    config(
        materialized='keyed',
        unique_key=['source', 'instance', 'record_type', 'record_id'],
        scope='int_records__changed',
        scope_columns=['source', 'instance', 'record_type', 'record_id'],
        indexes=[{'columns': ['instance', 'ticket_id']}]
    )
}}
-- one row per answer to a survey with the ticket that it is about, which the answer itself does not say
select
    feedback.source,
    feedback.instance,
    changed.record_type,
    changed.record_id,
    coalesce(associations.to_id, feedback.ticket_id) as ticket_id,
    coalesce(lower(feedback.survey_type), 'csat') as survey_type,
    feedback.value as rating,
    feedback.submitted_at
from {{ ref('int_records__changed') }} as changed
inner join {{ ref('stg_hubspot__feedback_submissions') }} as feedback
    on
        changed.source = feedback.source
        and changed.instance = feedback.instance
        and changed.record_id = feedback.feedback_id
left join {{ ref('stg_hubspot__associations') }} as associations
    on
        feedback.instance = associations.instance
        and associations.association_id = 'feedback_submissions:' || feedback.feedback_id || ':tickets'
        and associations.ordinal = 1
where
    changed.record_type = 'feedback'
    and not feedback.is_archived
    and coalesce(associations.to_id, feedback.ticket_id) is not null

-- one row per answer on effort or recommendation about a conversation that this run works on
select
    ratings.source,
    ratings.instance,
    ratings.interaction_id,
    ratings.row_id as record_id,
    ratings.survey_type,
    ratings.rating,
    ratings.rating_scale_min,
    ratings.rating_scale_max,
    ratings.rated_at as submitted_at
from {{ ref('pending_interactions') }} as pending
inner join {{ ref('stg_sql__ratings') }} as ratings
    on
        pending.source = ratings.source
        and pending.instance = ratings.instance
        and pending.interaction_id = ratings.interaction_id
where ratings.survey_type <> 'csat' and not ratings.is_archived

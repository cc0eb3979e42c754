{{
    config(
        unique_key=['interaction_key', 'episode_number'],
        scope='affected_interactions',
        scope_columns=['interaction_key'],
        indexes=[]
    )
}}
-- one row per episode that was rated: a rating speaks of the newest episode that had begun when it was given
with

final as (

    select
        episodes.interaction_key,
        max(episodes.episode_number) as episode_number,
        ratings.rating_key,
        ratings.is_positive,
        ratings.rated_at
    from {{ ref('ratings') }} as ratings
    inner join {{ ref('affected_interactions') }} as affected on ratings.interaction_key = affected.interaction_key
    inner join {{ ref('episodes') }} as episodes
        on
            ratings.interaction_key = episodes.interaction_key
            and (
                episodes.episode_number = 1
                or ratings.rated_at is null
                or ratings.rated_at >= episodes.started_at
            )
    group by episodes.interaction_key, ratings.rating_key, ratings.is_positive, ratings.rated_at

)

-- of two tickets that were merged each may have been rated: one that is not positive counts
select
    interaction_key,
    episode_number,
    bool_and(is_positive) as is_positive,
    max(rated_at) as rated_at
from final
group by interaction_key, episode_number

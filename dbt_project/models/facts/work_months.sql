{{
    config(
        unique_key=['work_month', 'segment', 'channel', 'topic', 'team', 'handled_by', 'resolution_path'],
        scope='affected_work_months',
        scope_columns=['work_month'],
        indexes=[]
    )
}}
-- one row per month in which issues began, segment, channel, topic, team and kind of handling: the sums that finance reports price. An
-- issue counts where its first contact was; its time counts with the team that spent it
with

work as (

    select work.*
    from {{ ref('fct_episode_work') }} as work
    inner join {{ ref('affected_work_months') }} as affected on work.work_month = affected.work_month

),

final as (

    select
        work_month,
        segment,
        channel,
        topic,
        team,
        handled_by,
        resolution_path,
        (count(*) filter (where is_first_contact))::int as issue_count,
        (count(*) filter (where is_first_contact and is_issue_pending))::int as pending_issue_count,
        (count(*) filter (where is_first_contact and is_issue_resolved))::int as resolved_issue_count,
        (count(*) filter (where not is_first_contact))::int as recontact_count,
        (count(is_first_contact_resolved) filter (where is_first_contact))::int as fcr_n,
        (count(*) filter (where is_first_contact and is_first_contact_resolved))::int as fcr_count,
        (count(*) filter (where is_ai_episode))::int as ai_episode_count,
        sum(ai_answer_count)::int as ai_answer_count,
        sum(ai_stated_answer_count)::int as ai_stated_answer_count,
        sum(ai_stated_cost_usd) as ai_stated_cost_usd,
        sum(human_handle_seconds) as human_handle_seconds,
        coalesce(sum(human_handle_seconds) filter (where not is_first_contact), 0) as recontact_handle_seconds
    from work
    group by work_month, segment, channel, topic, team, handled_by, resolution_path

)

select * from final

{{ config(materialized='table', post_hook='analyze {{ this }}') }}
-- one row per team, and one with an empty name for interactions without one: the schedule whose hours count as business hours
with

teams as (

    select distinct coalesce(team, '') as team from {{ ref('interactions') }}

    union

    select '' as team

),

final as (

    select
        teams.team,
        schedules.schedule_id,
        schedules.timezone
    from teams
    left join {{ ref('team_schedules') }} as stated on teams.team = stated.team
    inner join {{ ref('business_schedules') }} as schedules
        on
            stated.schedule_id = schedules.schedule_id
            or (stated.schedule_id is null and schedules.is_default)

)

select * from final

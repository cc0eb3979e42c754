{{
    config(
        unique_key='change_key',
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per change: those that people have noted, and those that show by themselves (a version that answers for the first time, an
-- article that was edited); a change that is known by both ways is one row
with

logged as (

    select
        record_key as change_key,
        change_id,
        change_type,
        changed,
        topic,
        channel,
        agent_version,
        changed_by,
        reason,
        {{ utc_date('changed_at') }} as change_date,
        changed_at
    from {{ ref('stg_feedback__change_log') }}
    -- what is planned has changed nothing yet
    where changed_at < {{ as_of() }}

),

versions as (

    select
        agent_key,
        agent_version,
        min(first_answered_at) as first_answered_at,
        lag(agent_version) over (partition by agent_key order by min(first_answered_at), agent_version) as previous_version
    from {{ ref('rpt_ai_daily') }}
    where slice_type = 'all' and agent_version <> 'unknown' and first_answered_at is not null
    group by agent_key, agent_version

),

seen as (

    -- the first version that the warehouse knows of an agent changed nothing
    select
        md5('seen:agent_version:' || agent_key || ':' || agent_version) as change_key,
        'agent_version' as change_type,
        agent_version as changed,
        agent_version,
        {{ utc_date('first_answered_at') }} as change_date,
        first_answered_at as changed_at
    from versions
    where previous_version is not null

    union all

    select
        md5('seen:article:' || article_key || ':' || edited_at) as change_key,
        'article' as change_type,
        article_id as changed,
        null as agent_version,
        {{ utc_date('edited_at') }} as change_date,
        edited_at as changed_at
    from {{ ref('article_versions') }}
    where version_number > 1

),

-- a version that is noted on any day of its first week, an article on its day
matched as (

    select distinct on (seen.change_key)
        seen.*,
        logged.change_key as logged_change_key
    from seen
    left join logged
        on
            seen.change_type = logged.change_type
            and seen.changed = logged.changed
            and logged.change_date between
            seen.change_date - case seen.change_type when 'agent_version' then 7 else 0 end
            and seen.change_date + case seen.change_type when 'agent_version' then 7 else 0 end
    order by seen.change_key asc, logged.changed_at asc nulls last, logged.change_key asc

),

confirmed as (

    select
        logged_change_key as change_key,
        min(change_date) as seen_date
    from matched
    where logged_change_key is not null
    group by logged_change_key

),

final as (

    select
        logged.change_key,
        logged.change_id,
        logged.change_type,
        logged.changed,
        logged.topic,
        logged.channel,
        coalesce(logged.agent_version, case logged.change_type when 'agent_version' then logged.changed end) as agent_version,
        logged.changed_by,
        logged.reason,
        true as is_logged,
        (confirmed.seen_date is not null) as is_seen,
        logged.change_date,
        logged.changed_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from logged
    left join confirmed on logged.change_key = confirmed.change_key

    union all

    select
        change_key,
        null as change_id,
        change_type,
        changed,
        null as topic,
        null as channel,
        agent_version,
        null as changed_by,
        null as reason,
        false as is_logged,
        true as is_seen,
        change_date,
        changed_at,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from matched
    where logged_change_key is null

)

select * from final

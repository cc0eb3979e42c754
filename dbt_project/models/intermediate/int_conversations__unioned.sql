{{ config(materialized='table', indexes=[{'columns': ['interaction_key'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per interaction that this run works on, of every source instance, keyed; a table with statistics, since the
-- planner cannot guess what the casts of the views let through
with

pending as (

    select * from {{ ref('pending_interactions') }}

),

mergers as (

    select * from {{ ref('int_interactions__merges') }}

),

stated as (

    select * from {{ ref('int_sources__conversations') }}

),

keyed as (

    select
        pending.interaction_key,
        stated.*
    from stated
    inner join pending
        on
            stated.source = pending.source
            and stated.instance = pending.instance
            and stated.interaction_id = pending.interaction_id

),

-- where an interaction that went into another has ended up, through all mergers; a circle ends nowhere and mergers nothing
walked as (

    with recursive steps as (

        select
            mergers.source,
            mergers.instance,
            mergers.loser_id,
            mergers.survivor_id,
            1 as step_count
        from keyed
        inner join mergers
            on
                keyed.source = mergers.source
                and keyed.instance = mergers.instance
                and keyed.interaction_id = mergers.loser_id

        union

        select
            steps.source,
            steps.instance,
            steps.loser_id,
            mergers.survivor_id,
            steps.step_count + 1 as step_count
        from steps
        inner join mergers
            on
                steps.source = mergers.source
                and steps.instance = mergers.instance
                and steps.survivor_id = mergers.loser_id
        where steps.step_count < 20

    )

    select * from steps

),

survivors as (

    select distinct on (walked.source, walked.instance, walked.loser_id)
        walked.source,
        walked.instance,
        walked.loser_id,
        keyed.interaction_key as survivor_key,
        keyed.interaction_id as survivor_id
    from walked
    inner join keyed
        on
            walked.source = keyed.source
            and walked.instance = keyed.instance
            and walked.survivor_id = keyed.interaction_id
    left join mergers
        on
            walked.source = mergers.source
            and walked.instance = mergers.instance
            and walked.survivor_id = mergers.loser_id
    where mergers.loser_id is null and walked.survivor_id <> walked.loser_id
    order by walked.source asc, walked.instance asc, walked.loser_id asc, walked.step_count desc, walked.survivor_id asc

),

placed as (

    select
        keyed.*,
        survivors.survivor_key,
        survivors.survivor_id
    from keyed
    left join survivors
        on
            keyed.source = survivors.source
            and keyed.instance = survivors.instance
            and keyed.interaction_id = survivors.loser_id
            -- one that is deleted after its merge is deleted, unless it is the merge that takes it away
            and (keyed.deleted_at is null or keyed.is_removed_by_merge)

),

first_starts as (

    select
        survivor_key,
        min(started_at) as started_at
    from placed
    where survivor_key is not null
    group by survivor_key

),

final as (

    select
        placed.interaction_key,
        placed.survivor_key as merged_into_interaction_key,
        placed.source,
        placed.instance,
        placed.interaction_id,
        {{ label('placed.channel') }} as channel,
        placed.status,
        placed.customer_id,
        placed.customer_email,
        placed.account_id,
        {{ label('placed.tier') }} as tier,
        lower(split_part({{ label('placed.language') }}, '-', 1)) as language,
        {{ label('placed.topic') }} as topic,
        {{ label('placed.priority') }} as priority,
        {{ label('placed.product_area') }} as product_area,
        placed.tags,
        placed.attributes,
        placed.quarantined_message_ids,
        placed.rating,
        placed.rating_scale_min,
        placed.rating_scale_max,
        -- an interaction that took in others began when the first of them did
        least(placed.started_at, first_starts.started_at) as started_at,
        placed.started_at as stated_started_at,
        placed.solved_at,
        placed.closed_at,
        case when placed.survivor_key is null then placed.deleted_at end as deleted_at,
        placed.rated_at,
        placed._cast_errors,
        placed._load_id,
        placed._loaded_at
    from placed
    left join first_starts on placed.interaction_key = first_starts.survivor_key

)

select * from final

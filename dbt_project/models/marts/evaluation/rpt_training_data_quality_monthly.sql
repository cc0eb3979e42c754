{{
    config(
        unique_key='period_start',
        is_whole=true,
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per month of labelling: what of the labelled conversations and messages is fit to learn from, how often a label was changed,
-- and how evenly they are spread
with

labels as (

    select
        *,
        date_trunc('month', coalesce(labelled_at, taken_up_as_of - interval '1 microsecond'), 'UTC')::date as period_start
    from {{ ref('stg_feedback__intent_labels') }}

),

items as (

    select
        interaction_key,
        coalesce(message_key, '') as message_key,
        min(true_intent) as true_intent,
        count(distinct true_intent) as intent_count,
        min(period_start) as period_start
    from labels
    group by interaction_key, coalesce(message_key, '')

),

-- of a whole conversation the first message of the customer is what is learned
texts as (

    select distinct on (items.interaction_key, items.message_key)
        items.*,
        interactions.language,
        interactions.channel,
        md5(lower(btrim(messages.text))) as text_hash,
        (messages.redactor_version is not null) as is_redacted
    from items
    inner join {{ ref('interactions') }} as interactions on items.interaction_key = interactions.interaction_key
    left join {{ ref('messages') }} as messages
        on
            items.interaction_key = messages.interaction_key
            and case
                when items.message_key = '' then messages.actor = 'customer' and not messages.is_internal
                else items.message_key = messages.message_key
            end
    order by items.interaction_key asc, items.message_key asc, messages.ordinal asc nulls last

),

-- of equal texts the one that was labelled first counts
judged as (

    select
        *,
        (text_hash is null) as is_without_text,
        (
            text_hash is not null
            and row_number() over (partition by text_hash order by period_start, interaction_key, message_key) > 1
        ) as is_duplicate,
        (intent_count > 1) as is_conflicting
    from texts

),

suited as (

    select
        *,
        (not is_without_text and coalesce(is_redacted, false) and not is_duplicate and not is_conflicting) as is_suitable
    from judged

),

cells as (

    select
        period_start,
        count(*) as cell_count
    from suited
    where is_suitable
    group by period_start, true_intent, language, channel

),

spread as (

    select
        period_start,
        count(*)::int as cell_count,
        -- entropy over its largest value: 1 where all cells are equally large
        case
            when count(*) > 1 then
                (ln(sum(cell_count)) - sum((cell_count * ln(cell_count))::numeric) / sum(cell_count)) / ln(count(*))
            else 0
        end::double precision as diversity
    from cells
    group by period_start

),

corrections as (

    select
        period_start,
        count(*)::int as label_count,
        count(*) filter (where is_corrected)::int as corrected_count
    from labels
    group by period_start

),

counted as (

    select
        period_start,
        count(*)::int as n,
        count(*) filter (where is_suitable)::int as suitable_count,
        count(*) filter (where is_duplicate)::int as duplicate_count,
        count(*) filter (where is_conflicting)::int as conflicting_count,
        count(*) filter (where not coalesce(is_redacted, false))::int as unredacted_count
    from suited
    group by period_start

),

final as (

    select
        case
            when counted.conflicting_count > {{ var('conflicting_share_max') }} * counted.n then 'Settle the labels on which labellers differ'
            when counted.duplicate_count > {{ var('duplicate_share_max') }} * counted.n then 'Draw other conversations: many labelled texts are equal'
            when coalesce(spread.diversity, 0) < {{ var('diversity_min') }} then 'Label what is rare: some intents, languages or channels have few examples'
            else 'Go on labelling as now'
        end as recommended_action,
        {{ routed_team() }} as owner,
        counted.n,
        counted.suitable_count,
        counted.duplicate_count,
        counted.conflicting_count,
        counted.unredacted_count,
        coalesce(corrections.label_count, 0) as label_count,
        coalesce(corrections.corrected_count, 0) as corrected_count,
        coalesce(spread.cell_count, 0) as cell_count,
        counted.suitable_count::double precision / counted.n as suitable_rate,
        {{ wilson_bound('counted.suitable_count', 'counted.n', '-') }} as ci_low,
        {{ wilson_bound('counted.suitable_count', 'counted.n', '+') }} as ci_high,
        corrections.corrected_count::double precision / nullif(corrections.label_count, 0) as correction_rate,
        spread.diversity,
        (
            counted.conflicting_count <= {{ var('conflicting_share_max') }} * counted.n
            and counted.duplicate_count <= {{ var('duplicate_share_max') }} * counted.n
            and coalesce(spread.diversity, 0) >= {{ var('diversity_min') }}
        ) as is_sound,
        (counted.n < {{ var('min_cell_n') }}) as is_below_min_n,
        counted.period_start,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from counted
    left join corrections on counted.period_start = corrections.period_start
    left join spread on counted.period_start = spread.period_start
    {{ route_joins("'training_data'", "null::text") }}

)

select * from final

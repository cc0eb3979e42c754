{{ config(materialized='steady_view') }}
-- one row per conversation of mapped tables that this run works on, in the shape that all sources share
{% set casts = {
    'started_at': 'timestamptz', 'closed_at': 'timestamptz', 'deleted_at': 'timestamptz', 'rated_at': 'timestamptz',
    'rating': 'numeric', 'rating_scale_min': 'numeric', 'rating_scale_max': 'numeric'
} %}
with

stated as (

    {{ sql_statements('pending_interactions') }}

),

turned as (

    select
        *,
        max(changed_at) filter (where status not in ('solved', 'closed')) over (partition by instance, interaction_id) as opened_at
    from {{ ref('int_sql__status_changes') }}

),

-- the status that was told last, and since when it has been done
statuses as (

    select
        instance,
        interaction_id,
        (array_agg(status order by changed_at desc, row_id desc))[1] as status,
        min(changed_at) filter (where status in ('solved', 'closed') and (opened_at is null or changed_at > opened_at)) as solved_at
    from turned
    group by instance, interaction_id

),

ratings as (

    select distinct on (ratings.instance, ratings.interaction_id) ratings.*
    from {{ ref('pending_interactions') }} as pending
    inner join {{ ref('stg_sql__ratings') }} as ratings
        on
            pending.source = ratings.source
            and pending.instance = ratings.instance
            and pending.interaction_id = ratings.interaction_id
    where ratings.survey_type = 'csat' and not ratings.is_archived
    order by ratings.instance asc, ratings.interaction_id asc, ratings.rated_at desc nulls last, ratings.row_id desc

),

cast_once as (

    select
        source,
        instance,
        interaction_id,
        fields,
        {{ try_cast('fields', 'rating', 'numeric') }} as rating,
        {{ try_cast('fields', 'rating_scale_min', 'numeric') }} as rating_scale_min,
        {{ try_cast('fields', 'rating_scale_max', 'numeric') }} as rating_scale_max,
        {{ try_cast('fields', 'started_at', 'timestamptz') }} as started_at,
        {{ try_cast('fields', 'closed_at', 'timestamptz') }} as closed_at,
        {{ try_cast('fields', 'deleted_at', 'timestamptz') }} as deleted_at,
        {{ try_cast('fields', 'rated_at', 'timestamptz') }} as rated_at,
        {{ cast_errors('fields', casts) }} as _cast_errors,
        quarantined_message_ids,
        _load_id,
        _loaded_at
    from stated

),

placed as (

    select
        cast_once.*,
        coalesce({{ json_text('cast_once.fields', 'account_id') }}, {{ json_text('customers.facts', 'organization_id') }}) as account_id
    from cast_once
    left join {{ ref('int_records__timeline') }} as customers
        on
            cast_once.source = customers.source
            and cast_once.instance = customers.instance
            and customers.record_type = 'contact'
            and {{ json_text('cast_once.fields', 'customer_id') }} = customers.record_id

),

final as (

    select
        placed.source,
        placed.instance,
        placed.interaction_id,
        {{ json_text('placed.fields', 'channel') }} as channel,
        coalesce({{ json_text('placed.fields', 'status') }}, statuses.status) as status,
        {{ json_text('placed.fields', 'customer_id') }} as customer_id,
        {{ json_text('placed.fields', 'customer_email') }} as customer_email,
        placed.account_id,
        coalesce({{ json_text('placed.fields', 'tier') }}, {{ json_text('accounts.facts', 'tier') }}) as tier,
        {{ json_text('placed.fields', 'language') }} as language,
        {{ json_text('placed.fields', 'topic') }} as topic,
        {{ json_text('placed.fields', 'priority') }} as priority,
        {{ json_text('placed.fields', 'product_area') }} as product_area,
        {{ json_value('placed.fields', 'tags') }} as tags,
        {{ json_value('placed.fields', 'attributes') }} as attributes,
        placed.quarantined_message_ids,
        coalesce(ratings.rating, placed.rating) as rating,
        case when ratings.rating is null then placed.rating_scale_min else ratings.rating_scale_min end as rating_scale_min,
        case when ratings.rating is null then placed.rating_scale_max else ratings.rating_scale_max end as rating_scale_max,
        false as is_removed_by_merge,
        placed.started_at,
        coalesce(statuses.solved_at, placed.closed_at) as solved_at,
        placed.closed_at,
        placed.deleted_at,
        coalesce(ratings.rated_at, placed.rated_at) as rated_at,
        placed._cast_errors,
        placed._load_id,
        placed._loaded_at
    from placed
    left join statuses
        on
            placed.instance = statuses.instance
            and placed.interaction_id = statuses.interaction_id
    left join ratings
        on
            placed.instance = ratings.instance
            and placed.interaction_id = ratings.interaction_id
    left join {{ ref('int_records__timeline') }} as accounts
        on
            placed.source = accounts.source
            and placed.instance = accounts.instance
            and accounts.record_type = 'company'
            and placed.account_id = accounts.record_id
            and placed.started_at >= accounts.valid_from
            and placed.started_at < accounts.valid_to

)

select * from final

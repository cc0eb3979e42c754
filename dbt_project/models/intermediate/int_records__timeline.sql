{{
    config(
        materialized='keyed',
        unique_key=['source', 'instance', 'record_type', 'record_id', 'valid_from'],
        scope='int_records__changed',
        scope_columns=['source', 'instance', 'record_type', 'record_id'],
        indexes=[{'columns': ['record_key', 'record_type']}]
    )
}}
-- one row per record and period: what interactions read of records that are no part of them. An interaction keeps what it has
-- read in core.interaction_references; where that differs from this, it is worked on again.
with

changed as (

    select * from {{ ref('int_records__changed') }}

),

users as (

    select
        users.source,
        users.instance,
        'user' as record_type,
        users.user_id as record_id,
        null::timestamptz as observed_at,
        users._load_id,
        jsonb_strip_nulls(jsonb_build_object(
            'actor', case
                when
                    users.is_ai_agent
                    or lower(users.agent_type) in ('ai_agent', 'ai', 'bot')
                    or lower(users.role_title) = any('{{ "{" ~ var("ai_agent_titles") | join(",") ~ "}" }}')
                    then 'ai_agent'
                when
                    exists (
                        select 1 from {{ ref('int_zendesk__ai_authors') }} as authors
                        where
                            authors.source = users.source and authors.instance = users.instance
                            and authors.author_id = users.user_id and authors.sender = 'bot'
                    )
                    -- one contradiction leaves an account what its role says
                    and not exists (
                        select 1 from {{ ref('int_zendesk__ai_authors') }} as authors
                        where
                            authors.source = users.source and authors.instance = users.instance
                            and authors.author_id = users.user_id and authors.sender = 'agent'
                    ) then 'ai_agent'
                when users.is_automation then 'system'
                when users.role in ('agent', 'admin') then 'human_agent'
                when users.role = 'end-user' then 'customer'
            end,
            'automation_reason', case when users.is_automation then 'user field is_automation' end,
            'organization_id', users.organization_id
        )) as facts
    from changed
    inner join {{ ref('stg_zendesk__users') }} as users
        on
            changed.source = users.source
            and changed.instance = users.instance
            and changed.record_id = users.user_id
    where changed.record_type = 'user'

),

groups as (

    select
        groups.source,
        groups.instance,
        'group' as record_type,
        groups.group_id as record_id,
        null::timestamptz as observed_at,
        groups._load_id,
        jsonb_build_object('team', groups.group_name) as facts
    from changed
    inner join {{ ref('stg_zendesk__groups') }} as groups
        on
            changed.source = groups.source
            and changed.instance = groups.instance
            and changed.record_id = groups.group_id
    where changed.record_type = 'group'

),

ticket_fields as (

    select
        fields.source,
        fields.instance,
        'ticket_fields' as record_type,
        '*' as record_id,
        null::timestamptz as observed_at,
        0::bigint as _load_id,
        fields.facts
    from changed
    inner join {{ ref('int_zendesk__ticket_fields') }} as fields
        on
            changed.source = fields.source
            and changed.instance = fields.instance
    where changed.record_type = 'ticket_fields'

),

organizations as (
    {%- for relation in ['stg_zendesk__organizations', 'stg_zendesk__organizations_history'] %}

        select
            organizations.source,
            organizations.instance,
            'organization' as record_type,
            organizations.organization_id as record_id,
            organizations.updated_at as observed_at,
            organizations._load_id,
            jsonb_strip_nulls(jsonb_build_object('tier', organizations.tier)) as facts
        from changed
        inner join {{ ref(relation) }} as organizations
            on
                changed.source = organizations.source
                and changed.instance = organizations.instance
                and changed.record_id = organizations.organization_id
        where changed.record_type = 'organization'
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

companies as (
    {%- for relation in ['stg_hubspot__companies', 'stg_hubspot__companies_history'] %}

        select
            companies.source,
            companies.instance,
            'company' as record_type,
            companies.company_id as record_id,
            companies.updated_at as observed_at,
            companies._load_id,
            jsonb_strip_nulls(jsonb_build_object('tier', companies.tier)) as facts
        from changed
        inner join {{ ref(relation) }} as companies
            on
                changed.source = companies.source
                and changed.instance = companies.instance
                and changed.record_id = companies.company_id
        where changed.record_type = 'company'
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

contacts as (

    select
        contacts.source,
        contacts.instance,
        'contact' as record_type,
        contacts.contact_id as record_id,
        null::timestamptz as observed_at,
        contacts._load_id,
        jsonb_strip_nulls(jsonb_build_object('organization_id', contacts.company_id)) as facts
    from changed
    inner join {{ ref('stg_hubspot__contacts') }} as contacts
        on
            changed.source = contacts.source
            and changed.instance = contacts.instance
            and changed.record_id = contacts.contact_id
    where changed.record_type = 'contact' and not contacts.is_archived

),

owners as (
    {%- for relation in ['stg_hubspot__owners', 'stg_hubspot__owners_history'] %}

        select
            owners.source,
            owners.instance,
            'owner' as record_type,
            owners.actor_id as record_id,
            owners.updated_at as observed_at,
            owners._load_id,
            jsonb_strip_nulls(jsonb_build_object('team', owners.team)) as facts
        from changed
        inner join {{ ref(relation) }} as owners
            on
                changed.source = owners.source
                and changed.instance = owners.instance
                and changed.record_id = owners.actor_id
        where changed.record_type = 'owner'
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

stages as (

    select
        stages.source,
        stages.instance,
        'stage' as record_type,
        changed.record_id,
        null::timestamptz as observed_at,
        stages._load_id,
        jsonb_strip_nulls(jsonb_build_object('status', case
            when stages.ticket_state = 'CLOSED' then 'closed'
            when stages.stage_label ilike 'new' then 'new'
            when stages.stage_label ilike '%on contact%' or stages.stage_label ilike '%on customer%' then 'pending'
            when stages.stage_label ilike '%hold%' then 'on_hold'
            when stages.ticket_state = 'OPEN' then 'open'
        end)) as facts
    from changed
    inner join {{ ref('stg_hubspot__pipeline_stages') }} as stages
        on
            changed.source = stages.source
            and changed.instance = stages.instance
            and changed.record_id = stages.object_type || ':' || stages.pipeline_id || ':' || stages.stage_id
    where changed.record_type = 'stage' and stages.object_type = 'tickets'

),

stated as (
    {%- for relation in ['users', 'groups', 'ticket_fields', 'organizations', 'companies', 'contacts', 'owners', 'stages'] %}

        select * from {{ relation }}
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

placed as (

    -- what is known first stands for the time before it, too
    select
        *,
        case
            when
                observed_at is null
                or row_number() over (
                    partition by source, instance, record_type, record_id order by observed_at nulls first, _load_id
                ) = 1 then '-infinity'
            else observed_at
        end as valid_from
    from stated

),

latest_of_moment as (

    select distinct on (source, instance, record_type, record_id, valid_from) *
    from placed
    order by source asc, instance asc, record_type asc, record_id asc, valid_from asc, _load_id desc

),

compared as (

    select
        *,
        lag(facts) over (partition by source, instance, record_type, record_id order by valid_from) as previous_facts
    from latest_of_moment

),

final as (

    select
        source,
        instance,
        record_type,
        record_id,
        {{ entity_key('record_id') }} as record_key,
        facts,
        valid_from,
        coalesce(
            lead(valid_from) over (partition by source, instance, record_type, record_id order by valid_from), 'infinity'
        ) as valid_to,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from compared
    where previous_facts is distinct from facts

)

select * from final

-- one row per record of Salesforce that changed and moment: what cases read of it
with

changed as (

    select * from {{ ref('int_records__changed') }}
    where source = 'salesforce'

),

configured as (
    {%- for record_type, relation, record_id in [
        ('user', 'int_salesforce__users', 'known.user_id'),
        ('user', 'int_salesforce__speakers', 'known.speaker'),
        ('ticket_fields', 'int_salesforce__settings', "'*'"),
    ] %}

        select
            known.source,
            known.instance,
            changed.record_type,
            changed.record_id,
            null::timestamptz as observed_at,
            0::bigint as _load_id,
            known.facts
        from changed
        inner join {{ ref(relation) }} as known
            on
                changed.source = known.source
                and changed.instance = known.instance
                and changed.record_id = {{ record_id }}
        where changed.record_type = '{{ record_type }}'
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

staff as (
    {%- for relation in ['stg_salesforce__users', 'stg_salesforce__users_history'] %}

        select
            users.source,
            users.instance,
            'owner' as record_type,
            users.user_id as record_id,
            users.updated_at as observed_at,
            users._load_id,
            jsonb_strip_nulls(jsonb_build_object('team', users.team)) as facts
        from changed
        inner join {{ ref(relation) }} as users
            on
                changed.source = users.source
                and changed.instance = users.instance
                and changed.record_id = users.user_id
        where changed.record_type = 'owner'
        {%- if not loop.last %}

            union all
        {%- endif %}
    {%- endfor %}

),

accounts as (
    {%- for relation in ['stg_salesforce__accounts', 'stg_salesforce__accounts_history'] %}

        select
            accounts.source,
            accounts.instance,
            'company' as record_type,
            accounts.account_id as record_id,
            accounts.updated_at as observed_at,
            accounts._load_id,
            jsonb_strip_nulls(jsonb_build_object('tier', accounts.tier)) as facts
        from changed
        inner join {{ ref(relation) }} as accounts
            on
                changed.source = accounts.source
                and changed.instance = accounts.instance
                and changed.record_id = accounts.account_id
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
        jsonb_strip_nulls(jsonb_build_object('actor', 'customer', 'organization_id', contacts.account_id)) as facts
    from changed
    inner join {{ ref('stg_salesforce__contacts') }} as contacts
        on
            changed.source = contacts.source
            and changed.instance = contacts.instance
            and changed.record_id = contacts.contact_id
    where changed.record_type = 'contact'

),

queues as (

    select
        queues.source,
        queues.instance,
        'group' as record_type,
        queues.queue_id as record_id,
        null::timestamptz as observed_at,
        queues._load_id,
        jsonb_strip_nulls(jsonb_build_object('team', queues.queue_name)) as facts
    from changed
    inner join {{ ref('stg_salesforce__queues') }} as queues
        on
            changed.source = queues.source
            and changed.instance = queues.instance
            and changed.record_id = queues.queue_id
    where changed.record_type = 'group'

),

final as (

    select * from configured
    union all
    select * from staff
    union all
    select * from accounts
    union all
    select * from contacts
    union all
    select * from queues

)

select * from final

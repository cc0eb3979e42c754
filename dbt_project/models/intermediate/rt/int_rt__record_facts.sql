-- one row per record of RT that changed: what tickets read of it
{{ facts_of(
    source='rt', record_type='user', relation='stg_rt__users', id='user_id',
    facts=rt_user_facts('records', 'configured'),
    joins="""
    left join """ ~ ref('stg_ops__source_options') ~ """ as configured
        on
            records.source = configured.source
            and records.instance = configured.instance""",
) }}

union all

{{ facts_of(
    source='rt', record_type='queue', relation='stg_rt__queues', id='queue_id',
    facts="jsonb_build_object('team', records.queue_name)",
) }}

union all

{{ facts_of(
    source='rt', record_type='configuration', relation='int_rt__configuration', id=none, load_id='0',
    facts='records.facts',
) }}

{{
    config(
        materialized='table',
        indexes=[{'columns': ['record_type', 'source', 'instance', 'record_id'], 'unique': true}],
        post_hook='analyze {{ this }}'
    )
}}
-- one row per record that is no part of an interaction (a person, a company, an article) and that landed since core was last built.
-- entity_type says what the record is: a customer, agent, account, deal or article; null for what is only read.
{%- set known = built_before('staging', 'int_records__timeline', {
    'source': 'text', 'instance': 'text', 'record_type': 'text', 'record_id': 'text', 'facts': 'jsonb', '_ledger_id': 'bigint'
}) %}
with

landed as (

    select * from {{ ref('int_sources__records') }}
    where record_id is not null

),

changed as (

    select
        source,
        instance,
        record_type,
        record_id,
        entity_type
    from landed
    where facts is null

    union

    -- what no load brings counts where it says something else than before
    select
        landed.source,
        landed.instance,
        landed.record_type,
        landed.record_id,
        landed.entity_type
    from landed
    left join {{ known }} as known
        on
            landed.source = known.source
            and landed.instance = known.instance
            and landed.record_type = known.record_type
            and landed.record_id = known.record_id
    where
        landed.facts is not null
        and (
            known.facts is distinct from landed.facts
            or known._ledger_id > {{ last_run_of('core') }}
        )

)

select * from changed

{{ config(materialized='table', indexes=[{'columns': ['semantic_model', 'metric_date'], 'unique': true}], post_hook='analyze {{ this }}') }}
-- one row per semantic model and day whose metrics this run works out again: a row of its mart changed on the day since the last build
-- that succeeded, or left it
-- depends_on: {{ ref('fct_interactions') }}, {{ ref('fct_issues') }}, {{ ref('fct_ai_episodes') }}, {{ ref('fct_ai_answers') }}
-- depends_on: {{ ref('fct_handoffs') }}, {{ ref('fct_satisfaction_signals') }}, {{ ref('rpt_agent_behaviors_daily') }}
-- depends_on: {{ ref('fct_interaction_intents') }}, {{ ref('rpt_knowledge_gaps_weekly') }}, {{ ref('rpt_service_daily') }}
-- depends_on: {{ ref('rpt_backlog_daily') }}, {{ ref('affected_dates') }}, {{ source('ops', 'mart_deletions') }}
with

last_build as (

    select coalesce(max(run_id), 0) as run_id
    from {{ source('ops', 'watermarks') }}
    where step = 'marts'

),

affected as (
    {%- for semantic_model in measured_models() %}

        select
            '{{ semantic_model.name }}' as semantic_model,
            facts.{{ semantic_model.day }}::date as metric_date
        from {{ ref(semantic_model.model) }} as facts
        inner join last_build on facts._ledger_id > last_build.run_id
        where facts.{{ semantic_model.day }} is not null

        union

        -- a row that was taken out is noted by its key, with its day where that is a part of it
        select
            '{{ semantic_model.name }}' as semantic_model,
            (deletions.row_key ->> '{{ semantic_model.day }}')::date as metric_date
        from {{ source('ops', 'mart_deletions') }} as deletions
        inner join last_build on deletions.ledger_id > last_build.run_id
        where
            deletions.relation = '{{ semantic_model.model }}'
            and deletions.row_key ->> '{{ semantic_model.day }}' is not null

        union
        {%- if semantic_model.day == 'interaction_date' %}

            -- what left or moved away was counted where its interaction was
            select
                '{{ semantic_model.name }}' as semantic_model,
                interaction_date as metric_date
            from {{ ref('affected_dates') }}

            union
        {%- endif %}
    {%- endfor %}

    select
        null::text as semantic_model,
        null::date as metric_date
    where false

)

select
    semantic_model,
    metric_date
from affected

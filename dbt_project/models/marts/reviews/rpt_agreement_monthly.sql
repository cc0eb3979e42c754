{{
    config(
        unique_key=[
            'period_start', 'comparison', 'evaluator_version', 'subject', 'segment_type', 'segment_value', 'dimension_id', 'figure_id'
        ],
        scope='affected_review_periods',
        scope_columns=['period_start'],
        indexes=[{'columns': ['_ledger_id']}]
    )
}}
-- one row per month of judgement, comparison, evaluator, side, segment, dimension and figure of agreement, with its interval
select
    agreement.period_start,
    agreement.comparison,
    agreement.evaluator_version,
    agreement.subject,
    agreement.segment_type,
    agreement.segment_value,
    agreement.dimension_id,
    agreement.figure_id,
    agreement.evaluator_type,
    agreement.evaluator_state,
    agreement.n,
    agreement.value,
    agreement.ci_low,
    agreement.ci_high,
    (agreement.n < {{ var('min_cell_n') }}) as is_below_min_n,
    {{ var('ledger_id') }}::bigint as _ledger_id
from {{ ref('stg_derived__agreement') }} as agreement
inner join {{ ref('affected_review_periods') }} as affected on agreement.period_start = affected.period_start

-- a figure lies in its interval, a coefficient between -1 and 1, no correction for many tests makes a finding surer, and what is insufficient
-- is tested nowhere
with

figures as (

    select
        'rpt_quality_correlations' as report,
        coefficient as figure,
        ci_low,
        ci_high,
        p_value,
        q_value,
        evidence_type
    from {{ ref('rpt_quality_correlations') }}
    union all
    select
        'rpt_quality_threshold_effects',
        churn_rate,
        ci_low,
        ci_high,
        p_value,
        q_value,
        evidence_type
    from {{ ref('rpt_quality_threshold_effects') }}
    union all
    select
        'rpt_quality_threshold_effects',
        risk_ratio,
        risk_ratio_ci_low,
        risk_ratio_ci_high,
        p_value,
        q_value,
        evidence_type
    from {{ ref('rpt_quality_threshold_effects') }}
    union all
    select
        'rpt_onboarding_cohorts',
        expansion_rate,
        ci_low,
        ci_high,
        p_value,
        q_value,
        evidence_type
    from {{ ref('rpt_onboarding_cohorts') }}
    union all
    select
        'rpt_onboarding_cohorts',
        difference,
        difference_ci_low,
        difference_ci_high,
        p_value,
        q_value,
        evidence_type
    from {{ ref('rpt_onboarding_cohorts') }}
    union all
    select
        'rpt_adjusted_effects',
        odds_ratio,
        ci_low,
        ci_high,
        p_value,
        q_value,
        evidence_type
    from {{ ref('rpt_adjusted_effects') }}
    union all
    select
        'rpt_criterion_effects',
        difference,
        ci_low,
        ci_high,
        p_value,
        q_value,
        evidence_type
    from {{ ref('rpt_criterion_effects') }}

)

select report
from figures
where
    ci_low > ci_high
    -- formulas have their figure inside; a percentile interval of few draws need not
    or (report in ('rpt_onboarding_cohorts', 'rpt_adjusted_effects') and not (figure between ci_low - 1e-9 and ci_high + 1e-9))
    or (report = 'rpt_quality_correlations' and (abs(figure) > 1 + 1e-6 or abs(ci_low) > 1 + 1e-6 or abs(ci_high) > 1 + 1e-6))
    or q_value < p_value
    or not (p_value between 0 and 1)
    or (evidence_type = 'insufficient' and (p_value is not null or q_value is not null))

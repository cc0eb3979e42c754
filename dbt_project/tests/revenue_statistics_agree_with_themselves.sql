-- a figure lies in its interval, a coefficient between -1 and 1, no correction for many tests makes a finding surer, and what is
-- insufficient has no p
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
        'rpt_quality_threshold_effects' as report,
        churn_rate as figure,
        ci_low,
        ci_high,
        p_value,
        q_value,
        evidence_type
    from {{ ref('rpt_quality_threshold_effects') }}
    union all
    select
        'rpt_quality_threshold_effects' as report,
        risk_ratio as figure,
        risk_ratio_ci_low as ci_low,
        risk_ratio_ci_high as ci_high,
        p_value,
        q_value,
        evidence_type
    from {{ ref('rpt_quality_threshold_effects') }}
    union all
    select
        'rpt_onboarding_cohorts' as report,
        expansion_rate as figure,
        ci_low,
        ci_high,
        p_value,
        q_value,
        evidence_type
    from {{ ref('rpt_onboarding_cohorts') }}
    union all
    select
        'rpt_onboarding_cohorts' as report,
        difference as figure,
        difference_ci_low as ci_low,
        difference_ci_high as ci_high,
        p_value,
        q_value,
        evidence_type
    from {{ ref('rpt_onboarding_cohorts') }}
    union all
    select
        'rpt_adjusted_effects' as report,
        odds_ratio as figure,
        ci_low,
        ci_high,
        p_value,
        q_value,
        evidence_type
    from {{ ref('rpt_adjusted_effects') }}
    union all
    select
        'rpt_criterion_effects' as report,
        difference as figure,
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

-- Quality and money: what the step revenue works out of the months of accounts. Every set is replaced as a whole; nothing is written
-- while no month has changed. segment_type is all or segment.

-- What earlier runs read of a complete month, so that a later one reads only what has changed.
create table if not exists derived.revenue_months (
    month_start date primary key,
    digest text not null,
    account_count int not null,
    content bytea not null
);
-- it is read whole and often, and compresses badly
alter table derived.revenue_months alter column content set storage external;

-- Who used the product in which week, of each partition of core.product_events, kept likewise.
create table if not exists derived.revenue_usage (
    relation text primary key,
    digest text not null,
    content bytea not null
);
alter table derived.revenue_usage alter column content set storage external;

create table if not exists derived.quality_correlations (
    measure_id text not null,
    outcome_id text not null,
    segment_type text not null check (segment_type in ('all', 'segment')),
    segment_value text not null,
    lag_months int not null,
    method text not null check (method in ('spearman', 'pearson')),
    n int not null,
    account_count int not null,
    coefficient double precision,
    ci_low double precision,
    ci_high double precision,
    p_value double precision,
    q_value double precision,
    is_insufficient boolean not null,
    last_month date not null,
    primary key (measure_id, outcome_id, segment_type, segment_value, lag_months, method)
);

-- window_id: lag_1 to lag_3 hold the cut of a lag with both of its sides, next_quarter bands of quality.
create table if not exists derived.quality_threshold_effects (
    segment_type text not null check (segment_type in ('all', 'segment')),
    segment_value text not null,
    window_id text not null,
    band_id text not null,
    quality_low double precision,
    quality_high double precision,
    n int not null,
    churned_count int not null,
    churn_rate double precision,
    ci_low double precision,
    ci_high double precision,
    cut double precision,
    log_rank double precision,
    p_value double precision,
    q_value double precision,
    risk_ratio double precision,
    risk_ratio_ci_low double precision,
    risk_ratio_ci_high double precision,
    is_insufficient boolean not null,
    last_month date not null,
    primary key (segment_type, segment_value, window_id, band_id)
);

create table if not exists derived.onboarding_cohorts (
    segment_type text not null check (segment_type in ('all', 'segment')),
    segment_value text not null,
    third text not null check (third in ('low', 'middle', 'high')),
    quality_low double precision not null,
    quality_high double precision not null,
    n int not null,
    expanded_count int not null,
    expansion_rate double precision not null,
    ci_low double precision not null,
    ci_high double precision not null,
    difference double precision,
    difference_ci_low double precision,
    difference_ci_high double precision,
    p_value double precision,
    q_value double precision,
    is_insufficient boolean not null,
    last_month date not null,
    primary key (segment_type, segment_value, third)
);

create table if not exists derived.adjusted_effects (
    outcome_id text not null,
    segment_type text not null check (segment_type in ('all', 'segment')),
    segment_value text not null,
    model_id text not null check (model_id in ('unadjusted', 'adjusted')),
    n int not null,
    account_count int not null,
    event_count int not null,
    odds_ratio double precision,
    ci_low double precision,
    ci_high double precision,
    p_value double precision,
    q_value double precision,
    auroc double precision,
    calibration_error double precision,
    is_insufficient boolean not null,
    last_month date not null,
    primary key (outcome_id, segment_type, segment_value, model_id)
);

create table if not exists derived.leading_indicators (
    outcome_id text not null,
    segment_type text not null check (segment_type in ('all', 'segment')),
    segment_value text not null,
    n int not null,
    unit_count int not null,
    lead_weeks int,
    lead_weeks_ci_low int,
    lead_weeks_ci_high int,
    gain double precision,
    ci_low double precision,
    ci_high double precision,
    p_value double precision,
    q_value double precision,
    is_lower_quality_first boolean,
    is_insufficient boolean not null,
    last_month date not null,
    primary key (outcome_id, segment_type, segment_value)
);

create table if not exists derived.criterion_effects (
    subject text not null,
    indicator_id text not null,
    kpi_id text not null,
    dimension_id text not null,
    failed_n int not null,
    held_n int not null,
    failed_mean double precision,
    held_mean double precision,
    difference double precision,
    ci_low double precision,
    ci_high double precision,
    p_value double precision,
    q_value double precision,
    is_insufficient boolean not null,
    last_month date not null,
    primary key (subject, indicator_id, kpi_id)
);

-- Which versions exist and which are active. Older versions keep their rows; scores.current_* reads the active ones.
create table if not exists scores.scorer_registry (
    scorer_version text primary key,
    rubric_id text not null,
    rubric_version text not null,
    sentiment_version text not null,
    calibrator_version text not null,
    is_active boolean not null,
    registered_at timestamptz not null default clock_timestamp(),
    reading_version text not null
);
create unique index if not exists one_active_scorer on scores.scorer_registry (is_active) where is_active;

create table if not exists scores.rubric_dimensions (
    rubric_version text not null,
    dimension_id text not null,
    ordinal int not null,
    title text not null,
    weight numeric not null,
    definition jsonb not null,
    weight_periods jsonb not null default '[]',
    primary key (rubric_version, dimension_id)
);
create table if not exists scores.rubric_indicators (
    rubric_version text not null,
    indicator_id text not null,
    indicator_version text not null,
    dimension_id text not null,
    title text not null,
    weight numeric not null,
    is_critical boolean not null,
    subjects text[] not null,
    evaluator_type text not null,
    definition jsonb not null,
    is_template boolean not null default false,
    primary key (rubric_version, indicator_id)
);

create table if not exists scores.rubric_facets (
    rubric_version text not null,
    facet_id text not null,
    subject text not null,
    title text not null,
    indicator_ids text[] not null,
    primary key (rubric_version, facet_id, subject)
);
create table if not exists scores.rubric_profiles (
    rubric_version text not null,
    profile_id text not null,
    title text not null,
    goal text not null,
    weights jsonb not null,
    applies jsonb,
    primary key (rubric_version, profile_id)
);

-- What an interaction of a topic and a complexity usually takes, frozen once a week.
create table if not exists scores.baselines (
    week_starts_on date primary key,
    baseline_id text not null,
    interaction_count int not null,
    definition jsonb not null,
    made_at timestamptz not null default clock_timestamp()
);

-- Append-only, one row per what was judged x version; erasure is the one permitted delete. subject is the side that is
-- judged, human_agent or ai_agent: their scores never share a row.
create table if not exists scores.message_scores (
    interaction_started_at timestamptz not null,
    interaction_key text not null,
    input_hash text not null,
    reading_version text not null,
    message_key text not null,
    polarity double precision,
    subjectivity double precision,
    markers jsonb not null default '[]',
    has_escalation_request boolean,
    has_repeat_question boolean,
    response_gap_minutes double precision,
    evaluator_type text not null,
    evaluator_version text not null,
    primary key (interaction_started_at, interaction_key, input_hash, reading_version, message_key)
) partition by range (interaction_started_at);

create table if not exists scores.trajectories (
    interaction_started_at timestamptz not null,
    interaction_key text not null,
    input_hash text not null,
    reading_version text not null,
    customer_message_count int not null,
    start_polarity double precision,
    end_polarity double precision,
    mean_polarity double precision,
    slope double precision,
    minimum_polarity double precision,
    largest_drop double precision,
    trajectory_class text not null,
    sentiment_level text not null,
    level_rule text not null,
    escalation_request_count int,
    repeat_question_count int,
    longest_response_gap_minutes double precision,
    is_repeat_contact boolean,
    is_recovery boolean,
    evaluator_type text not null,
    evaluator_version text not null,
    primary key (interaction_started_at, interaction_key, input_hash, reading_version)
) partition by range (interaction_started_at);

create table if not exists scores.indicator_scores (
    interaction_started_at timestamptz not null,
    interaction_key text not null,
    input_hash text not null,
    subject text not null,
    indicator_id text not null,
    indicator_version text not null,
    outcome text not null check (outcome in ('holds', 'fails', 'not_applicable')),
    confidence double precision not null,
    evaluator_type text not null,
    evaluator_version text not null,
    -- The message in which a failed indicator was due or went wrong.
    due_message_key text,
    primary key (interaction_started_at, interaction_key, input_hash, subject, indicator_id, indicator_version)
) partition by range (interaction_started_at);

create table if not exists scores.evidence (
    interaction_started_at timestamptz not null,
    interaction_key text not null,
    input_hash text not null,
    subject text not null,
    indicator_id text not null,
    indicator_version text not null,
    evidence_ordinal int not null,
    message_key text not null,
    start_offset int not null,
    end_offset int not null,
    -- The article or policy that the quote was held against, <article key>@<version>.
    reference text,
    primary key (interaction_started_at, interaction_key, input_hash, subject, indicator_id, indicator_version, evidence_ordinal)
) partition by range (interaction_started_at);

-- What the optional judge was asked of a behaviour: its verdict and the rule's side by side, and whose counts. outcome is null
-- where neither has one; why and detail say why the judge's does not count.
create table if not exists scores.judgements (
    interaction_started_at timestamptz not null,
    interaction_key text not null,
    input_hash text not null,
    subject text not null,
    indicator_id text not null,
    indicator_version text not null,
    question_id text not null,
    outcome text check (outcome in ('holds', 'fails', 'not_applicable')),
    judge_outcome text check (judge_outcome in ('holds', 'fails', 'not_applicable')),
    judge_confidence double precision,
    judge_message_key text,
    judge_start_offset int,
    judge_end_offset int,
    rule_outcome text check (rule_outcome in ('holds', 'fails', 'not_applicable')),
    disagrees boolean,
    why text,
    detail text,
    evaluator_version text not null,
    primary key (interaction_started_at, interaction_key, input_hash, subject, indicator_id, indicator_version, question_id)
) partition by range (interaction_started_at);

create table if not exists scores.dimension_scores (
    interaction_started_at timestamptz not null,
    interaction_key text not null,
    input_hash text not null,
    subject text not null,
    rubric_version text not null,
    calibrator_version text not null,
    dimension_id text not null,
    raw_score double precision,
    calibrated_score double precision,
    tier text,
    confidence double precision,
    applicable_indicator_count int not null,
    evaluator_type text not null,
    evaluator_version text not null,
    primary key (interaction_started_at, interaction_key, input_hash, subject, rubric_version, calibrator_version, dimension_id)
) partition by range (interaction_started_at);

create table if not exists scores.interaction_scores (
    interaction_started_at timestamptz not null,
    interaction_key text not null,
    input_hash text not null,
    subject text not null,
    scorer_version text not null,
    rubric_version text not null,
    calibrator_version text not null,
    total_score double precision,
    tier text,
    confidence double precision,
    is_critical_failure boolean not null,
    rated_dimension_count int not null,
    scored_as_of timestamptz not null,
    scored_at timestamptz not null,
    profile_id text,
    weighted_score double precision,
    unrated_reason text,
    language text,
    handle_minutes double precision,
    turn_count int,
    complexity text,
    expected_handle_minutes double precision,
    expected_turn_count double precision,
    baseline_id text,
    baseline_n int,
    evaluator_type text not null,
    evaluator_version text not null,
    primary key (interaction_started_at, interaction_key, input_hash, subject, scorer_version)
) partition by range (interaction_started_at);

create table if not exists scores.facet_scores (
    interaction_started_at timestamptz not null,
    interaction_key text not null,
    input_hash text not null,
    subject text not null,
    rubric_version text not null,
    facet_id text not null,
    score double precision,
    tier text,
    applicable_indicator_count int not null,
    is_critical_failure boolean not null,
    evaluator_type text not null,
    evaluator_version text not null,
    primary key (interaction_started_at, interaction_key, input_hash, subject, rubric_version, facet_id)
) partition by range (interaction_started_at);

create table if not exists scores.profile_scores (
    interaction_started_at timestamptz not null,
    interaction_key text not null,
    input_hash text not null,
    subject text not null,
    rubric_version text not null,
    profile_id text not null,
    score double precision,
    tier text,
    evaluator_type text not null,
    evaluator_version text not null,
    primary key (interaction_started_at, interaction_key, input_hash, subject, rubric_version, profile_id)
) partition by range (interaction_started_at);

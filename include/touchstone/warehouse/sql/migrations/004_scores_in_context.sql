-- Messages are redacted with their conversation, and scores say who judged, what was due and what is usual. What was scored before
-- was judged by rules; its readings had the version of their scorer.
alter table clean.messages add column if not exists context numeric;

alter table scores.scorer_registry add column if not exists reading_version text;
update scores.scorer_registry set reading_version = scorer_version where reading_version is null;
alter table scores.scorer_registry alter column reading_version set not null;
alter table scores.rubric_dimensions add column if not exists weight_periods jsonb not null default '[]';
alter table scores.rubric_indicators add column if not exists is_template boolean not null default false;

alter table scores.message_scores rename column scorer_version to reading_version;
alter table scores.message_scores
    alter column polarity drop not null,
    alter column subjectivity drop not null,
    add column has_escalation_request boolean,
    add column has_repeat_question boolean,
    add column response_gap_minutes double precision,
    add column evaluator_type text not null default 'rule',
    add column evaluator_version text;

alter table scores.trajectories rename column scorer_version to reading_version;
alter table scores.trajectories
    add column escalation_request_count int,
    add column repeat_question_count int,
    add column longest_response_gap_minutes double precision,
    add column is_repeat_contact boolean,
    add column is_recovery boolean,
    add column evaluator_type text not null default 'rule',
    add column evaluator_version text;

alter table scores.indicator_scores add column due_message_key text;
alter table scores.evidence add column reference text;

alter table scores.dimension_scores
    add column evaluator_type text not null default 'rule',
    add column evaluator_version text;

alter table scores.interaction_scores
    add column profile_id text,
    add column weighted_score double precision,
    add column unrated_reason text,
    add column language text,
    add column handle_minutes double precision,
    add column turn_count int,
    add column complexity text,
    add column expected_handle_minutes double precision,
    add column expected_turn_count double precision,
    add column baseline_id text,
    add column baseline_n int,
    add column evaluator_type text not null default 'rule',
    add column evaluator_version text;

update scores.message_scores set evaluator_version = reading_version;
update scores.trajectories set evaluator_version = reading_version;
update scores.dimension_scores set evaluator_version = rubric_version;
update scores.interaction_scores set evaluator_version = scorer_version;
alter table scores.message_scores alter column evaluator_type drop default, alter column evaluator_version set not null;
alter table scores.trajectories alter column evaluator_type drop default, alter column evaluator_version set not null;
alter table scores.dimension_scores alter column evaluator_type drop default, alter column evaluator_version set not null;
alter table scores.interaction_scores alter column evaluator_type drop default, alter column evaluator_version set not null;

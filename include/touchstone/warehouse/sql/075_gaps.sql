-- Knowledge gaps: what the step gaps works out of the facts, and what people decided about it.

-- One row per question to an AI agent with a sign that knowledge is missing, and of broad topics also of a sample without; gap_id is where it belongs now,
-- first_gap_id where it belonged before anybody merged or split.
create table if not exists derived.gap_questions (
    message_key text primary key,
    interaction_key text not null,
    first_gap_id text,
    gap_id text,
    topic text not null,
    is_failed boolean not null,
    signal_count int not null,
    -- digest of the redacted text, where it was read
    text_hash text,
    similarity double precision,
    asked_date date not null,
    asked_at timestamptz not null,
    signalled_at timestamptz,
    -- first sign of the customer, or of a person, that it failed
    failed_at timestamptz,
    -- first sign that nothing, or nothing fitting, was found to answer with
    lacking_at timestamptz,
    -- first answer that the AI agent was unsure of
    unsure_at timestamptz,
    -- when it had both failed and been answered by an AI agent that was sure
    misled_at timestamptz
);
create index if not exists gap_questions_gap on derived.gap_questions (gap_id);
create index if not exists gap_questions_interaction on derived.gap_questions (interaction_key);

-- Candidates for gaps: whatever at least one failed question belongs to. The id is never given to anything else.
create table if not exists derived.gap_candidates (
    gap_id text primary key,
    gap_kind text not null check (gap_kind in ('topic', 'group', 'split')),
    title text not null,
    topic text,
    parent_gap_id text,
    merged_into_gap_id text,
    first_seen_at timestamptz,
    last_seen_at timestamptz,
    question_count int not null,
    signal_count int not null
);

-- What later runs read of the questions of broad topics that earlier runs grouped: frozen centres, and vectors that wait.
create table if not exists derived.gap_groups (
    groups_id int primary key check (groups_id = 1),
    versions text not null,
    document jsonb not null,
    arrays bytea not null,
    run_id bigint not null
);

-- The life of every gap, worked out whole in every run from daily counts and decisions.
create table if not exists derived.gap_statuses (
    gap_id text not null,
    status_number int not null,
    status text not null check (status in ('open', 'drafting', 'published', 'verified', 'dismissed')),
    reason text not null,
    decided_by text,
    since timestamptz not null,
    until timestamptz,
    primary key (gap_id, status_number)
);

-- What the counts say of a gap as of its last day that counts: the one before it was closed, or the newest.
create table if not exists derived.gap_measures (
    gap_id text primary key,
    opened_by text not null check (opened_by in ('lacking_knowledge', 'low_confidence', 'sure_but_unhelpful', 'worse_than_before', 'decision')),
    window_days int not null,
    window_end date not null,
    asked_count double precision not null,
    failed_count int not null,
    lacking_count int not null,
    unsure_count int not null,
    misled_count int not null,
    reference_asked_count double precision not null,
    reference_count double precision not null
);

create table if not exists derived.gap_fixes (
    gap_id text not null,
    fix_number int not null,
    source text not null check (source in ('decision', 'article')),
    article_key text,
    is_new_article boolean,
    fixed_at timestamptz not null,
    -- day of the first sign in the window in which the gap opened
    first_sign_on date not null,
    before_asked_count double precision not null,
    before_failed_count int not null,
    after_asked_count double precision not null,
    after_failed_count int not null,
    measured_until date not null,
    verdict text not null check (verdict in ('worked', 'no_effect', 'worse', 'too_early')),
    primary key (gap_id, fix_number)
);

-- Two articles that customers can read at the same time and that state different things about one matter.
create table if not exists derived.article_conflicts (
    article_key text not null,
    other_article_key text not null,
    topic text,
    claim_kind text not null,
    conflict_count int not null,
    since timestamptz not null,
    primary key (article_key, other_article_key, claim_kind)
);
create table if not exists derived.article_conflict_inputs (
    topic text primary key,
    digest text not null
);

-- Two similar questions that one version of an AI agent answered from the same articles: do the answers contradict each other. Keys
-- are those of the questions.
create table if not exists derived.answer_verdicts (
    message_key text not null,
    other_message_key text not null,
    week_start date not null,
    -- digest of both answers' redacted texts
    digest text not null,
    -- kinds of claim in which they differ; empty where they do not
    claim_kinds text[] not null,
    primary key (message_key, other_message_key)
);
create index if not exists answer_verdicts_week on derived.answer_verdicts (week_start);

-- Interactions whose rows of gap marts the next build of the marts works out again.
create table if not exists derived.gap_scope (
    interaction_key text primary key,
    run_id bigint not null
);

-- Decisions are events: nothing supersedes one, they apply in the order in which they were made.
create table if not exists feedback.gap_decisions (
    decision_id bigint generated by default as identity primary key,
    -- the same decision given twice is one
    decision_key text not null unique,
    gap_id text not null,
    decision text not null check (decision in ('dismiss', 'reopen', 'merge', 'split', 'assign', 'draft', 'publish')),
    into_gap_id text,
    message_keys text[] not null default '{}',
    owner_team text,
    owner text,
    article_id text,
    decided_by text not null,
    reason text not null,
    decided_at timestamptz not null,
    arrived_by text not null check (arrived_by in ('file', 'table')),
    file text,
    taken_up_as_of timestamptz not null,
    run_id bigint not null,
    check ((decision = 'merge') = (into_gap_id is not null)),
    check ((decision = 'split') = (cardinality(message_keys) > 0)),
    check (decision <> 'assign' or owner_team is not null)
);
create index if not exists gap_decisions_gap on feedback.gap_decisions (gap_id);

-- Models of intents. The row holds the model itself and what its report says of it; one of them is active, and reads questions.
create table if not exists scores.intent_models (
    model_version text primary key,
    state text not null check (state in ('registered', 'active', 'retired')),
    intents text[] not null,
    vectors text not null,
    taxonomy_version text,
    data_hash text not null,
    fitted_count int not null,
    report jsonb not null,
    artifact bytea not null,
    artifact_hash text not null,
    registered_as_of timestamptz not null,
    activated_as_of timestamptz,
    retired_as_of timestamptz,
    -- whether every eligible interaction has been read once; later runs look at what changed
    is_complete boolean not null default false,
    registered_at timestamptz not null default clock_timestamp()
);
create unique index if not exists one_active_intent_model on scores.intent_models (state) where state = 'active';

-- What moved a model from state to state, with the release figures at that moment.
create table if not exists scores.intent_model_events (
    event_id bigint generated always as identity primary key,
    model_version text not null references scores.intent_models,
    state text not null,
    as_of timestamptz not null,
    gate jsonb not null default '[]',
    reason text,
    decided_by text not null default session_user,
    recorded_at timestamptz not null default clock_timestamp()
);

-- Append-only: what each model said of the question that opens an interaction, as the interaction was. Where there is nothing to
-- read, the model abstains, and says neither an intent nor whether it is new.
create table if not exists scores.intents (
    interaction_started_at timestamptz not null,
    interaction_key text not null,
    input_hash text not null,
    model_version text not null,
    message_key text not null,
    -- digest of the redacted text that was read
    question_hash text not null,
    intent text,
    second_intent text,
    confidence double precision check (confidence between 0 and 1),
    novelty double precision,
    novelty_percentile double precision,
    is_novel boolean,
    is_abstained boolean not null,
    scored_as_of timestamptz not null,
    scored_at timestamptz not null,
    primary key (interaction_started_at, interaction_key, input_hash, model_version),
    check (is_abstained = (intent is null) and is_abstained = (is_novel is null) and is_abstained = (confidence is null))
) partition by range (interaction_started_at);

-- Questions that an active model took for new, as long as they say the same; cluster_id is where they belong now, null while they
-- wait for company, first_cluster_id where they belonged before anybody merged.
create table if not exists derived.novel_questions (
    interaction_key text primary key,
    message_key text not null,
    question_hash text not null,
    model_version text not null,
    first_cluster_id text,
    cluster_id text,
    similarity double precision,
    -- whether the model that is active now takes it for new, too
    is_novel boolean not null,
    asked_on date not null,
    asked_at timestamptz not null,
    check (is_novel or cluster_id is not null)
);
create index if not exists novel_questions_cluster on derived.novel_questions (cluster_id);

-- Clusters of new questions. An id stays with its cluster for ever; names are redacted terms that several customers used.
create table if not exists derived.novel_intents (
    cluster_id text primary key,
    name text not null,
    status text not null check (status in ('open', 'promoted', 'dismissed', 'merged')),
    into_cluster_id text,
    intent text,
    owner_team text,
    decided_by text,
    decided_at timestamptz,
    promoted_at timestamptz,
    question_count int not null,
    novel_count int not null,
    first_seen_at timestamptz,
    last_seen_at timestamptz,
    -- whether the active model knows the intent that it became
    is_learned boolean not null,
    check ((status = 'merged') = (into_cluster_id is not null)),
    check ((status = 'promoted') = (promoted_at is not null) and (status = 'promoted') = (intent is not null))
);

-- What later runs read of the questions that were grouped: frozen centres, and vectors of those that wait. No text.
create table if not exists derived.novel_groups (
    groups_id int primary key check (groups_id = 1),
    versions text not null,
    document jsonb not null,
    arrays bytea not null,
    run_id bigint not null
);

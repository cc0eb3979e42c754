-- What version 0.2.0 made of 0.1.0, before tables were migrated.
create schema raw_zendesk;
create schema raw_hubspot;
create schema raw_mixpanel;
alter table ops.loads add column registered_run_id bigint;
create index loads_registered on ops.loads (registered_run_id);
alter table ops.interaction_changes add column previous_person_key text;
create table ops.built_views (
    relation text primary key,
    digest text not null
);

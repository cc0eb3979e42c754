-- People are known across systems, and records that belong to no interaction are found by the run that took their load up.
alter table ops.interaction_changes add column if not exists previous_person_key text;
alter table ops.loads add column if not exists registered_run_id bigint;
update ops.loads set registered_run_id = coalesce(
    (select max(run_id) from ops.runs where step = 'stage' and started_at <= loads.registered_at), 1
)
where registered_at is not null and registered_run_id is null;

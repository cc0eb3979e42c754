-- Roles are made by bootstrap.py, which knows whether this session may create them; grants are the same everywhere.
grant usage on schema ops to touchstone_loader;
grant select, insert, update, delete on all tables in schema ops to touchstone_loader;
grant usage on all sequences in schema ops to touchstone_loader;
grant execute on all functions in schema ops to touchstone_loader;

grant usage on schema ops, feedback to touchstone_transformer;
grant select on all tables in schema feedback to touchstone_transformer;
grant select, insert, update, delete on all tables in schema ops to touchstone_transformer;
grant usage on all sequences in schema ops to touchstone_transformer;
grant execute on all functions in schema ops to touchstone_transformer;
grant insert, update on all tables in schema feedback to touchstone_transformer;
grant usage on all sequences in schema feedback to touchstone_transformer;
grant usage, create on schema clean, staging, core, scores, facts, derived, marts_build, marts, marts_evidence to touchstone_transformer;
grant all on all tables in schema clean, staging, core, scores, facts, derived, marts_build, marts, marts_evidence to touchstone_transformer;

-- what finance has closed is added to and read, never changed
grant usage on schema finance to touchstone_transformer;
grant select, insert on all tables in schema finance to touchstone_transformer;
grant usage on all sequences in schema finance to touchstone_transformer;

grant usage on schema marts to touchstone_bi, touchstone_reviewer;
grant usage on schema marts_evidence to touchstone_reviewer;
grant select on all tables in schema marts to touchstone_bi, touchstone_reviewer;
grant select on all tables in schema marts_evidence to touchstone_reviewer;
alter default privileges for role touchstone_transformer in schema marts grant select on tables to touchstone_bi, touchstone_reviewer;
alter default privileges for role touchstone_transformer in schema marts_evidence grant select on tables to touchstone_reviewer;

grant usage on schema feedback to touchstone_feedback;
grant insert (source, instance, interaction_id, message_id, subject, reviewer, dimension, indicator, tier, value, scale_min, scale_max,
    rubric_version, blind, reviewed_at) on feedback.review_inbox to touchstone_feedback;
grant insert (kind, record) on feedback.inbox to touchstone_feedback;

-- Readers cannot lift privileges, but these are defaults, which a session may change: nothing rests on them alone. An open
-- transaction without work would keep a publication from altering a table.
alter role touchstone_bi set default_transaction_read_only = on;
alter role touchstone_bi set statement_timeout = '60s';
alter role touchstone_bi set idle_in_transaction_session_timeout = '60s';
alter role touchstone_bi set search_path = marts;
alter role touchstone_reviewer set default_transaction_read_only = on;
alter role touchstone_reviewer set statement_timeout = '60s';
alter role touchstone_reviewer set idle_in_transaction_session_timeout = '60s';
alter role touchstone_reviewer set search_path = marts, marts_evidence;

-- What PostgreSQL allows everybody: tables in schema public (by default in databases older than version 15), temporary tables,
-- and large objects, which only a superuser can take away.
do $$
begin
    execute format('revoke temporary on database %I from public', current_database());
    execute format('grant temporary on database %I to touchstone_loader, touchstone_transformer', current_database());
    if (select rolsuper from pg_roles where rolname = current_user) then
        revoke execute on function lo_creat (int), lo_create (oid), lo_from_bytea (oid, bytea) from public;
    end if;
    if has_schema_privilege('public', 'create with grant option') then
        revoke create on schema public from public;
    end if;
exception when invalid_schema_name then
    null; -- a database without the schema public
end $$;

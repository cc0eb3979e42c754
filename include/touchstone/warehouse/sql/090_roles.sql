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

alter role touchstone_bi set default_transaction_read_only = on;
alter role touchstone_bi set statement_timeout = '60s';
alter role touchstone_reviewer set default_transaction_read_only = on;
alter role touchstone_reviewer set statement_timeout = '60s';

-- Descriptions are written again only where they have changed; those of earlier versions are written once more.
alter table if exists ops.built_relations add column if not exists documentation text;

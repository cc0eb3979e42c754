-- Schemas in the order of the data's way. Everything here may run again at any time.
create schema if not exists ops;
create schema if not exists raw_files;
create schema if not exists raw_zendesk;
create schema if not exists raw_hubspot;
create schema if not exists raw_mixpanel;
create schema if not exists clean;
create schema if not exists staging;
create schema if not exists core;
create schema if not exists scores;
create schema if not exists facts;
create schema if not exists derived;
create schema if not exists marts_build;
create schema if not exists marts;
create schema if not exists marts_evidence;
create schema if not exists feedback;

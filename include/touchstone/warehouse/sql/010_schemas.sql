-- Schemas in the order of the data's way, between those of the sources, raw_<source>, which their declarations make. Everything here may run again at any time.
create schema if not exists ops;
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
create schema if not exists finance;

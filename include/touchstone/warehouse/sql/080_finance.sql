-- Months that finance has closed. A close is a version of a month: its figures as they were published, kept whatever the live marts
-- say later. A restatement is another version, with its reason; nothing here is changed or deleted.
create table if not exists finance.closes (
    close_id bigint generated always as identity primary key,
    month_start date not null check (extract(day from month_start) = 1),
    version int not null check (version > 0),
    restates_version int,
    reason text,
    closed_by text not null,
    -- end of the ledger day whose publication was frozen
    as_of timestamptz not null,
    run_id bigint not null,
    closed_at timestamptz not null default clock_timestamp(),
    unique (month_start, version),
    -- the first version restates nothing; each later one restates the one before it, and says why
    check (restates_version is not distinct from nullif(version - 1, 0)),
    check ((version = 1) = (reason is null))
);

-- One row per figure of a close: a report, its row, the column, and the value as a number or as text.
create table if not exists finance.closed_figures (
    close_id bigint not null references finance.closes,
    report text not null,
    row_key text not null,
    row_number int not null,
    figure text not null,
    figure_number int not null,
    value numeric,
    stated text,
    primary key (close_id, report, row_key, figure),
    check (value is null or stated is null)
);

create or replace function finance.refuse_change() returns trigger language plpgsql as $refuse$
begin
    raise exception 'a closed month is never changed: %.%', tg_table_schema, tg_table_name
        using hint = 'Restate it: touchstone close MONTH --restate --reason ... --by ...';
end $refuse$;

create or replace trigger closes_stay before update or delete or truncate on finance.closes
for each statement execute function finance.refuse_change();
create or replace trigger closed_figures_stay before update or delete or truncate on finance.closed_figures
for each statement execute function finance.refuse_change();

-- A version is whole when it is written: whoever may add versions adds no figure to one that stands.
create or replace function finance.refuse_addition() returns trigger language plpgsql as $refuse$
begin
    if exists (
        select 1 from (select distinct close_id from added) as of_close
        inner join finance.closes using (close_id)
        where closes.xmin::text <> pg_current_xact_id()::xid::text
    ) then
        raise exception 'a closed month is never added to: %.%', tg_table_schema, tg_table_name
            using hint = 'Restate it: touchstone close MONTH --restate --reason ... --by ...';
    end if;
    return null;
end $refuse$;

create or replace trigger closed_figures_are_whole after insert on finance.closed_figures
referencing new table as added for each statement execute function finance.refuse_addition();

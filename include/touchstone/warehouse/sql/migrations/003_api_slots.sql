-- ops.api_slots takes over from ops.api_budgets; what either holds is past a few minutes later.
drop table if exists ops.api_budgets;

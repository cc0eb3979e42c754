-- Months of accounts and business contexts are marts, and no longer tables of their own beside them.
drop table if exists facts.account_months, facts.interaction_business_context;

-- one row per statement of an account that a later one replaced: renamed and cast, nothing else
select
    {{ salesforce_account_columns() }}
{{ salesforce_rows('accounts_history') }}

-- one row per account: renamed and cast, nothing else
select
    {{ salesforce_account_columns() }}
{{ salesforce_rows('accounts') }}

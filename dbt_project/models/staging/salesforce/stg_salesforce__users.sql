-- one row per user: renamed and cast, nothing else
select
    {{ salesforce_user_columns() }}
{{ salesforce_rows('users') }}

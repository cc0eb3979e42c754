-- one row per statement of a user that a later one replaced: renamed and cast, nothing else
select
    {{ salesforce_user_columns() }}
{{ salesforce_rows('users_history') }}

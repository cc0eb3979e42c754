-- one row per name by which transcripts of chats know a user: who it is, where one user alone has the name
select
    source,
    instance,
    'name:' || user_name as speaker,
    jsonb_strip_nulls(jsonb_build_object(
        'user_id', case when count(*) = 1 then min(user_id) end,
        'actor', case
            when min({{ json_text('facts', 'actor') }}) = max({{ json_text('facts', 'actor') }})
                then min({{ json_text('facts', 'actor') }})
        end
    )) as facts
from {{ ref('int_salesforce__users') }}
where user_name <> '' and {{ json_text('facts', 'actor') }} <> 'customer'
group by source, instance, user_name

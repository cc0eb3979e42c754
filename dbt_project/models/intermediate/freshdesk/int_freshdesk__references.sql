-- one row per ticket that this run works on and record that it reads, with the time for which it reads it
{{ uses('freshdesk', 'user', 'customer_id') }}

union

{{ uses('freshdesk', 'user', 'author_id', of='messages') }}

union

{{ uses('freshdesk', 'staff', 'author_id', of='messages', time='messages') }}

union

{{ uses('freshdesk', 'settings', "'*'") }}

union

{{ uses('freshdesk', 'company', 'account_id', time='start') }}

union

select
    conversations.source,
    conversations.instance,
    conversations.interaction_id,
    'survey' as record_type,
    ratings.survey_id as record_id,
    '-infinity'::timestamptz as used_from,
    'infinity'::timestamptz as used_to
from {{ ref('int_conversations__unioned') }} as conversations
inner join {{ ref('stg_freshdesk__satisfaction_ratings') }} as ratings
    on
        conversations.instance = ratings.instance
        and conversations.interaction_id = ratings.ticket_id
where conversations.source = 'freshdesk'

-- one row per case that this run works on and record that it reads, with the time for which it reads it
{{ uses('salesforce', 'contact', 'customer_id') }}

union

{{ uses('salesforce', 'ticket_fields', "'*'") }}

union

{{ uses('salesforce', 'company', 'account_id', time='start') }}

union

{{ uses('salesforce', 'user', 'author_id', of='messages') }}

union

{{ uses('salesforce', 'owner', 'actor_id', of='messages', time='messages', where="actor in ('human_agent', 'ai_agent')") }}

union

{{ uses(
    'salesforce', 'group', 'new_value', of=ref('int_salesforce__changes'), interaction_id='case_id',
    where="field = 'Owner' and new_value like '00G%'",
) }}

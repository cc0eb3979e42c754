-- one row per ticket that this run works on and record that it reads, with the time for which it reads it
{{ uses('zendesk', 'user', 'customer_id') }}

union

{{ uses('zendesk', 'user', 'author_id', of='messages') }}

union

{{ uses('zendesk', 'group', 'value', of=ref('int_zendesk__changes'), interaction_id='ticket_id', where="field = 'group_id'") }}

union

{{ uses('zendesk', 'ticket_fields', "'*'") }}

union

{{ uses('zendesk', 'organization', 'account_id', time='start') }}

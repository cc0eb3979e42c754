-- one row per conversation that this run works on and record that it reads, with the time for which it reads it
{{ uses('intercom', 'contact', 'customer_id') }}

union

{{ uses('intercom', 'settings', "'*'") }}

union

{{ uses('intercom', 'company', 'account_id', time='start') }}

union

{{ uses('intercom', 'team', 'value', of=ref('int_intercom__changes'), interaction_id='conversation_id', where="field = 'team'") }}

-- one row per ticket that this run works on and record that it reads, with the time for which it reads it
{{ uses('rt', 'user', 'customer_id') }}

union

{{ uses('rt', 'user', 'author_id', of='messages') }}

union

{{ uses('rt', 'queue', 'value', of=ref('int_rt__changes'), interaction_id='ticket_id', where="field = 'queue'") }}

union

{{ uses('rt', 'configuration', "'*'") }}

-- one row per ticket that this run works on and record that it reads, with the time for which it reads it
{{ uses('hubspot', 'contact', 'customer_id') }}

union

{{ uses('hubspot', 'company', 'account_id', time='start') }}

union

{{ uses('hubspot', 'owner', 'author_id', of='messages', time='messages', where="actor = 'human_agent'") }}

union

{{ uses(
    'hubspot', 'stage',
    "'tickets:' || " ~ json_text('attributes', 'pipeline_id') ~ " || ':' || " ~ json_text('attributes', 'stage_id'),
) }}

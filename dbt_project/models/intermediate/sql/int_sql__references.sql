-- one row per conversation of mapped tables that this run works on and record that it reads, with the time for which it reads it
{{ uses('sql', 'contact', 'customer_id') }}

union

{{ uses('sql', 'company', 'account_id', time='start') }}

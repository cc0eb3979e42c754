-- one row per customer of RT that changed, rule and value by which it could be known as somebody
{{ claims_of(
    source='rt', record_type='user', entity_type='customer', relation='stg_rt__users', id='user_id',
    claims=[
        ("email", "nullif(lower(trim(records.email)), '')"),
    ],
    where="not records.is_privileged and records.user_name not in ('RT_System', 'Nobody')",
) }}

-- one row per checked claim of an answer and checker, as last corrected
select
    record_id,
    record_key,
    interaction_key,
    message_key,
    record ->> 'article_id' as article_id,
    record ->> 'article_version' as article_version,
    record ->> 'verdict' as verdict,
    record ->> 'checked_by' as checked_by,
    (record ->> 'claim_number')::int as claim_number,
    (record ->> 'checked_at')::timestamptz as checked_at,
    taken_up_as_of,
    run_id
from {{ source('feedback', 'records') }}
where kind = 'factuality_checks' and superseded_by is null

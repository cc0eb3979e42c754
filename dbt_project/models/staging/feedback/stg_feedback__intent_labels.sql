-- one row per label of an interaction or message and labeller, as last corrected
select
    record_id,
    record_key,
    interaction_key,
    message_key,
    record ->> 'true_intent' as true_intent,
    record ->> 'labelled_by' as labelled_by,
    (record ->> 'labelled_at')::timestamptz as labelled_at,
    -- which of its reviews changed the label is what training data are judged by
    (
        record_id in (
            select earlier.superseded_by
            from {{ source('feedback', 'records') }} as earlier
            where
                earlier.superseded_by is not null
                and earlier.record ->> 'true_intent' <> records.record ->> 'true_intent'
        )
    ) as is_corrected,
    taken_up_as_of,
    run_id
from {{ source('feedback', 'records') }} as records
where kind = 'intent_labels' and superseded_by is null

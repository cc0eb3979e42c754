-- one row per label of an interaction or message and labeller, as last corrected
with

records as (

    select * from {{ source('feedback', 'records') }}
    where kind = 'intent_labels'

),

final as (

    select
        labels.record_id,
        labels.record_key,
        labels.interaction_key,
        labels.message_key,
        labels.record ->> 'true_intent' as true_intent,
        labels.record ->> 'labelled_by' as labelled_by,
        (labels.record ->> 'labelled_at')::timestamptz as labelled_at,
        -- how often a label is changed is what training data are judged by; another time alone changes none
        coalesce(earlier.record ->> 'true_intent' <> labels.record ->> 'true_intent', false) as is_corrected,
        labels.taken_up_as_of,
        labels.run_id
    from records as labels
    left join records as earlier on labels.record_id = earlier.superseded_by
    where labels.superseded_by is null

)

select * from final

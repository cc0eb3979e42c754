-- one row per pair of associated objects, in the order in which the API names them; an object without any keeps one row
select
    'hubspot' as source,
    associations.instance,
    associations.interaction_id as ticket_id,
    associations.id as association_id,
    {{ json_text('associations.payload', 'from') }} as from_type,
    {{ json_text('associations.payload', 'from_id') }} as from_id,
    {{ json_text('associations.payload', 'to') }} as to_type,
    targets.target #>> '{}' as to_id,
    targets.ordinal,
    associations._load_id
from {{ source('raw_hubspot', 'associations') }} as associations
left join
    lateral {{ json_elements("associations.payload -> 'to_ids'") }} with ordinality as targets (target, ordinal)
    on true

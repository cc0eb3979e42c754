-- the tiers of a cell add up to its n
select *
from {{ ref('rpt_quality_trends') }}
where n <> excellent_count + acceptable_count + needs_improvement_count

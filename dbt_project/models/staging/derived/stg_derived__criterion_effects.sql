-- one row per judged side, criterion and figure: how the figure differs where the criterion failed
select * from {{ source('derived', 'criterion_effects') }}

-- one row per question that an active model of intents took for new; cluster_id is null while it waits for company
select * from {{ source('derived', 'novel_questions') }}

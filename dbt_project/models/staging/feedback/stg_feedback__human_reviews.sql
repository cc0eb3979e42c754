-- one row per judgement of a person that no correction supersedes
select * from {{ source('feedback', 'human_reviews') }}
where superseded_by is null

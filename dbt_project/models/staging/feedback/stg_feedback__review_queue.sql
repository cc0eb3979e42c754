-- one row per judgement that a person is asked for and has not given
select * from {{ source('feedback', 'review_queue') }}
where status = 'open'

{{
    config(
        materialized='keyed',
        unique_key=['source', 'instance', 'interaction_id', 'comment_id'],
        scope='landed_interactions',
        scope_columns=['source', 'instance', 'interaction_id'],
        indexes=[{'columns': ['source', 'instance', 'author_id', 'sender']}, {'columns': ['_ledger_id']}]
    )
}}
-- one row per comment that the AI agents' export tells the sender of: from it an account is known to be an AI agent's, also
-- where it writes outside that export's 30 days
with

landed as (

    select * from {{ ref('landed_interactions') }}
    where source = 'zendesk'

),

comments as (

    select
        comments.*,
        row_number() over (
            partition by comments.instance, comments.comment_id order by comments.stated_at, comments.audit_id
        ) as statement_number
    from landed
    inner join {{ ref('stg_zendesk__ticket_comments') }} as comments
        on
            landed.instance = comments.instance
            and landed.interaction_id = comments.ticket_id

),

told as (

    select distinct on (messages.instance, messages.comment_id)
        messages.instance,
        messages.comment_id,
        messages.sender
    from landed
    inner join {{ ref('stg_zendesk__ai_messages') }} as messages
        on
            landed.instance = messages.instance
            and landed.interaction_id = messages.ticket_id
    where messages.sender in ('bot', 'agent') and messages.comment_id is not null
    order by messages.instance asc, messages.comment_id asc, messages._load_id desc, messages.sender asc

),

final as (

    select
        comments.source,
        comments.instance,
        comments.ticket_id as interaction_id,
        comments.comment_id,
        comments.author_id,
        told.sender,
        {{ var('ledger_id') }}::bigint as _ledger_id
    from comments
    inner join told
        on
            comments.instance = told.instance
            and comments.comment_id = told.comment_id
    where comments.statement_number = 1 and comments.author_id is not null

)

select * from final

"""Accounts of a large company for measurements: what the sources state of them and what their support was, without conversations.

The tables are those that one day of the sample has made, emptied and filled again: accounts that all began in one month, each with a
history of revenue, renewals, people who use the product and interactions with scores. What a column is not given is nothing of its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import psycopg
from psycopg import sql

FIRST_DAY = date(2023, 3, 1)
INTERACTIONS_PER_MONTH, EVENTS_PER_MONTH = 14_000, 60_000
"""Of 50,000 accounts."""
AFTER_STATISTICS = ("marts_build.rpt_retention_at_risk_monthly",)
OF_REVENUE = (
    "facts.affected_organizations",
    "facts.organization_periods",
    "facts.organizations",
    "facts.affected_business_contexts",
    "marts_build.fct_interaction_business_context",
    "facts.account_open_gaps",
    "facts.affected_account_months",
    "facts.affected_accounts",
    "marts_build.fct_account_months",
    *AFTER_STATISTICS,
)
"""What is measured is built anew."""
_EMPTIED = (
    "core.accounts",
    "core.account_history",
    "core.deals",
    "core.customers",
    "core.product_events",
    "core.interactions",
    "facts.issue_episodes",
    "facts.outcomes",
    "facts.effort",
    "facts.episodes",
    "facts.episode_ratings",
    "facts.clarification_turns",
    "facts.affected_interactions",
    "marts_build.fct_interactions",
    "marts_build.fct_interaction_scores",
    "marts_build.fct_indicator_results",
    "marts_build.fct_sentiment_trajectories",
    "marts_build.fct_knowledge_gap_signals",
    "marts_build.fct_knowledge_gap_statuses",
    "staging.int_organizations__before",
)
_ACCOUNT = "md5('account' || n)"
_NOTHING = {
    "text": "''",
    "bool": "false",
    "date": "date '2023-03-01'",
    "timestamptz": "timestamptz '2023-03-01'",
    "jsonb": "'{}'::jsonb",
}
_SEGMENT = "(array['smb', 'smb', 'mid_market', 'enterprise'])[1 + n % 4]"
_TIER = "(array['standard', 'business', 'enterprise'])[1 + n % 3]"
_BEGAN = "(timestamptz '2023-03-05 00:00Z' + n % 20 * interval '1 day')"
_LEAVES = "(n % 8 = 0)"
"""These leave in one of the months from the third on."""


def begin(connection: psycopg.Connection) -> None:
    """Take out what is measured, and empty what it reads."""
    connection.execute(sql.SQL("truncate {}").format(_names(_EMPTIED)))
    take_out(connection)


def take_out(connection: psycopg.Connection) -> None:
    """As if nothing of revenue had ever been built."""
    connection.execute(sql.SQL("drop table if exists {} cascade").format(_names(OF_REVENUE)))
    connection.execute("delete from ops.built_relations where relation = any(%s)", [list(OF_REVENUE)])
    connection.execute("delete from ops.watermarks where step in ('accounts', 'marts', 'revenue')")
    connection.execute("truncate derived.revenue_months, derived.revenue_usage")


def state_accounts(connection: psycopg.Connection, accounts: int, months: int) -> None:
    """Accounts with the history of their revenue over the months, their deals and their people."""
    everyone = sql.SQL(f"generate_series(1, {accounts}) as n")
    _insert(
        connection,
        "core.accounts",
        {
            "account_key": _ACCOUNT,
            "organization_key": _ACCOUNT,
            "source": "'hubspot'",
            "instance": "'bench'",
            "account_id": "n::text",
            "tier": _TIER,
            "segment": _SEGMENT,
            "is_in_crm": "true",
            "is_churned": _LEAVES,
            "churned_on": f"case when {_LEAVES} then ({_left_at(months)})::date end",
            "created_at": _BEGAN,
        },
        everyone,
    )
    # every eighth month another revenue; who left is churned from then on
    _insert(
        connection,
        "core.account_history",
        {
            "account_key": _ACCOUNT,
            "tier": _TIER,
            "segment": _SEGMENT,
            "owner_id": "(n % 50)::text",
            "lifecycle": "case when has_left then 'churned' else 'customer' end",
            "arr": "1000 + n % 7 * 4000 + step * (100 - n % 3 * 80)",
            "renewal_month": "1 + n % 12",
            "is_current": "valid_to is null",
            "valid_from": "valid_from",
            "valid_to": "valid_to",
        },
        sql.SQL(
            f"""
            (
                select n, step, has_left, valid_from, lead(valid_from) over (partition by n order by valid_from) as valid_to from (
                    select n, step, false as has_left, {_BEGAN} + step * interval '8 months' as valid_from
                    from generate_series(1, {accounts}) as n, generate_series(0, {max(months - 1, 0) // 8}) as step
                    union all
                    select n, 0, true, {_left_at(months)} from generate_series(8, {accounts}, 8) as n
                ) as stated
                where has_left or not {_LEAVES} or valid_from < {_left_at(months)}
            ) as history
            """  # noqa: S608
        ),
    )
    _insert(
        connection,
        "core.deals",
        {
            "deal_key": "md5('deal' || n || ':' || year)",
            "account_key": _ACCOUNT,
            "source": "'hubspot'",
            "instance": "'bench'",
            "deal_id": "n || ':' || year",
            "deal_kind": "'renewal'",
            "outcome": "case when (n + year) % 9 = 0 then 'lost' else 'won' end",
            "close_date": "date '2023-02-20' + (1 + n % 12) * 28 + year * 365",
        },
        sql.SQL(f"generate_series(1, {accounts}) as n, generate_series(0, {max(months - 1, 0) // 12}) as year"),
    )
    _insert(
        connection,
        "core.customers",
        {
            "customer_key": "md5('customer' || n || ':' || person)",
            "person_key": "md5('customer' || n || ':' || person)",
            "account_key": _ACCOUNT,
            "organization_key": _ACCOUNT,
            "source": "'hubspot'",
            "instance": "'bench'",
            "customer_id": "n || ':' || person",
        },
        sql.SQL(f"generate_series(1, {accounts}) as n, generate_series(0, 3) as person"),
    )


def _left_at(months: int) -> str:
    return f"(timestamptz '2023-05-06 00:00Z' + (n / 8 % {max(months - 3, 1)}) * interval '1 month')"


def live_month(connection: psycopg.Connection, accounts: int, month: int, ledger_id: int) -> None:
    """What happened in one month: interactions, which become those that the next run works on, and the use of the product."""
    events = EVENTS_PER_MONTH * accounts // 50_000
    contacts = INTERACTIONS_PER_MONTH * accounts // 50_000
    numbers = {"month": month, "accounts": accounts, "ledger": ledger_id}
    first = f"(date '2023-03-01' + interval '{month} months')"
    connection.execute(
        f"select ops.ensure_month_partition('core.product_events'::regclass, {first}::timestamp at time zone 'UTC')"
    )
    _insert(
        connection,
        "core.product_events",
        {
            "event_key": "md5('event{month}:' || n)",
            "customer_key": "md5('customer' || (1 + n * 31 % {accounts}) || ':' || n / 7 % 4)",
            "source": "'mixpanel'",
            "instance": "'bench'",
            "event_id": "'{month}:' || n",
            "event_name": "'login'",
            "occurred_at": f"({first} + n % 28 * interval '1 day' + interval '9 hours') at time zone 'UTC'",
        },
        sql.SQL(f"generate_series(1, {events}) as n"),
        numbers,
    )
    connection.execute("drop table if exists pg_temp.contacts")
    connection.execute(
        f"""
        create temporary table contacts as
        select md5('interaction{month}:' || n) as interaction_key, account, md5('account' || account) as account_key,
            md5('customer' || account || ':0') as customer_key, ({first} + n % 28 * interval '1 day')::date as interaction_date,
            -- accounts differ, and so do their months
            least(100, greatest(0, 74 + 9 * sin(account) + 14 * (random() + random() + random() - 1.5)))::numeric(7, 3) as score, n
        from (select n, 1 + (n::bigint * 7919 + {month} * 104729) % {accounts} as account from generate_series(1, {contacts}) as n) as drawn
        """  # noqa: S608
    )
    day = "interaction_date::timestamp at time zone 'UTC' + interval '9 hours'"
    of_interaction = {"interaction_key": "interaction_key", "interaction_date": "interaction_date"}
    whose = {"organization_key": "account_key", "account_key": "account_key", "customer_key": "customer_key"}
    tables: dict[str, dict[str, str]] = {
        "core.interactions": of_interaction
        | whose
        | {"person_key": "customer_key", "topic": "'topic_' || n % 12", "is_eligible": "true", "started_at": day}
        | {"source": "'zendesk'", "instance": "'bench'", "interaction_id": "interaction_key"},
        "marts_build.fct_interactions": of_interaction
        | whose
        | {"tier": "'business'", "human_message_count": "n % 2", "ai_message_count": "1", "human_total_score": "score"}
        | {
            "ai_total_score": "score",
            "mean_polarity": "(n % 20 - 10) / 10.0",
            "started_at": day,
            "_ledger_id": "{ledger}",
        }
        | {"is_rated_positive": "case when n % 5 = 0 then n % 10 = 0 end", "sentiment_level": "'none'"},
        "marts_build.fct_interaction_scores": of_interaction | {"total_score": "score", "_ledger_id": "{ledger}"},
        "facts.issue_episodes": {"interaction_key": "interaction_key", "episode_number": "1"}
        | {"contact_number": "1 + (n % 4 = 0)::int", "is_resolved_7d": "n % 3 > 0", "last_message_at": day},
        "facts.episodes": {"interaction_key": "interaction_key", "episode_number": "1"}
        | {"handle_minutes": "n % 30", "customer_turn_count": "2", "is_solved": "true"},
        "facts.outcomes": {"interaction_key": "interaction_key", "episode_number": "1", "is_escalated": "n % 9 = 0"},
        "facts.effort": {
            "interaction_key": "interaction_key",
            "episode_number": "1",
            "automated_effort_score": "1 + n % 7",
        },
        "facts.affected_interactions": of_interaction,
    }
    if ledger_id > 1:
        connection.execute("truncate facts.affected_interactions")
    for table, values in tables.items():
        _insert(connection, table, values, sql.SQL("contacts"), numbers)


def restate_revenue(connection: psycopg.Connection, accounts: int, month: int) -> None:
    """One account in fifty grows in a month: core has closed what was stated and noted the account as one that changed."""
    grown = f"(select md5('account' || n) from generate_series(1, {accounts}, 50) as n where not {_LEAVES})"  # noqa: S608
    at = f"(date '2023-03-12' + interval '{month} months') at time zone 'UTC'"
    connection.execute(
        f"""
        with closed as (
            update core.account_history set valid_to = {at}, is_current = false
            where valid_to is null and account_key in {grown}
            returning account_key, arr
        )
        insert into core.account_history
        select (jsonb_populate_record(
            history, jsonb_build_object('arr', history.arr + 500, 'valid_from', {at}, 'valid_to', null, 'is_current', true)
        )).*
        from core.account_history as history inner join closed on history.account_key = closed.account_key
        where history.valid_to is null
        """  # noqa: S608
    )
    _insert(
        connection,
        "staging.int_organizations__before",
        {"entity_type": "'account'", "entity_key": "key", "organization_key": "key", "run_id": "1"},
        sql.SQL(f"{grown} as grown (key)"),
    )


def _insert(
    connection: psycopg.Connection,
    table: str,
    values: Mapping[str, str],
    rows: sql.Composable,
    numbers: Mapping[str, int] | None = None,
) -> None:
    """Rows into a table; a column that may not be null and is not named gets nothing of its type."""
    needed = connection.execute(
        """
        select attname, format_type(atttypid, null), typname from pg_attribute inner join pg_type on pg_type.oid = atttypid
        where attrelid = %s::regclass and attnum > 0 and not attisdropped and (attnotnull or attname = any(%s))
        """,
        [table, list(values)],
    ).fetchall()
    chosen = {name: f"({values.get(name, _NOTHING.get(kind, '0'))})::{cast}" for name, cast, kind in needed}
    for name, value in (numbers or {}).items():
        chosen = {column: text.replace("{" + name + "}", str(value)) for column, text in chosen.items()}
    connection.execute(
        sql.SQL("insert into {} ({}) select {} from {}").format(
            sql.Identifier(*table.split(".")),
            sql.SQL(", ").join(map(sql.Identifier, chosen)),
            sql.SQL(", ".join(chosen.values())),
            rows,
        )
    )


def _names(tables: tuple[str, ...]) -> sql.Composable:
    return sql.SQL(", ").join(sql.Identifier(*name.split(".")) for name in tables)

"""Months of accounts in a warehouse without the company behind them: for tests and measurements of the statistics alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg

from touchstone.sandbox.revenue_law import DAYS, History

SHAPES = """
    create table marts_build.fct_account_months (
        account_key text, month_start date, is_complete boolean, segment text, tier text, industry text, country text, plan text,
        lifecycle_stage text, tenure_months int, owner_key text, arr_start numeric, arr_end numeric, new_arr numeric,
        expansion_arr numeric, contraction_arr numeric, churned_arr numeric, is_retained boolean, has_expanded boolean,
        has_contracted boolean, has_churned boolean, has_renewed boolean, days_to_renewal int, health_score numeric,
        active_customer_count int, product_event_count int, active_day_count int, interaction_count int, ai_interaction_count int,
        issue_count int, repeat_contact_count int, mean_quality numeric, quality_n int, weighted_quality numeric,
        low_quality_count int, mean_polarity numeric, polarity_n int, mean_effort numeric, effort_n int, rating_positive_count int,
        rating_n int, escalation_count int, open_gap_count int, _ledger_id bigint not null default 1,
        primary key (account_key, month_start)
    );
    create index on marts_build.fct_account_months (month_start);
    create table core.interactions (
        interaction_key text primary key, person_key text, organization_key text, topic text, is_eligible boolean, interaction_date date
    );
    create table core.customers (customer_key text primary key, organization_key text);
    create table core.product_events (customer_key text, occurred_at timestamptz);
    create table core.accounts (
        account_key text primary key, organization_key text, source text, instance text, arr numeric, churned_on date
    );
    create table core.deals (account_key text, deal_kind text, outcome text, is_archived boolean, arr_after numeric, close_date date);
    create table facts.organization_periods (account_key text, is_churn boolean, valid_from timestamptz);
    create table marts_build.fct_interaction_business_context (interaction_key text, account_key text, quality numeric, interaction_date date);
    create table marts_build.fct_interactions (interaction_key text, interaction_date date, _ledger_id bigint);
    create table marts_build.fct_indicator_results (
        interaction_key text, subject text, indicator_id text, dimension_id text, outcome text, interaction_date date, _ledger_id bigint
    );
    create table facts.episodes (
        interaction_key text, episode_number int, handle_minutes double precision, customer_turn_count int, is_solved boolean
    );
    create table facts.issue_episodes (
        interaction_key text, episode_number int, contact_number int, is_resolved_7d boolean, last_message_at timestamptz,
        next_started_at timestamptz
    );
    create table facts.episode_ratings (interaction_key text, is_positive boolean);
    create table facts.clarification_turns (interaction_key text, reply_before_key text, is_clarification boolean);
    """
"""The columns that the step reads of what dbt builds."""
_MONTHS = (
    "account_key",
    "month_start",
    "is_complete",
    "segment",
    "tier",
    "lifecycle_stage",
    "tenure_months",
    "arr_start",
    "arr_end",
    "expansion_arr",
    "contraction_arr",
    "churned_arr",
    "is_retained",
    "has_expanded",
    "has_contracted",
    "has_churned",
    "active_customer_count",
    "product_event_count",
    "active_day_count",
    "interaction_count",
    "repeat_contact_count",
    "mean_quality",
    "quality_n",
    "weighted_quality",
    "low_quality_count",
)


def write_months(connection: psycopg.Connection, history: History, seed: int = 0) -> None:
    """The months of a simulated history into `marts_build.fct_account_months`, one more in which an account that left stays gone."""
    with connection.cursor().copy(f"copy marts_build.fct_account_months ({', '.join(_MONTHS)}) from stdin") as copy:
        for row in _rows(history, np.random.default_rng(seed)):
            copy.write_row(row)


def account_key(number: int) -> str:
    """Key of the account at a place of the history."""
    return f"account-{number:05d}"


def _rows(history: History, generator: np.random.Generator) -> Iterator[tuple[Any, ...]]:
    panel = history.panel
    quality, churned = panel.values["quality"], panel.values["churned"]
    months, accounts = churned.shape
    came = history.came_on // DAYS
    scored = np.zeros((months, accounts), dtype=int)
    np.add.at(scored, (history.day // DAYS, history.account), 1)
    low = np.zeros((months, accounts), dtype=int)
    is_low = history.scores < 60
    np.add.at(low, (history.day[is_low] // DAYS, history.account[is_low]), 1)
    arr = 1000.0 * generator.integers(1, 60, accounts)
    days = generator.poisson(9, (months, accounts))
    grows = generator.random((months, accounts)) < 0.04
    tier = generator.choice(["standard", "business"], accounts)
    for at in range(accounts):
        key, segment = account_key(at), panel.segment_names[panel.segments[at]]
        for month in range(came[at], months):
            is_there = not np.isnan(churned[month, at])
            leaves = bool(churned[month, at] == 1)
            expands = bool(grows[month, at]) and is_there and not leaves
            n = int(scored[month, at]) if is_there else 0
            mean = float(quality[month, at]) if n else None
            yield (
                key,
                panel.months[month].date(),
                True,
                segment,
                tier[at],
                "active" if is_there else "churned",
                month - int(came[at]),
                arr[at] if is_there else 0,
                0 if leaves or not is_there else arr[at],
                100 if expands else 0,
                0,
                arr[at] if leaves else 0,
                not leaves if is_there else None,
                expands,
                False,
                leaves,
                2,
                20,
                int(days[month, at]) if is_there else 0,
                n,
                n // 3,
                mean,
                n,
                mean,
                int(low[month, at]) if n else 0,
            )

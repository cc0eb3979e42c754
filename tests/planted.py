"""What the planted history of accounts lacks for the statistics of weeks and criteria: its conversations."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import psycopg

from touchstone.sandbox.revenue_law import DAYS, History
from touchstone.sandbox.revenue_rows import account_key


def write_conversations(connection: psycopg.Connection, history: History) -> None:
    """Conversations on the days of the calendar months that they belong to; where one fails to confirm, customers come back."""
    generator = np.random.default_rng(3)
    months = [month.date() for month in history.panel.months]
    parts = {name: [] for name in ("interactions", "contexts", "results", "issues", "episodes", "accounts", "periods")}
    for number, (account, day, score) in enumerate(zip(history.account, history.day, history.scores, strict=True)):
        key, on = f"i-{number}", months[day // DAYS].replace(day=1 + int(day % DAYS))
        fails, topic = bool(generator.random() < 0.4), f"topic-{number % 4}"
        comes_back = bool(generator.random() < (0.3 if fails else 0.15) + 0.1 * (number % 4 == 0))
        parts["interactions"].append((key, f"person-{account}-{number % 3}", account_key(account), topic, True, on))
        parts["contexts"].append((key, account_key(account), float(score), on))
        parts["results"].append(
            (key, "human_agent", "clear_next_steps", "resolution", "fails" if fails else "holds", on, 1)
        )
        again = datetime.combine(on, datetime.min.time(), tzinfo=UTC)
        parts["issues"].append((key, 1, 1, not comes_back, again, again if comes_back else None))
        parts["episodes"].append((key, 1, float(generator.gamma(2, 5)), 2, True))
    for account, day in enumerate(history.left_on):
        left = None if day < 0 else months[min(day // DAYS, len(months) - 1)].replace(day=1 + int(day % DAYS))
        parts["accounts"].append((account_key(account), account_key(account), "crm", "main", 1000, left))
        if left is not None:
            parts["periods"].append(
                (account_key(account), True, datetime.combine(left, datetime.min.time(), tzinfo=UTC))
            )
    tables = {
        "interactions": "core.interactions",
        "contexts": "marts_build.fct_interaction_business_context",
        "results": "marts_build.fct_indicator_results",
        "issues": "facts.issue_episodes",
        "episodes": "facts.episodes",
        "accounts": "core.accounts",
        "periods": "facts.organization_periods",
    }
    for name, table in tables.items():
        with connection.cursor().copy(f"copy {table} from stdin") as copy:
            for row in parts[name]:
                copy.write_row(row)

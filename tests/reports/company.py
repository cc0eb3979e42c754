"""Published marts of an imaginary support desk: the same rows on every machine, written straight into `marts`."""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, date, datetime, time, timedelta

import psycopg
from psycopg import sql

FIRST_DAY = date(2026, 3, 2)
DAYS = 30
AS_OF = datetime(2026, 4, 1, tzinfo=UTC)
HOSTILE = "<script>alert('topic')</script>"
HOSTILE_TITLE = "Confirms <em>that</em> the issue is solved"
HOSTILE_QUOTE = "<script>alert(\"quote\")</script> & 'so' <b>on</b>"
TOPICS = {"data_export": -17, "billing": 2, "login": 5, "plan_change": -4, "api_limits": 0, HOSTILE: -9, "webhooks": 3}
AGENTS = {
    "Ines Okafor": ("billing", 6),
    "Tom Brandt": ("billing", -11),
    "Priya Nair": ("technical", 4),
    "Lars Holm": ("technical", -2),
    "Mei Tanaka-Featherstonehaugh of the second night shift": ("technical", 1),
    "Rosa Marín": ("onboarding", 3),
    "Sam Achebe": ("onboarding", -6),
    "Ada Quiet": ("onboarding", 0),
}
DIMENSIONS = {
    "resolution": ("Resolution", 30, -3),
    "accuracy": ("Accuracy", 20, 2),
    "empathy": ("Empathy and tone", 15, -6),
    "clarity": ("Clarity", 10, 6),
    "process": ("Process and policy", 15, 8),
    "efficiency": ("Efficiency and proactivity", 10, -9),
}
INDICATORS = {
    "acknowledges_feeling": ("Acknowledges how the customer feels before going on", "empathy", False, 0.42),
    "asks_again": ("Does not ask for what the customer has already given", "efficiency", False, 0.31),
    "next_step": ("Names the next step and who takes it", "resolution", False, 0.24),
    "confirms": (HOSTILE_TITLE, "resolution", False, 0.36),
    "plain_words": ("Writes in plain words", "clarity", False, 0.08),
    "no_card": ("Never asks for card numbers or passwords", "process", True, 0.004),
    "greets": ("Greets the customer", "empathy", False, 0.0),
}
QUOTES = [
    "I have already sent you the export id twice, it is [REFERENCE]. Why do you ask for it again?",
    "Please see the documentation.",
    "I understand how annoying that is the day before your audit. I will check the export now.",
    "Done. The invoice now shows the annual plan; you get a copy at [EMAIL] within five minutes.",
]


def key(*parts: object) -> str:
    return hashlib.md5(":".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def insert(connection: psycopg.Connection, schema: str, table: str, rows: list[dict]) -> None:
    """Copy rows of one shape into a table; columns that a row does not name stay null."""
    if not rows:
        return
    columns = sql.SQL(", ").join(map(sql.Identifier, rows[0]))
    statement = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(schema, table), columns)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(list(row.values()))


def tier(score: float | None) -> str | None:
    return (
        None if score is None else "excellent" if score >= 85 else "acceptable" if score >= 60 else "needs_improvement"
    )


def fill(connection: psycopg.Connection, *, with_ai: bool = True, days: int = DAYS, per_day: int = 62) -> None:
    """Write a month of interactions and everything that is derived from them."""
    rng = random.Random(2026)
    interactions, scores, dimensions, indicators, quotes = [], [], [], [], []
    for number in range(days):
        day = FIRST_DAY + timedelta(days=number)
        for place in range(rng.randint(per_day - 8, per_day + 8) // (3 if day.weekday() > 4 else 1)):
            native = f"{day}-{place}"
            topic = rng.choices(list(TOPICS), weights=(14, 20, 18, 13, 9, 4, 6))[0]
            agent = rng.choices(list(AGENTS), weights=(9, 8, 9, 7, 5, 6, 6, 0.4))[0]
            handled = rng.choices(["ai_only", "human_only", "ai_then_human", "unhandled"], weights=(34, 40, 24, 1))[0]
            handled = handled if with_ai else "human_only"
            version = "2.3" if number < 17 else "2.4"
            excluded = rng.choices([None, "no_agent_message", "language_not_supported", "spam"], weights=(93, 2, 4, 1))[
                0
            ]
            sides = {"human_agent": handled in ("human_only", "ai_then_human"), "ai_agent": "ai" in handled}
            totals, critical = {}, {}
            for side, is_there in sides.items():
                if not is_there or excluded:
                    continue
                base = 74 + TOPICS[topic] + (AGENTS[agent][1] if side == "human_agent" else -4)
                base -= 14 if side == "ai_agent" and version == "2.4" and topic == "plan_change" else 0
                base += number * 0.12 if side == "human_agent" else 0
                agent_key = key("agent", agent if side == "human_agent" else "Nova")
                of_dimensions = {
                    name: max(0.0, min(100.0, rng.gauss(base + shift, 14)))
                    for name, (_, _, shift) in DIMENSIONS.items()
                }
                weights = {name: DIMENSIONS[name][1] for name in of_dimensions}
                total = sum(weights[name] * value for name, value in of_dimensions.items()) / sum(weights.values())
                critical[side] = rng.random() < 0.006
                total = 0.0 if critical[side] else total
                totals[side] = total
                common = {
                    "interaction_key": key("interaction", native),
                    "subject": side,
                    "agent_key": agent_key,
                    "interaction_date": day,
                }
                scores.append(
                    common
                    | {
                        "scorer_version": "1.0.0",
                        "rubric_version": "1.0.0",
                        "calibrator_version": "none",
                        "tier": tier(total),
                        "total_score": total,
                        "confidence": 0.8,
                        "rated_dimension_count": 6,
                        "is_critical_failure": critical[side],
                    }
                )
                for name, value in of_dimensions.items():
                    is_rated = name != "efficiency" or rng.random() < 0.7
                    dimensions.append(
                        common
                        | {
                            "dimension_id": name,
                            "rubric_version": "1.0.0",
                            "tier": tier(value) if is_rated else None,
                            "score": value if is_rated else None,
                        }
                    )
                for name, (title, dimension, is_critical, share) in INDICATORS.items():
                    failing = critical[side] if is_critical else rng.random() < share * (1.6 if total < 60 else 0.9)
                    outcome = (
                        "not_applicable" if rng.random() < 0.1 and not is_critical else "fails" if failing else "holds"
                    )
                    indicators.append(
                        common
                        | {
                            "indicator_id": name,
                            "indicator_version": "1.0.0",
                            "dimension_id": dimension,
                            "outcome": outcome,
                            "is_critical": is_critical,
                        }
                    )
                    if outcome != "not_applicable" and rng.random() < 0.2:
                        text = (
                            f"{HOSTILE_QUOTE} {native}" if topic == "data_export" and place % 2 else rng.choice(QUOTES)
                        )
                        quotes.append(
                            common
                            | {
                                "indicator_id": name,
                                "evidence_ordinal": 1,
                                "indicator_title": title,
                                "outcome": outcome,
                                "actor": "customer" if text == QUOTES[0] or text.startswith(HOSTILE_QUOTE) else side,
                                "quote": text,
                                "topic": topic,
                                "total_score": total,
                                "is_critical": is_critical,
                            }
                        )
            is_solved = handled != "unhandled" and rng.random() < 0.8
            observed = {window: is_solved and number + window < days for window in (1, 7, 14)}
            returned_after = rng.expovariate(1 / 30)
            first_ai = handled in ("ai_only", "ai_then_human")
            response = rng.lognormvariate(-2.7, 0.5) if first_ai else rng.lognormvariate(3.4, 1.0)
            messages = rng.randint(2, 14)
            interactions.append(
                {
                    "interaction_key": key("interaction", native),
                    "customer_key": key("customer", rng.randint(1, 700)),
                    "source": "files",
                    "instance": "default",
                    "channel": rng.choices(["chat", "email", "ticket", None], weights=(52, 30, 16, 2))[0],
                    "topic": topic,
                    "team": AGENTS[agent][0] if sides["human_agent"] else None,
                    "agent_version": version if sides["ai_agent"] else None,
                    "handled_by": handled,
                    "scoring_status": "excluded" if excluded else "scored" if totals else "pending",
                    "excluded_reason": excluded,
                    "human_total_score": totals.get("human_agent"),
                    "ai_total_score": totals.get("ai_agent"),
                    "trajectory_class": None
                    if excluded
                    else rng.choices(
                        [
                            "recovered",
                            "improving",
                            "stable_positive",
                            "stable_neutral",
                            "stable_negative",
                            "declining",
                            "too_short",
                        ],
                        weights=(5, 14, 12, 26, 7, 9, 27),
                    )[0],
                    "sentiment_level": None
                    if excluded
                    else rng.choices(["none", "monitor", "supervisor", "escalate"], weights=(80, 12, 6, 2))[0],
                    "first_response_minutes": None if handled == "unhandled" else response,
                    "first_response_bh_minutes": None if handled == "unhandled" else response * 0.6,
                    "message_count": messages,
                    "is_eligible": excluded is None,
                    "is_critical_failure": any(critical.values()),
                    "is_solved": is_solved,
                    "is_rated_positive": rng.random() < 0.8 if rng.random() < 0.2 else None,
                    **{
                        f"is_first_contact_resolved_{window}d": returned_after > window if observed[window] else None
                        for window in (1, 7, 14)
                    },
                    "is_first_response_in_sla": response < 60 if handled == "human_only" else None,
                    "interaction_date": day,
                    "started_at": datetime.combine(day, time(9, place % 60), UTC),
                }
            )
    insert(connection, "marts", "fct_interactions", interactions)
    insert(connection, "marts", "fct_interaction_scores", scores)
    insert(connection, "marts", "fct_dimension_scores", dimensions)
    insert(connection, "marts", "fct_indicator_results", indicators)
    insert(connection, "marts_evidence", "fct_evidence_quotes", quotes)
    fill_dimensions(connection)
    fill_reports(connection)


def fill_dimensions(connection: psycopg.Connection) -> None:
    """Agents and the rubric."""
    insert(
        connection,
        "marts",
        "dim_agents",
        [
            {"agent_key": key("agent", name), "agent_name": name, "kind": "human_agent", "team": team}
            for name, (team, _) in AGENTS.items()
        ]
        + [{"agent_key": key("agent", "Nova"), "agent_name": "Nova", "kind": "ai_agent", "team": None}],
    )
    insert(
        connection,
        "marts",
        "dim_rubric_dimensions",
        [
            {"rubric_version": "1.0.0", "dimension_id": name, "title": title, "ordinal": place, "weight": weight}
            for place, (name, (title, weight, _)) in enumerate(DIMENSIONS.items(), 1)
        ],
    )
    insert(
        connection,
        "marts",
        "dim_rubric_indicators",
        [
            {
                "rubric_version": "1.0.0",
                "indicator_id": name,
                "indicator_version": "1.0.0",
                "dimension_id": dimension,
                "title": title,
                "is_critical": is_critical,
            }
            for name, (title, dimension, is_critical, _) in INDICATORS.items()
        ],
    )


def fill_reports(connection: psycopg.Connection) -> None:
    """The reports that the page reads, summed from the facts as their models do."""
    for period in ("day", "week"):
        connection.execute(
            """
            insert into marts.rpt_quality_trends (period_type, period_start, slice_type, slice_value, subject, measure_type,
                measure_id, n, mean_score, stddev_score)
            select %(period)s, date_trunc(%(period)s, interaction_date)::date as period_start, 'all', 'all', subject, 'total',
                'total', count(*), avg(total_score), stddev_samp(total_score)
            from marts.fct_interaction_scores where total_score is not null group by subject, period_start
            """,
            {"period": period},
        )
    connection.execute(
        """
        insert into marts.rpt_coverage_daily (interaction_date, interaction_count, eligible_count, scored_count,
            excluded_count, pending_count)
        select interaction_date, count(*), count(*) filter (where is_eligible),
            count(*) filter (where scoring_status = 'scored'), count(*) filter (where scoring_status = 'excluded'),
            count(*) filter (where scoring_status = 'pending')
        from marts.fct_interactions group by interaction_date
        """
    )
    connection.execute(
        """
        insert into marts.rpt_exclusions_daily (interaction_date, excluded_reason, interaction_count)
        select interaction_date, excluded_reason, count(*) from marts.fct_interactions
        where excluded_reason is not null group by interaction_date, excluded_reason
        """
    )
    connection.execute(
        """
        insert into marts.rpt_backlog_daily (backlog_date, slice_type, slice_value, opened_count, solved_count, open_count)
        select interaction_date, 'all', 'all', count(*), count(*) filter (where is_solved),
            sum(count(*) filter (where not is_solved)) over (order by interaction_date)
        from marts.fct_interactions group by interaction_date
        """
    )
    claims = [
        ("gate_1", "staging.int_messages__unioned", "every message has a known actor", "blocking", True, 0),
        ("gate_1", "staging.int_messages__unioned", "no message is sent in the future", "blocking", True, 0),
        ("gate_2", "scores.interaction_scores", "total scores lie between 0 and 100", "blocking", True, 0),
        ("gate_3", "marts_build.fct_interactions", "the day has as many interactions as usual", "warning", False, 1),
    ]
    insert(
        connection,
        "marts",
        "rpt_gate_results",
        [
            {
                "gate_result_id": 10 * before + place,
                "gate": gate,
                "checked_object": checked,
                "claim": claim,
                "severity": severity,
                # an older failure of a claim that holds now must not show
                "is_success": is_success if before else not is_success,
                "failed_row_count": failed,
                "row_count": 17_345,
                "as_of": AS_OF - timedelta(days=1 - before),
                "checked_at": AS_OF - timedelta(days=1 - before),
            }
            for before in (0, 1)
            for place, (gate, checked, claim, severity, is_success, failed) in enumerate(claims)
        ],
    )
    insert(
        connection,
        "marts",
        "rpt_source_health",
        [
            {
                "source": "files",
                "instance": instance,
                "rows_in": 20_310,
                "rows_in_7d": 4_702,
                "rows_quarantined_7d": 12,
                "runs_7d": 7,
                "failed_runs_7d": 1,
                "is_stale": is_stale,
                "last_as_of": AS_OF,
                "last_successful_as_of": AS_OF,
                "last_landed_at": AS_OF,
                "newest_message_at": AS_OF - timedelta(hours=50 if is_stale else 1),
            }
            for instance, is_stale in (("default", False), ("emea", True))
        ],
    )

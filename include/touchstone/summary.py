"""What a run leaves on the screen, and how to open what it built."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from touchstone.airflow_env import airflow_login
from touchstone.settings import get_settings
from touchstone.warehouse.bootstrap import bi_password_file
from touchstone.warehouse.engine import connect, warehouse_parameters


def print_summary(as_of: datetime, instance: str | None = None) -> None:
    """One screen: coverage, scores, worst and best topics, gates, rows; then the report and how to connect."""
    from touchstone.quality import page
    from touchstone.reports import overview

    report = overview.render()
    gates = page.render()
    print(summary_text(as_of, instance))
    print(f"\nReport   {report}\nGates    {gates}\n")
    print(connection_help(show_login=False))


def summary_text(as_of: datetime, instance: str | None = None) -> str:
    """The published figures of one source instance (of all, when none is named)."""
    of = {"instance": instance}
    with connect("transformer") as connection:
        fetch = connection.execute
        total, scored, excluded, pending, messages, everything = fetch(
            """
            select count(*) filter (where is_asked), count(*) filter (where is_asked and scoring_status = 'scored'),
                count(*) filter (where is_asked and scoring_status = 'excluded'),
                count(*) filter (where is_asked and scoring_status = 'pending'),
                coalesce(sum(message_count) filter (where is_asked), 0), count(*)
            from (select *, coalesce(instance = %(instance)s::text, true) as is_asked from marts.fct_interactions) as asked
            """,
            of,
        ).fetchone()
        reasons = fetch(
            """
            select excluded_reason, count(*) from marts.fct_interactions
            where excluded_reason is not null and coalesce(instance = %(instance)s::text, true)
            group by 1 order by 2 desc
            """,
            of,
        ).fetchall()
        scores = fetch(
            """
            select subject, count(total_score), avg(total_score),
                100.0 * count(*) filter (where scores.tier = 'excellent') / nullif(count(scores.tier), 0),
                100.0 * count(*) filter (where scores.tier = 'needs_improvement') / nullif(count(scores.tier), 0),
                count(*) filter (where scores.is_critical_failure)
            from marts.fct_interaction_scores as scores inner join marts.fct_interactions using (interaction_key)
            where coalesce(instance = %(instance)s::text, true)
            group by subject order by subject
            """,
            of,
        ).fetchall()
        topics = fetch(
            """
            select interactions.topic, count(*), avg(scores.total_score)
            from marts.fct_interaction_scores as scores
            inner join marts.fct_interactions as interactions using (interaction_key)
            where scores.total_score is not null and coalesce(interactions.instance = %(instance)s::text, true)
            group by interactions.topic having count(*) >= %(n)s order by 3
            """,
            of | {"n": get_settings().parameters["min_cell_n"]},
        ).fetchall()
        gates = fetch(
            """
            select gate, count(*) filter (where is_success), count(*) filter (where not is_success and severity = 'warning')
            from ops.gates where run_id in (select max(run_id) from ops.gates group by gate) group by gate order by gate
            """
        ).fetchall()
        rows = fetch(
            """
            select coalesce(sum(rows_in), 0), coalesce(sum(rows_in - rows_quarantined), 0), coalesce(sum(rows_quarantined), 0)
            from ops.runs where step = 'ingest' and status = 'succeeded' and as_of = %s
            """,
            [as_of],
        ).fetchone()
        published = fetch(
            "select rows_upserted, rows_deleted from ops.publications order by publication_id desc limit 1"
        ).fetchone()
    share = f"{100 * scored / (total - excluded):.1f} %" if total > excluded else "none eligible"
    lines = [
        "",
        f"Touchstone as of {as_of:%Y-%m-%d %H:%M} UTC",
        "",
        f"Coverage  {total:,} interactions ({messages:,} messages) = {scored:,} scored + {excluded:,} excluded"
        + (f" + {pending:,} waiting" if pending else "")
        + f"; {share} of the eligible ones",
    ]
    if everything > total:
        lines.append(f"          (instance {instance}; the warehouse holds {everything:,} interactions in all)")
    if reasons:
        lines.append("          excluded: " + ", ".join(f"{reason} {count:,}" for reason, count in reasons))
    for subject, n, mean, excellent, low, critical in scores:
        if mean is not None:
            lines.append(
                f"{'Humans' if subject == 'human_agent' else 'AI':<10}mean {mean:5.1f} over {n:,}; excellent {excellent:.0f} %, "
                f"needs improvement {low:.0f} %, critical failures {critical:,}"
            )
    if topics:
        lines.append("Worst     " + ", ".join(f"{topic} {mean:.1f} (n {n:,})" for topic, n, mean in topics[:3]))
        lines.append(
            "Best      " + ", ".join(f"{topic} {mean:.1f} (n {n:,})" for topic, n, mean in reversed(topics[-3:]))
        )
    lines.append(
        "Gates     "
        + ", ".join(
            f"{gate} passed {passed}" + (f" ({warned} warnings)" if warned else "") for gate, passed, warned in gates
        )
    )
    lines.append(f"Rows      {rows[0]:,} in = {rows[1]:,} landed + {rows[2]:,} quarantined")
    if published:
        lines.append(f"Marts     {published[0]:,} rows written, {published[1]:,} removed in the last publication")
    return "\n".join(lines)


def connection_help(*, show_login: bool) -> str:
    """How to open Airflow and how to connect a BI tool; a password is shown the first time only."""
    settings = get_settings()
    parameters = warehouse_parameters(settings)
    lines = ["Airflow  `make up` starts it and shows the login"]
    if show_login:
        login = airflow_login(settings)
        lines = [f"Airflow  {login.url}"]
        shown = settings.state_dir / "login_shown"
        lines.append(
            f"         login {login.user}; its password is in {login.password_file}"
            if shown.exists()
            else f"         login {login.user} / {login.password} (shown this once)"
        )
        shown.touch()
    lines.append(
        f"BI       host {parameters['host']} port {parameters['port']} database {parameters['dbname']} "
        "user touchstone_bi, schema marts"
    )
    lines.append(
        "         password: as set by TOUCHSTONE_BI_PASSWORD"
        if settings.warehouse_url
        else f"         password: in {bi_password_file(settings)}"
    )
    return "\n".join(lines)


def status_text(state: dict[str, Any]) -> str:
    """The supervisor's state and the last attempt of each step, for people."""
    lines = [f"state     {state['state_dir']}"]
    for name in ("supervisor", "warehouse", "airflow"):
        lines.append(_part_line(name, state[name]))
        lines.extend(_part_line(f"  {part}", detail) for part, detail in state[name].get("components", {}).items())
    if state["warehouse"].get("ready"):
        with connect("loader") as connection:
            runs = connection.execute(
                """
                select distinct on (step, source, instance)
                    concat_ws(' ', step, source || ':' || instance), status, as_of, rows_out, rows_quarantined, error
                from ops.runs order by step, source, instance, run_id desc
                """
            ).fetchall()
        lines += ["", "last attempt of each step"] if runs else ["", "no run yet: `make run`"]
        for step, status, as_of, rows_out, quarantined, error in runs:
            lines.append(
                f"  {step:<22} {status:<11} as of {as_of:%Y-%m-%d %H:%M}  {rows_out:>9,} rows"
                + (f", {quarantined:,} quarantined" if quarantined else "")
                + (f"; {error.splitlines()[0][:90]}" if error else "")
            )
    return "\n".join(lines)


def _part_line(name: str, part: dict[str, Any]) -> str:
    verdict = "ready" if part.get("ready", part["running"]) else "running, not ready" if part["running"] else "stopped"
    notes = [verdict]
    if part.get("url"):
        notes.append(part["url"])
    if part.get("pid"):
        notes.append(f"pid {part['pid']}")
    if part.get("restarts"):
        notes.append(f"restarted {part['restarts']} times")
    if part.get("error"):
        notes.append(f"error: {part['error']}; see {part.get('log')}")
    return f"{name:<16}" + ", ".join(notes)

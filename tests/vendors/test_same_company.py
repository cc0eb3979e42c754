"""The same company behind several helpdesks is the same in core and in the marts, apart from what a helpdesk cannot know.

What each cannot know, and why, stands in docs/sources.md ("What a helpdesk cannot know"); here it is the list of what may differ from
Zendesk, whose API and whose export of AI agents state most. Everything that is not listed has to be equal, row by row.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from against_truth import quiet_moment
from same_company import World, company, run

from warehouses import new_warehouse

# of AI agents, only the export of Zendesk's states versions, intents, confidence, what was retrieved and which tools were called
AI_EVIDENCE = {
    "core.answers": {"agent_version", "sources", "stated_confidence", "stated_intent"},
    "core.messages": {"agent_version", "confidence", "intent", "sources", "tool_calls"},
    "core.tool_calls": None,
    "marts.fct_ai_answers": {"agent_version", "retrieval_count", "stated_confidence", "stated_intent"},
    "marts.fct_ai_episodes": {
        "agent_version",
        "escalation_reason",
        "failed_tool_call_count",
        "last_confidence",
        "least_confidence",
        "retrieval_count",
        "stated_intent",
        "tool_call_count",
    },
    "marts.fct_ai_failures": {
        "agent_version",
        "decided_confidence",
        "decided_intent",
        "did_handoff_reason",
        "did_tools",
        "failure_class",
        "retrieval_count",
    },
    "marts.fct_ai_patterns": {"agent_version", "last_confidence"},
    "marts.fct_evaluation_samples": None,
    "marts.fct_knowledge_gap_signals": None,
    "marts.fct_metric_values": None,
    "marts.fct_outcome_definitions": {"verdict"},
    "marts.rpt_ai_daily": {"agent_version", "failed_tool_call_count", "first_answered_at", "tool_call_count"},
    "marts.rpt_ai_scorecards": None,
    "marts.rpt_article_health": None,
    "marts.rpt_confidence_reliability": None,
    "marts.rpt_confidence_thresholds": None,
    "marts.rpt_intent_accuracy_monthly": None,
    "marts.rpt_metric_baselines": None,
    "marts.rpt_tool_health_daily": None,
}
# when an agent came, and what else a person's account says at Zendesk
AGENTS = {
    "core.agents": None,
    "core.agent_teams": None,
    "marts.dim_agents": None,
    "marts.rpt_agent_scorecards": {"peer_count", "peer_median", "peer_percentile", "tenure_band"},
}
# how it is written down: names of records, scales of ratings, moments of loading
WRITTEN = {
    "core.accounts": {"industry"},
    "core.interaction_references": None,
    "core.interactions": {"agent_version", "attributes", "landed_at"},
    "core.messages": {"agent_name"},
    "core.ratings": {"rating", "rating_scale_max", "rating_scale_min"},
    "marts.fct_account_months": {"industry"},
    "marts.fct_interactions": {"agent_version", "landed_at", "scored_at"},
    "marts.fct_satisfaction_signals": {"agent_version", "scale_max", "scale_min", "value"},
    "marts.rpt_gate_results": {"checked_at", "row_count"},
    "marts.rpt_source_health": {"last_landed_at", "rows_in", "rows_in_7d"},
}
OWN: dict[str, dict[str, set[str] | None]] = {
    "intercom": {
        # a conversation is open or closed; closing it is what elsewhere is solving
        "core.interactions": {"status", "closed_at"},
        "core.status_events": None,
        "marts.fct_interactions": {"status"},
        "core.article_versions": {"labels"},
        # reasons of handoffs other than the stated attribute
        "marts.fct_handoffs": {"agent_version", "due_turn", "reason", "timing", "trigger_type"},
        "marts.rpt_handoffs_weekly": None,
        "marts.rpt_agent_scorecards": {"team"},
    },
    "freshdesk": {
        # its health is a word, of which the points are the same
        "core.account_history": {"stated_health"},
        # no history of status and assignment: a reopening is not seen, nor a handoff but by who answers
        "core.assignments": None,
        "core.source_handoffs": None,
        "core.status_events": None,
        "marts.fct_ai_episodes": {
            "customer_message_count",
            "effort",
            "handle_minutes",
            "last_message_at",
            "messages_to_useful_answer",
            "resolution_minutes",
        },
        "marts.fct_handoffs": {
            "agent_version",
            "due_turn",
            "handed_off_at",
            "human_reply_count",
            "is_recorded",
            "minutes_before",
            "post_handoff_minutes",
            "reason",
            "reason_source",
            "timing",
            "trigger_type",
        },
        "marts.rpt_handoffs_weekly": None,
        "marts.rpt_post_handoff_resolution": None,
        "marts.rpt_ai_daily": {"effort_sum", "effort_square_sum"},
        "marts.rpt_backlog_daily": None,
        "marts.rpt_executive_monthly": None,
        "marts.rpt_service_daily": None,
        "marts.rpt_recovery_rates": None,
        "marts.fct_account_months": {"mean_effort", "repeat_contact_count"},
        # a reopening is an episode of its own, and a contact that is paid for
        "marts.fct_episode_work": None,
        "marts.fct_issues": {"contact_count", "has_repeat_contact"},
        "marts.rpt_objective_attainment": {"ci_high", "ci_low", "numerator", "value"},
        "marts.rpt_readiness": {"has_enough_volume", "interaction_count", "is_ready", "recommended_action"},
        "marts.rpt_roi_monthly": {
            "escalated_recontact_count",
            "escalated_recontact_labour_cost",
            "fcr_count",
            "human_recontact_labour_cost",
            "net_benefit",
            "net_savings",
            "recontact_cost",
            "return_on_ai_cost",
        },
        "marts.rpt_roi_scenarios": {
            "cost_per_issue",
            "cost_per_issue_delta",
            "escalation_load_cost",
            "net_benefit",
            "net_benefit_delta",
            "recontact_cost",
            "recontact_factor",
            "residual_mix_cost",
        },
        "marts.fct_interactions": {
            "is_first_contact_resolved_7d",
            "reopen_count",
            "turn_count",
            "team",
        },
        # an AI agent is an account with a group
        "core.interactions": {"team"},
        "core.messages": {"team"},
        "marts.rpt_review_queue": {"team"},
    },
}
SLICES = {"intercom": {"agent_version"}, "freshdesk": {"agent_version", "team"}}


def may_differ(source: str) -> dict[str, set[str] | None]:
    """Columns by table, None for the table as a whole."""
    found: dict[str, set[str] | None] = {}
    for listed in (AI_EVIDENCE, AGENTS, WRITTEN, OWN[source]):
        for table, columns in listed.items():
            known = found.get(table, set())
            found[table] = None if columns is None or known is None else known | columns
    return found


@pytest.fixture(scope="module")
def worlds(server, tmp_path_factory) -> dict[str, World]:
    firm = company()
    now = quiet_moment(firm, firm.until - timedelta(days=2))
    found = {}
    for source in ("zendesk", *OWN):
        with new_warehouse(server, f"same_{source}", tmp_path_factory.mktemp(source)) as settings:
            found[source] = run(source, firm, now, settings)
    return found


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("source", OWN)
def test_core_and_marts_are_those_of_zendesk_but_for_what_cannot_be_known(worlds, source):
    listed = may_differ(source)
    zendesk, other = worlds["zendesk"], worlds[source]
    assert zendesk.tables.keys() == other.tables.keys()
    compared = 0
    for table in sorted(zendesk.tables):
        without = listed.get(table, set())
        if without is None or table.startswith("core.messages_"):
            continue
        expected = zendesk.rows(table, *without, slices=SLICES[source])
        found = other.rows(table, *without, slices=SLICES[source])
        assert (expected - found, found - expected) == (Counter(), Counter()), table
        compared += sum(found.values())
    assert compared > 30_000


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("source", OWN)
def test_as_many_of_each_thing(worlds, source):
    """Counts of core that every helpdesk can know."""
    for table in (
        "core.interactions",
        "core.messages",
        "core.customers",
        "core.accounts",
        "core.ratings",
        "core.answers",
    ):
        assert sum(worlds[source].tables[table].values()) == sum(worlds["zendesk"].tables[table].values()) > 0, table


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("source", OWN)
def test_what_is_listed_does_differ(worlds, source):
    """A list that names what is equal would hide the day on which it no longer is."""
    listed = may_differ(source)
    for table, columns in listed.items():
        zendesk, other = worlds["zendesk"].rows(table), worlds[source].rows(table)
        assert zendesk != other, table
        for column in columns or ():
            kept = (columns or set()) - {column}
            assert worlds["zendesk"].rows(table, *kept) != worlds[source].rows(table, *kept), (table, column)

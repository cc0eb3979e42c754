"""What an AI agent does in a conversation: asks, answers from articles, calls tools, repeats itself, hands over."""

from __future__ import annotations

from dataclasses import dataclass

from touchstone.sandbox import effects
from touchstone.sandbox.knowledge import retrieve
from touchstone.sandbox.letters import write_customer
from touchstone.sandbox.model import Agent, Answer, ToolCall
from touchstone.sandbox.script import Script
from touchstone.sandbox.staff import AI_MAIN, AI_TRIAGE

_TOOLS = {
    "billing": ("lookup_invoice", "lookup_subscription", "create_refund_request"),
    "technical": ("search_status_page", "fetch_job_log", "lookup_workspace"),
    "integrations": ("fetch_delivery_log", "lookup_api_usage", "check_connection"),
    "access": ("lookup_user", "send_reset_link", "fetch_login_log"),
    "frontline": ("lookup_workspace", "search_help_centre", "lookup_plan"),
}
_SKILL = {
    "resolution": 0.8,
    "accuracy": 0.85,
    "empathy_tone": 0.72,
    "clarity": 0.86,
    "process_policy": 0.85,
    "efficiency_proactivity": 0.8,
}
_ELSEWHERE = ("report_builder", "user_permissions", "password_reset", "invoice_question")


def machine_of(script: Script) -> Agent:
    name = AI_MAIN if script.case.desk == "zendesk" else AI_TRIAGE
    return next(agent for agent in script.world.agents if agent.name == name)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """How the AI agent fares in a conversation.

    Attributes:
        gap: The gap in the articles that is open on the topic.
        is_sure: It is wrong without knowing it.
        has_hit: Its search finds articles on the topic.
    """

    agent: Agent
    gap: effects.Gap | None
    is_failing: bool
    is_sure: bool
    has_hit: bool


def ai_part(script: Script) -> tuple[Agent, str]:
    """The AI agent's part, up to its last answer or its decision to hand over.

    Returns:
        The AI agent, and why it hands over; the reason is "" where it stays alone.
    """
    case, dice = script.case, script.dice
    agent = machine_of(script)
    attempt = _attempt(script, agent)
    script.wait(2, 9)
    script.status("open")
    has_greeted = not script.gave_details and script.chance(0.28)
    if has_greeted:
        opening = f"{script.say('ai_greeting')} {script.say('ask')}"
        script.ai(agent.agent_id, opening, Answer(round(0.6 + 0.3 * dice.random(), 2), case.topic))
        _react(script, "give")
        script.gave_details = True
        script.mark("efficiency_proactivity", 2, True)
    wording, failed_tool = _answer(script, attempt, is_first=not has_greeted)
    rounds = dice.pick((1, 1, 2)) if attempt.is_failing else int(script.chance(0.22))
    for _ in range(rounds):
        _react(script, "customer_not_asked" if attempt.is_failing else "second")
        if attempt.is_failing and script.chance(0.5):
            script.mark("clarity", 2, False)
            script.ai(agent.agent_id, f"{script.say('ai_repeat')} {wording}", _details(script, attempt, []))
        elif attempt.is_failing:
            _, has_failed = _answer(script, attempt, is_first=False)
            failed_tool = failed_tool or has_failed
        else:
            text = f"{script.say('second_answer')} {script.say('ai_further')}"
            script.ai(agent.agent_id, text, _details(script, attempt, []))
    script.mark("resolution", 4, case.ai_solves)
    script.mark("efficiency_proactivity", 2, not rounds)
    if case.mode == "ai":
        _end_alone(script)
        return agent, ""
    return agent, _hand_over(script, agent, failed_tool, attempt.has_hit)


def _attempt(script: Script, agent: Agent) -> _Attempt:
    case, dice = script.case, script.dice
    gap = effects.gap_of(case.topic, case.day)
    is_worse = case.desk == "zendesk" and effects.is_regressed(case.topic, case.day)
    if gap is not None:
        case.effects.append(effects.gap_name(gap))
    if is_worse:
        case.effects.append("ai_version_worse")
    is_outdated = gap is not None and gap.kind == "outdated"
    script.side = "ai"
    script.quality = {name: min(0.97, max(0.05, value + dice.normal(0.05))) for name, value in _SKILL.items()}
    if not case.ai_solves:
        script.quality["accuracy"] *= 0.6
    return _Attempt(agent, gap, not case.ai_solves, is_worse or is_outdated, gap is None or is_outdated)


def _react(script: Script, name: str) -> None:
    """The customer answers a machine quickly, whatever the channel, unless it wrote a mail."""
    if script.case.channel == "chat":
        script.wait(12, 170)
    else:
        script.wait_waking(300, 16_000)
    write_customer(script, script.say(name))
    script.wait(2, 9)


def _answer(script: Script, attempt: _Attempt, *, is_first: bool) -> tuple[str, bool]:
    """Send one answer; returns its core and whether a tool failed."""
    is_failing, is_sure = attempt.is_failing, attempt.is_sure
    if not is_failing:
        core = script.say_fact("fact")
    elif is_sure and attempt.gap is not None:
        core = script.say("fact_old")  # it reads what the articles still say
    elif is_sure or (attempt.has_hit and script.chance(0.5)):
        core = script.say("wrong")
    else:
        core = script.say("ai_unsure")
    calls = _tool_calls(script, is_failing)
    failed = any(call.status != "ok" for call in calls)
    parts = []
    if is_first and script.shows("empathy_tone", 1, 0.2, 0.98):
        parts.append(script.say("ai_greeting"))
    if script.shows("empathy_tone", 2, 0.1, 0.85):
        parts.append(script.say("ai_acknowledge"))
    if failed and script.chance(0.7):
        parts.append(script.say("ai_tool_failed"))
    parts.append(core)
    script.mark("accuracy", 4, not is_failing or (0.25 if not is_sure else 0.0))
    script.mark("resolution", 2, not is_failing or 0.3)
    has_steps = not is_failing or is_sure
    if script.shows("resolution", 1, 0.1, 0.8 if has_steps else 0.2) and has_steps:
        parts.append(script.say("ai_next"))
    if script.shows("clarity", 2, 0.3, 0.99) and has_steps:
        parts.append(script.say_fact("next"))
    if script.shows("process_policy", 1, 0.2, 0.95):
        parts.append(script.say("ai_confirm" if script.chance(0.6) else "ai_further"))
    script.mark("process_policy", 3, True)
    script.ai(attempt.agent.agent_id, " ".join(parts), _details(script, attempt, calls))
    return core, failed


def _details(script: Script, attempt: _Attempt, calls: list[ToolCall]) -> Answer:
    """Confidence, intent and sources that it states."""
    case, dice = script.case, script.dice
    if attempt.is_failing and attempt.is_sure:
        confidence = 0.8 + 0.17 * dice.random()
    elif not attempt.has_hit:
        confidence = 0.12 + 0.36 * dice.random()
    elif attempt.is_failing:
        confidence = 0.28 + 0.46 * dice.random()
    else:
        confidence = 0.6 + 0.39 * dice.random()
    intent = case.topic
    if attempt.is_failing and script.chance(0.3):
        intent = dice.pick(_ELSEWHERE)
    elif script.chance(0.03):
        intent = "general"
    return Answer(round(confidence, 2), intent, _sources(script, attempt), calls)


def _sources(script: Script, attempt: _Attempt) -> list[tuple[str, int, float]]:
    case, dice = script.case, script.dice
    if not attempt.has_hit:
        if script.chance(0.6):
            return []
        near = retrieve(script.world, dice, dice.pick(_ELSEWHERE), case.language, script.at)
        return [(article, version, round(relevance * 0.4, 2)) for article, version, relevance in near[:1]]
    if attempt.is_failing and not attempt.is_sure and script.chance(0.35):
        return []
    return retrieve(script.world, dice, case.topic, case.language, script.at)


def _tool_calls(script: Script, is_failing: bool) -> list[ToolCall]:
    dice = script.dice
    calls = []
    for name in _TOOLS[script.team]:
        if not dice.chance(0.24):
            continue
        status = "ok"
        if dice.chance(0.3 if is_failing else 0.04):
            status = dice.pick(("failed", "failed", "timeout", "partial"))
        duration = dice.whole(8_000, 30_000) if status == "timeout" else dice.whole(60, 2_400)
        calls.append(ToolCall(name, status, duration))
    return calls


def _end_alone(script: Script) -> None:
    """Nobody takes over; without an answer that helps, the customer says so or just goes."""
    script.is_solved = script.case.ai_solves
    if not script.is_solved and script.chance(0.45):
        _react(script, "customer_unhappy")


def _hand_over(script: Script, agent: Agent, failed_tool: bool, has_hit: bool) -> str:
    """Announce a person; the reason as the desk states it."""
    case, dice = script.case, script.dice
    reason = ""
    if script.chance(0.45):
        _react(script, "customer_human")
        reason = "customer_request"
    if script.case.channel == "chat" or reason:
        text = script.say("ai_handoff")
        script.ai(agent.agent_id, text, Answer(round(0.2 + 0.3 * dice.random(), 2), case.topic))
        script.wait(1, 4)
    script.mark("process_policy", 2, True)
    if reason:
        return reason
    if failed_tool:
        return "tool_failure"
    if not has_hit:
        return "missing_knowledge"
    if case.topic in ("billing_refund", "cancellation", "price_change"):
        return "policy_restriction"
    if case.desk == "hubspot":
        return dice.pick(("pending_clarification", "usage_limit", "unsupported_request"))
    return dice.pick(
        ("missing_knowledge", "unsupported_request", "unsupported_request", "pending_clarification", "unknown")
    )

"""What an AI agent does in a conversation: asks, answers from articles, calls tools, repeats itself, hands over."""

from __future__ import annotations

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
_SKILL = {"resolution": 0.8, "accuracy": 0.85, "empathy_tone": 0.72, "clarity": 0.86, "process_policy": 0.85}
_ELSEWHERE = ("report_builder", "user_permissions", "password_reset", "invoice_question")


def machine_of(script: Script) -> Agent:
    name = AI_MAIN if script.case.desk == "zendesk" else AI_TRIAGE
    return next(agent for agent in script.world.agents if agent.name == name)


def ai_part(script: Script) -> tuple[Agent, str]:
    """The AI agent's part, up to its last answer or its decision to hand over.

    Returns:
        The AI agent, and why it hands over; the reason is "" where it stays alone.
    """
    case, dice = script.case, script.dice
    agent = machine_of(script)
    script.side = "ai"
    gap = effects.gap_of(case.topic, case.day)
    is_worse = case.desk == "zendesk" and effects.is_regressed(case.topic, case.day)
    base = {name: min(0.97, max(0.05, value + dice.normal(0.05))) for name, value in _SKILL.items()}
    script.quality = base | {"efficiency_proactivity": 0.8}
    if gap is not None:
        case.effects.append(effects.gap_name(gap))
    if is_worse:
        case.effects.append("ai_version_worse")
    if not case.ai_solves:
        script.quality["accuracy"] *= 0.6
    is_sure = is_worse or (gap is not None and gap.kind == "outdated")
    has_hit = gap is None or gap.kind == "outdated"
    script.wait(2, 9)
    script.status("open")
    if not script.gave_details and script.chance(0.28):
        opening = _say(script, "ai_greeting", "ask")
        script.ai(agent.agent_id, opening, Answer(round(0.6 + 0.3 * dice.random(), 2), case.topic))
        _react(script, "give")
        script.gave_details = True
        script.mark("efficiency_proactivity", 2, True)
    is_failing = not case.ai_solves
    is_first = not any(event.actor == "ai_agent" for event in script.events)
    wording, failed_tool = _answer(script, agent, is_failing, is_sure, has_hit, is_first=is_first)
    rounds = dice.pick((1, 1, 2)) if is_failing else int(script.chance(0.22))
    for _ in range(rounds):
        _react(script, "customer_not_asked" if is_failing else "second")
        if is_failing and script.chance(0.5):
            text = f"{script.say('ai_repeat')} {wording}"
            script.mark("clarity", 2, False)
            script.ai(agent.agent_id, text, _details(script, is_failing, is_sure, has_hit, []))
        elif is_failing:
            _, failed = _answer(script, agent, is_failing, is_sure, has_hit, is_first=False)
            failed_tool = failed_tool or failed
        else:
            text = _say(script, "second_answer", "ai_further")
            script.ai(agent.agent_id, text, _details(script, False, False, has_hit, []))
    script.mark("resolution", 4, case.ai_solves)
    script.mark("efficiency_proactivity", 2, not rounds)
    if case.mode == "ai":
        _end_alone(script)
        return agent, ""
    return agent, _hand_over(script, agent, failed_tool, has_hit)


def _say(script: Script, *names: str) -> str:
    return " ".join(script.say(name) for name in names if name)


def _react(script: Script, name: str) -> None:
    """The customer answers a machine quickly, whatever the channel, unless it wrote a mail."""
    if script.case.channel == "chat":
        script.wait(12, 170)
    else:
        script.wait_waking(300, 16_000)
    write_customer(script, script.say(name))
    script.wait(2, 9)


def _answer(
    script: Script, agent: Agent, is_failing: bool, is_sure: bool, has_hit: bool, *, is_first: bool
) -> tuple[str, bool]:
    """Send one answer; returns its core and whether a tool failed."""
    gap = effects.gap_of(script.case.topic, script.case.day)
    if not is_failing:
        core = script.say_fact("fact")
    elif is_sure and gap is not None:
        core = script.say("fact_old")  # it reads what the articles still say
    elif is_sure or (has_hit and script.chance(0.5)):
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
    script.ai(agent.agent_id, " ".join(parts), _details(script, is_failing, is_sure, has_hit, calls))
    return core, failed


def _details(script: Script, is_failing: bool, is_sure: bool, has_hit: bool, calls: list[ToolCall]) -> Answer:
    case, dice = script.case, script.dice
    if is_failing and is_sure:
        confidence = 0.8 + 0.17 * dice.random()
    elif not has_hit:
        confidence = 0.12 + 0.36 * dice.random()
    elif is_failing:
        confidence = 0.28 + 0.46 * dice.random()
    else:
        confidence = 0.6 + 0.39 * dice.random()
    intent = case.topic
    if is_failing and script.chance(0.3):
        intent = dice.pick(_ELSEWHERE)
    elif script.chance(0.03):
        intent = "general"
    if not has_hit:
        sources = []
        if script.chance(0.4):  # the search offers something that only sounds alike
            near = retrieve(script.world, dice, dice.pick(_ELSEWHERE), case.language, script.at)
            sources = [(article, version, round(relevance * 0.4, 2)) for article, version, relevance in near[:1]]
    elif is_failing and not is_sure and script.chance(0.35):
        sources = []
    else:
        sources = retrieve(script.world, dice, case.topic, case.language, script.at)
    return Answer(round(confidence, 2), intent, sources, calls)


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

"""How a conversation goes: the customer's opening, who answers, how it ends. What comes days later is in `aftermath`."""

from __future__ import annotations

from touchstone.sandbox import effects, human
from touchstone.sandbox.aftermath import afterwards, rate
from touchstone.sandbox.book import topics
from touchstone.sandbox.case import Case
from touchstone.sandbox.letters import write_customer
from touchstone.sandbox.machine import ai_part, machine_of
from touchstone.sandbox.model import Answer, Conversation, Truth
from touchstone.sandbox.script import Script
from touchstone.sandbox.world import World

_PRIORITIES = ("low",) * 3 + ("normal",) * 12 + ("high",) * 4 + ("urgent",)
_TAGS = ("vip", "needs_docs", "macro_used", "first_contact", "training", "renewal_risk")
_PII = 0.09


def tell(world: World, case: Case) -> Script:
    """The whole conversation, whatever day its parts fall on."""
    script = Script(world, case)
    open_case(script)
    if case.mode == "human":
        auto_reply(script)
        human.human_part(script)
    else:
        agent, reason = ai_part(script)
        if case.mode == "handoff":
            script.had_details = script.gave_details
            human.human_part(script, by_ai=agent.agent_id, reason=reason)
    end(script)
    afterwards(script)
    return script


def conversation_of(script: Script) -> Conversation:
    """What is kept of a script."""
    case = script.case
    return Conversation(
        conversation_id=case.conversation_id,
        desk=case.desk,
        account_id=case.household.account.account_id,
        customer_id=case.customer.customer_id,
        channel=case.channel,
        language=case.language,
        subject=subject(script),
        product_area=case.area,
        created_at=case.born,
        is_ai_only=case.mode == "ai",
        events=script.events,
        truth=Truth(
            intent=case.topic,
            is_resolved=script.is_solved,
            quality=script.scores(),
            complexity=case.complexity,
            emotion=case.emotion,
            effects=tuple(dict.fromkeys(case.effects)),
            asked_again=script.asked_again,
            contact=case.contact,
            is_confirmed=script.is_confirmed,
            escalation=_escalation(case),
            has_given_details=script.had_details,
        ),
    )


def _escalation(case: Case) -> str:
    if case.mode == "handoff":
        return "avoidable" if case.ai_solves else "needed"
    if case.mode == "ai":
        return "none" if case.ai_solves else "missed"
    return ""


def subject(script: Script) -> str:
    if script.case.channel in ("chat", "voice"):
        return script.say(f"subject_{script.case.channel}")
    text = script.say("subject")
    return text[:1].upper() + text[1:]


def open_case(script: Script, *, is_second: bool = False) -> None:
    """The customer's first words, and what the helpdesk notes with them."""
    case, dice = script.case, script.dice
    parts = []
    if is_second:
        parts.append(script.say("customer_second_ticket"))
    elif case.contact > 1:
        parts.append(script.say("customer_back"))
    parts.append(script.say("open"))
    if script.chance(0.34):
        script.gave_details = True
        parts.append(script.say("customer_details"))
    if script.chance(0.3):
        script.asks_twice = True
        parts.append(script.say("second"))
    if case.emotion in ("frustrated", "angry"):
        parts.append(script.say("customer_annoyed" if case.emotion == "frustrated" else "customer_angry"))
    if case.is_incident or case.emotion == "worried" or script.chance(0.06):
        parts.append(script.say("customer_urgency"))
    elif script.chance(0.3):
        parts.append(script.say("customer_polite"))
    if script.chance(_PII):
        parts.append(script.say("customer_pii"))
    if script.chance(0.85 if case.channel == "email" else 0.6):
        parts.insert(0, script.say("customer_hello"))
    write_customer(script, *parts)
    script.note_event("priority", "urgent" if case.is_incident and script.chance(0.5) else dice.pick(_PRIORITIES))
    if not script.chance(0.04):
        topic = case.topic if script.chance(0.94) else dice.pick(sorted(topics()))
        script.note_event("topic", topic)
        if topic != case.topic and case.mode != "ai" and script.chance(0.5):
            script.late.append(("topic", dice.seconds(600, 90_000), case.topic))
    if script.chance(0.3):
        script.tag(dice.pick(_TAGS))
    if case.is_incident:
        script.tag("incident")
    if case.contact > 1 and script.chance(0.6):
        script.tag("repeat_contact")


def auto_reply(script: Script) -> None:
    if script.case.channel in ("email", "ticket") and script.chance(0.6):
        script.wait(1, 4)
        script.system(script.say("auto_reply"), script.automation("auto_reply"))


def end(script: Script) -> None:
    """The customer's last word, the status, and perhaps a rating."""
    case = script.case
    is_alone = case.mode == "ai"
    if case.fails_policy:
        case.effects.append("policy_question")
        if script.chance(0.6):
            script.pause()
            write_customer(script, script.say("customer_okay"))
    elif script.is_solved and script.chance(0.8):
        script.pause()
        write_customer(script, script.say("customer_thanks"))
        script.is_confirmed = True
        script.status("open")
        if not is_alone:
            human.close(script)
        elif script.chance(0.55):
            script.wait(2, 8)
            script.ai(machine_of(script).agent_id, script.say("ai_close"), Answer(0.99, case.topic))
    elif script.is_solved and script.chance(0.4):
        script.pause()
        write_customer(script, script.say("customer_okay"))
        script.status("open")
    elif not script.is_solved and not is_alone and script.chance(0.75):
        script.pause()
        name = "customer_very_unhappy" if case.contact > 1 and script.chance(0.6) else "customer_unhappy"
        write_customer(script, script.say(name))
        script.status("open")
    if not script.is_solved and script.chance(0.18):
        return  # it just stays open
    if is_alone or case.channel in ("chat", "voice"):
        script.wait(30, 1200)
    else:
        script.wait_working(600, 14_000)
    script.status("solved", "" if is_alone else script.agent.agent_id)
    if script.chance(0.1) and not is_alone:
        script.system(script.say("auto_survey"), script.automation("auto_survey"))
    if script.chance(0.33 if not is_alone else 0.22):
        rate(script)


def quality_of(script: Script) -> float | None:
    """The weighted total of the truth, 0 to 100; None where nobody answered."""
    scores = script.scores()
    return effects.total(scores) if scores else None

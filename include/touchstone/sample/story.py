"""How a conversation goes: opening, the AI agent's try, the human agent's replies, the end and what comes after."""

from __future__ import annotations

from datetime import timedelta

from touchstone.sample.human import human_part
from touchstone.sample.phrases import topics, world
from touchstone.sample.plans import Case
from touchstone.sample.script import Script, stamp, with_typos


def tell(interaction_id: str, case: Case) -> Script:
    """The whole conversation, whatever day its parts fall on."""
    script = Script(interaction_id, case)
    _open(script)
    if case.mode == "unanswered":
        _wait_in_vain(script)
        return script
    if case.mode in ("ai", "handoff"):
        _ai_part(script)
    if case.mode in ("handoff", "human"):
        human_part(script)
    _end(script)
    _afterwards(script)
    return script


def _open(script: Script) -> None:
    case = script.case
    if case.customer.language != "en":
        text = script.foreign("open")
    else:
        parts = []
        if case.contact > 1:
            parts.append(script.say("customer_back"))
        parts.append(script.say("open"))
        if script.chance(0.3):
            script.gave_details = True
            parts.append(f"Our workspace is {script.slots['workspace']}, order {script.slots['order']}.")
        if script.chance(0.34):
            script.asks_twice = True
            parts.append(script.say("second"))
        if script.chance(0.35 if case.contact > 1 else 0.14):
            parts.append(script.say("customer_annoyed"))
        if script.chance(0.14):
            parts.append(script.say("customer_urgency"))
        elif script.chance(0.3):
            parts.append(script.say("customer_polite"))
        if case.channel in ("chat", "email", "ticket") and script.chance(0.6):
            parts[0] = f"{script.say('customer_hello')} {parts[0]}"
        text = " ".join(parts)
        if case.channel == "voice":
            text = f"{script.say('customer_voice_filler')} {text}"
        if case.customer.is_hasty:
            text = with_typos(text, script.rng)
    if case.channel == "email":
        text = f"{text}\n\n{script.say('customer_signature')}"
    script.customer(text)
    if case.channel in ("email", "ticket") and case.mode not in ("ai", "handoff"):
        script.wait(1, 3)
        script.system("auto_reply")


def _wait_in_vain(script: Script) -> None:
    """Nobody answers; the customer asks once more, and the conversation stays open."""
    script.change(status="open")
    if script.chance(0.5):
        script.wait_waking(7200, 100_000)
        script.customer(script.say("customer_waiting"))


def _ai_part(script: Script) -> None:
    case = script.case
    is_failing = case.mode == "handoff" or not case.is_solved
    foreign = case.customer.language != "en"
    script.wait(2, 6)
    script.change(status="open")
    if foreign:
        script.ai(script.foreign("vague" if is_failing else "answer"), **_ai_details(script, is_failing))
        if is_failing:
            script.wait_waking(30, 240)
            script.customer(script.foreign("unhappy"))
    else:
        _ai_answers(script, is_failing)
    if case.mode == "handoff":
        script.wait(2, 6)
        if not foreign:
            script.ai(script.say("ai_handoff"), confidence=round(script.rng.uniform(0.2, 0.55), 2))
            script.wait(1, 2)
        script.system("transfer")
        script.change(status="open")


def _ai_answers(script: Script, is_failing: bool) -> None:
    case = script.case
    if script.chance(0.28) and not script.gave_details:
        script.ai(f"{script.say('ai_greeting')} {script.say('ask')}", confidence=round(script.rng.uniform(0.6, 0.9), 2))
        _customer_pause(script, ai=True)
        script.customer(script.say("give"))
        script.gave_details = True
        script.wait(2, 6)
    is_wrong = is_failing and case.is_weak_ai
    answer = script.say("ai_wrong" if is_wrong else "ai")
    has_greeted = any(message["actor"] == "ai_agent" for message in script.messages)
    script.ai(_ai_reply(script, answer, is_first=not has_greeted), **_ai_details(script, is_failing))
    rounds = script.rng.choice((1, 1, 2)) if is_failing else int(script.chance(0.2))
    for _ in range(rounds):
        _customer_pause(script, ai=True)
        script.customer(script.say("customer_not_asked") if is_failing else script.say("second"))
        script.wait(2, 6)
        if is_failing and script.chance(0.6):
            script.ai(f"{script.say('ai_repeat')} {answer}", **_ai_details(script, is_failing))
        else:
            text = script.say("ai") if is_failing else script.say("second_answer")
            script.ai(_ai_reply(script, text, is_first=False), **_ai_details(script, is_failing))
    if is_failing:
        _customer_pause(script, ai=True)
        wants_person = case.mode == "handoff" and script.chance(0.7)
        script.customer(script.say("customer_human" if wants_person else "customer_unhappy"))


def _ai_reply(script: Script, answer: str, *, is_first: bool) -> str:
    weak = script.case.topic == "data_export" or script.case.is_weak_ai
    parts = []
    if is_first and script.chance(0.85):
        parts.append(script.say("ai_greeting"))
    if script.chance(0.3 if weak else 0.7):
        parts.append(script.say("ai_acknowledge"))
    parts.append(answer)
    if script.chance(0.12 if weak else 0.62):
        parts.append(script.say("ai_next"))
    if script.chance(0.25 if weak else 0.5):
        parts.append(script.say("ai_confirm"))
    elif script.chance(0.4):
        parts.append(script.say("ai_further"))
    return " ".join(parts)


def _ai_details(script: Script, is_failing: bool) -> dict[str, object]:
    """Stated confidence, intent, sources and tool calls of one answer."""
    case, rng = script.case, script.rng
    if is_failing and case.is_weak_ai:
        confidence, intent = rng.uniform(0.8, 0.97), rng.choice(("password_reset", "plan_change", "general"))
    else:
        confidence = rng.uniform(0.25, 0.72) if is_failing else rng.uniform(0.62, 0.98)
        intent = case.topic
    details: dict[str, object] = {"confidence": round(confidence, 2), "intent": intent}
    titles = topics()[case.topic]["title"]
    if not is_failing or script.chance(0.55):
        place = rng.randrange(len(titles))
        number = 100 + 10 * list(world()["topics"]).index(case.topic) + place
        details["sources"] = [{"article_id": f"kb-{number}", "title": titles[place][0], "version": 1}]
    if script.chance(0.5):
        failures = 0.32 if is_failing else 0.05
        status = rng.choice(("failed", "failed", "timeout", "partial")) if rng.random() < failures else "ok"
        name = rng.choice(world()["tools"][world()["topics"][case.topic]["team"]])
        details["tool_calls"] = [{"name": name, "status": status, "duration_ms": rng.randrange(80, 2600)}]
    if script.chance(0.16):
        value = "up" if rng.random() < (0.12 if is_failing else 0.85) else "down"
        details["feedback"] = [{"type": "thumbs", "value": value}]
    return details


def _customer_pause(script: Script, *, ai: bool) -> None:
    if script.case.channel == "chat" or ai:
        script.wait(15, 170)
    else:
        script.wait_waking(900, 20_000)


def _end(script: Script) -> None:
    """The customer's last word, the status, and perhaps a rating."""
    case, rng = script.case, script.rng
    foreign = case.customer.language != "en"
    if case.is_solved:
        if script.chance(0.82):
            _last_pause(script)
            script.customer(script.foreign("thanks") if foreign else script.say("customer_thanks"))
            if case.mode == "ai" and not foreign and script.chance(0.5):
                script.wait(2, 6)
                script.ai(script.say("ai_close"), confidence=0.99)
            elif case.mode != "ai" and not foreign and script.chance(0.25 + 0.6 * case.agent.skill):
                script.wait_working(20, 400)
                further = f" {script.say('further_help')}" if script.chance(case.agent.skill * 0.5) else ""
                script.human(case.agent, f"{script.say('close')}{further}")
        elif script.chance(0.4) and not foreign:
            _last_pause(script)
            script.customer(script.say("customer_okay"))
    elif case.mode != "ai":
        _last_pause(script)
        worse = case.contact > 1 and script.chance(0.5)
        text = script.say("customer_very_unhappy" if worse else "customer_unhappy")
        script.customer(script.foreign("unhappy") if foreign else text)
    stays_open = not case.is_solved and script.chance(0.22 if case.mode == "ai" else 0.3)
    if stays_open:
        return
    script.wait(40, 1500) if case.mode == "ai" or case.channel in ("chat", "voice") else script.wait_working(
        600, 12_000
    )
    if case.mode == "ai" and not case.is_solved:
        script.system("missed")
    elif case.mode != "ai" and script.chance(0.5):
        script.system("solved")
    _solve(script)
    if script.chance(0.35):
        _rate(script, rng.choice((1, 1, 2, 2, 3)) if not case.is_solved else _good_rating(script))


def _good_rating(script: Script) -> int:
    quality = script.hits / script.chances if script.chances else 0.75
    roll = script.rng.random() * 0.5 + quality * 0.75
    return 5 if roll > 0.66 else 4 if roll > 0.42 else 3


def _last_pause(script: Script) -> None:
    if script.case.channel == "voice":
        script.wait(4, 15)
    elif script.case.channel == "chat":
        script.wait(20, 200)
    else:
        script.wait_waking(900, 20_000)


def _solve(script: Script) -> None:
    is_closed = script.case.mode == "ai" or script.chance(0.3)
    script.change(status="closed" if is_closed else "solved", closed_at=stamp(script.at))


def _rate(script: Script, rating: int) -> None:
    script.wait(20, 30_000 if script.case.channel in ("email", "ticket") else 900)
    script.change(rating=rating, rating_scale_min=1, rating_scale_max=5, rated_at=stamp(script.at))


def _afterwards(script: Script) -> None:
    """Reopened, edited or deleted on a later day."""
    case = script.case
    is_finished = any("closed_at" in fields for _, fields in script.changes)
    if is_finished and case.mode != "ai" and case.customer.language == "en" and script.chance(0.05):
        script.at += timedelta(days=script.rng.randint(0, 3))
        script.wait_waking(4000, 30_000)
        if script.is_over:
            return
        script.customer(script.say("customer_reopen"))
        script.change(status="open", closed_at=None)
        human_part(script, is_reopened=True)
        if script.chance(0.8):
            _last_pause(script)
            script.customer(script.say("customer_thanks"))
            script.wait_working(300, 9000)
            _solve(script)
    elif script.chance(0.012):
        script.at += timedelta(days=1)
        script.wait_working(600, 9000)
        script.edit_last("human_agent", "\n(Corrected: the article is now linked in the help centre.)")
    elif script.chance(0.003):
        script.at += timedelta(days=script.rng.randint(2, 5))
        script.change(deleted_at=stamp(script.at))

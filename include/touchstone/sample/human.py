"""What human agents do in a conversation, with habits that depend on their skill on that day and on the topic."""

from __future__ import annotations

from touchstone.sample.plans import Agent
from touchstone.sample.script import Script, day_name

# How likely a habit is at skill 0 and at skill 1.
_HABITS = {
    "greeting": (0.45, 0.98),
    "empathy": (0.05, 0.80),
    "acknowledge": (0.10, 0.85),
    "ownership": (0.05, 0.85),
    "answer": (0.35, 1.00),
    "next": (0.10, 0.95),
    "second_answer": (0.10, 0.97),
    "confirm": (0.05, 0.80),
    "further_help": (0.10, 0.85),
}
_FIRST_REPLY = {  # seconds, for an agent of middling skill
    "chat": (35, 420),
    "voice": (4, 14),
    "email": (1500, 20_000),
    "ticket": (900, 18_000),
}


def human_part(script: Script, *, is_reopened: bool = False) -> None:
    """The human agent's replies, and the customer's between them, up to the one that ends the work."""
    case, agent = script.case, script.case.agent
    script.wait(2, 40)
    if not is_reopened and case.channel != "voice" and script.chance(0.7):
        script.system("assigned")
    if case.customer.language != "en":
        _foreign(script, agent)
        return
    _wait_for_agent(script, agent)
    if case.channel != "voice" and script.chance(0.14):
        script.human(agent, script.say("note"), is_internal=True)
        script.wait(30, 500)
    first = _opening(script, agent) if not is_reopened else []
    slips = agent.slips and case.topic == "billing_refund" and not is_reopened and script.chance(0.25)
    if slips or (not is_reopened and script.chance(0.45 if case.channel != "chat" else 0.6)):
        if script.gave_details and script.chance(0.85 - 0.8 * agent.skill):
            question = script.say("asking_again")
        elif script.gave_details:
            question = ""
        else:
            question = f"{script.say('asking')} {script.say('ask')}"
        if slips:
            question = script.say("card_request")
        if question:
            _say(script, agent, [*first, question])
            script.change(status="pending")
            first = []
            _customer_wait(script)
            script.customer(script.say("customer_already" if script.gave_details else "give"))
            script.gave_details = True
            _wait_for_agent(script, agent)
    if case.channel == "chat" and script.chance(0.4):
        script.human(agent, " ".join([*first, script.say("checking")]))
        first = []
        script.wait(60, 400)
    _say(script, agent, [*first, *_answer(script, agent)])
    script.change(status="open" if not case.is_solved else "pending")
    for _ in range(script.rng.choice((0, 0, 1, 1, 2)) if not case.is_solved else int(script.chance(0.18))):
        _customer_wait(script)
        script.customer(script.say("customer_unhappy"))
        _wait_for_agent(script, agent)
        if not case.is_solved and script.chance(0.25 - 0.25 * agent.skill):
            _say(script, agent, [script.say("rude")])
        else:
            opening = script.say("retry") if script.chance(0.2 + 0.7 * agent.skill) else ""
            _say(script, agent, [opening, *_answer(script, agent)])


def _habit(script: Script, agent: Agent, name: str) -> bool:
    low, high = _HABITS[name]
    probability = low + (high - low) * agent.skill
    if script.case.topic == "data_export":  # the planted weakness: nobody has an answer here
        probability *= {"answer": 0.35, "next": 0.2, "second_answer": 0.25, "ownership": 0.6}.get(name, 0.9)
    if not script.case.is_solved:
        probability *= {"answer": 0.45, "next": 0.5, "second_answer": 0.5}.get(name, 0.85)
    shown = script.chance(probability)
    script.hits += shown
    script.chances += 1
    return shown


def _opening(script: Script, agent: Agent) -> list[str]:
    parts = []
    if script.case.channel == "voice":
        parts.append(script.say("voice_filler"))
    for name in ("greeting", "empathy", "acknowledge", "ownership"):
        if _habit(script, agent, name):
            parts.append(script.say(name))
    return parts


def _answer(script: Script, agent: Agent) -> list[str]:
    parts = []
    if _habit(script, agent, "answer"):
        parts.append(script.say("answer"))
    elif agent.terse and script.chance(0.6):
        return [script.say("terse")]
    else:
        parts.append(script.say("vague"))
    if script.asks_twice and _habit(script, agent, "second_answer"):
        parts.append(script.say("second_answer"))
        script.asks_twice = False
    if agent.overlong and script.chance(0.3):
        parts += [script.say("overlong") for _ in range(script.rng.randint(3, 5))]
    for name in ("next", "confirm", "further_help"):
        if _habit(script, agent, name):
            parts.append(script.say(name))
    if agent.promises and script.chance(0.2):
        parts.append(script.say("promise"))
    return parts


def _say(script: Script, agent: Agent, parts: list[str]) -> None:
    case = script.case
    text = " ".join(part for part in parts if part)
    if case.channel == "email":
        text = f"{text}\n\n{script.say('sign_off')}"
        previous = [message for message in script.messages if message["actor"] == "customer"][-1]
        if script.chance(0.5):
            quoted = "\n".join(f"> {line}" for line in previous["text"].splitlines())
            when = f"{day_name(previous['at'])} {previous['at']:%Y at %H:%M}"
            text = f"{text}\n\nOn {when}, {case.customer.name} <{case.customer.email}> wrote:\n{quoted}"
    script.human(agent, text)


def _wait_for_agent(script: Script, agent: Agent) -> None:
    least, most = _FIRST_REPLY[script.case.channel]
    pace = 1.3 - 0.7 * agent.skill
    if script.case.channel == "voice":
        script.wait(least, most)
    else:
        script.wait_working(least, max(least + 20, most * pace))


def _customer_wait(script: Script) -> None:
    if script.case.channel == "voice":
        script.wait(4, 20)
    elif script.case.channel == "chat":
        script.wait(20, 240)
    else:
        script.wait_waking(900, 36_000)


def _foreign(script: Script, agent: Agent) -> None:
    _wait_for_agent(script, agent)
    if script.chance(0.45):
        _say(script, agent, [script.foreign("ask")])
        script.change(status="pending")
        _customer_wait(script)
        script.customer(script.foreign("give"))
        _wait_for_agent(script, agent)
    _say(script, agent, [script.foreign("answer" if script.case.is_solved else "vague")])
    script.change(status="open")

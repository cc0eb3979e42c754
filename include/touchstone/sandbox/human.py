"""What people do in a conversation, with habits that follow from the skill that they show in it."""

from __future__ import annotations

from touchstone.sandbox import effects
from touchstone.sandbox.letters import write_agent, write_customer
from touchstone.sandbox.model import Agent
from touchstone.sandbox.roster import available
from touchstone.sandbox.script import Script
from touchstone.sandbox.staff import has_left, skill_on

_FIRST_REPLY = {"chat": (25, 330), "voice": (3, 10), "email": (1200, 26_000), "ticket": (900, 24_000)}
_IN_TIME = {"chat": 300, "voice": 60, "email": 86_400, "ticket": 86_400}
_UPSET = ("frustrated", "angry")
_SPECIALISTS = ("billing", "technical", "integrations", "access")
_MISROUTED = 0.04
_TEMPTING = ("Billing", "Accounts")  # areas in which one might ask for a card number or a password
_HARDNESS = {"simple": 0.07, "medium": 0.0, "hard": -0.2}


def human_part(script: Script, *, by_ai: str = "", reason: str = "") -> None:
    """The people's part, up to the answer that ends the work or to giving up; sets `is_solved`.

    Args:
        by_ai: Id of the AI agent that hands over; empty when a person comes first.
        reason: Why it hands over.
    """
    case = script.case
    team = _first_team(script, is_routed=bool(by_ai))
    agent = case.agent or available(script, team)
    script.side = "human"
    if by_ai:
        script.handoff(agent, reason, by_ai)
    else:
        script.wait(2, 60)
        script.assign(agent)
    script.status("open")
    _tune(script, agent)
    if case.channel != "voice" and script.chance(0.16):
        script.wait(30, 400)
        script.human(script.write("note"), is_internal=True)
    _wait_for_agent(script)
    opening = _opening(script)
    if team != script.team:
        opening = _pass_on(script, opening, team)
    else:
        opening = _details(script, opening, 0.0 if not by_ai else 0.12)
    script.is_solved = _will_solve(script)
    _work(script, opening)


def reopened_part(script: Script) -> None:
    """What follows when the customer says that it was not solved after all."""
    _wait_for_agent(script)
    write_agent(script, [script.say("retry"), script.say_fact("answer"), script.say("confirm")])
    script.status("pending", script.agent.agent_id)


def _tune(script: Script, agent: Agent) -> None:
    """How good this person is in this conversation."""
    world, case, dice = script.world, script.case, script.dice
    persona = world.personas[agent.agent_id]
    base = skill_on(world, agent.agent_id, case.day) + world.fit_in(case.household, case.born) + dice.normal(0.06)
    script.quality = {name: min(0.98, max(0.03, base + shift)) for name, shift in persona.leanings.items()}
    for name in ("drifter", "improver"):
        if agent.agent_id == world.found[name]:
            days = effects.DRIFT_DAYS if name == "drifter" else effects.IMPROVEMENT_DAYS
            if case.day >= days[0]:
                case.effects.append("agent_drifts" if name == "drifter" else "agent_improves")


def _habit(script: Script, name: str) -> bool:
    return name in script.world.personas[script.agent.agent_id].habits


def _first_team(script: Script, *, is_routed: bool) -> str:
    """The team of the topic, or the front line where it first takes what others have to solve, or a wrong one."""
    team = script.team
    if script.case.agent is not None or team == "frontline" or script.case.channel == "voice":
        return team
    share = 0.4 if team == effects.ROUTE[1] else 0.2
    if script.chance(share * (0.5 if is_routed else 1.0)):
        return "frontline"
    if script.chance(_MISROUTED):
        return script.dice.pick([other for other in _SPECIALISTS if other != team])
    return team


def _wait_for_agent(script: Script) -> None:
    least, most = _FIRST_REPLY[script.case.channel]
    pace = script.world.personas[script.agent.agent_id].pace * (1.5 - 0.9 * script.quality["efficiency_proactivity"])
    since = script.at
    if script.case.channel == "voice":
        script.wait(least, most)
    else:
        script.wait_working(least, max(least + 20, most * pace))
    waited = (script.at - since).total_seconds()
    script.mark("efficiency_proactivity", 2, waited <= _IN_TIME[script.case.channel])
    _replace_leaver(script)


def _replace_leaver(script: Script) -> None:
    """Give the case to somebody else where the person in charge has left the firm."""
    if has_left(script.agent, script.at):
        agent = available(script, script.team)
        script.handoff(agent, "agent_left", script.agent.agent_id)
        _tune(script, agent)


def _opening(script: Script) -> list[str]:
    parts = []
    if script.shows("empathy_tone", 1, 0.45, 0.98):
        parts.append(script.say("greeting"))
    if script.case.emotion in _UPSET and script.shows("empathy_tone", 3, 0.02, 0.95):
        parts.append(script.say("empathy"))
    if script.shows("empathy_tone", 2, 0.08, 0.92):
        parts.append(script.say("acknowledge"))
    if script.shows("resolution", 1, 0.08, 0.92):
        parts.append(script.say("ownership"))
    return parts


def _pass_on(script: Script, opening: list[str], team: str) -> list[str]:
    """Collect what is missing and hand the case to the team that can solve it; what its answer opens with comes back."""
    case, first = script.case, script.agent
    is_clumsy = (team, script.team) == effects.ROUTE and case.day >= effects.ROUTE_FROM_DAY
    if not script.gave_details and (is_clumsy or script.chance(0.7)):
        write_agent(script, [*opening, script.say("ask")])
        opening = []
        script.status("pending", first.agent_id)
        _answer_question(script, "give")
        _wait_for_agent(script)
    agent = available(script, script.team)
    write_agent(script, [*opening, script.say("pass_on")])
    if not is_clumsy:
        script.wait(20, 300)
        script.human(script.write("note_handoff"), is_internal=True)
    script.wait(10, 120)
    if team != "frontline":
        reason = "wrong_team"
    else:
        reason = "needs_specialist" if is_clumsy or script.chance(0.8) else "needs_approval"
    if script.chance(0.15):
        script.note_event("priority", "high", actor="human_agent", actor_id=first.agent_id)
    script.handoff(agent, reason, first.agent_id)
    _tune(script, agent)
    if is_clumsy:
        case.effects.append("clumsy_route")
    _wait_for_agent(script)
    share = effects.ROUTE_ASKED_AGAIN if is_clumsy else effects.ROUTE_ASKED_AGAIN_ELSEWHERE
    if not script.gave_details:
        return _details(script, [script.say("taken_over")], 0.0)
    if script.chance(share):
        _ask_again(script, [script.say("greeting")])
        return []
    script.mark("efficiency_proactivity", 3, True)
    return [script.say("taken_over")] if script.chance(0.8) else []


def _details(script: Script, opening: list[str], extra: float) -> list[str]:
    """Ask for what is missing, or again for what is known; what is left of the opening comes back."""
    weakness = 1.0 - script.quality["efficiency_proactivity"]
    if script.gave_details:
        again = 0.22 * weakness * weakness + extra + (0.25 if _habit(script, "asks_again") else 0.0)
        if script.chance(again):
            _ask_again(script, opening)
            return []
        script.mark("efficiency_proactivity", 3, True)
        return opening
    if script.chance(0.5):
        if _habit(script, "asks_secret") and script.case.area in _TEMPTING and script.chance(0.5):
            question = script.say("secret_request")
            script.mark("process_policy", 3, False)
        else:
            question = script.say("ask")
        write_agent(script, [*opening, question])
        script.status("pending", script.agent.agent_id)
        _answer_question(script, "give")
        _wait_for_agent(script)
        return []
    return opening


def _ask_again(script: Script, opening: list[str]) -> None:
    script.asked_again += 1
    script.mark("efficiency_proactivity", 3, False)
    write_agent(script, [*opening, script.say("asking_again")])
    script.status("pending", script.agent.agent_id)
    _answer_question(script, "customer_already")
    _wait_for_agent(script)


def _answer_question(script: Script, name: str) -> None:
    script.pause()
    write_customer(script, script.say(name))
    script.status("open")
    script.gave_details = True


def _will_solve(script: Script) -> bool:
    case = script.case
    if case.fails_policy:
        return False
    ability = (script.quality["resolution"] + script.quality["accuracy"]) / 2
    about = script.about
    probability = about["human"] + _HARDNESS[case.complexity] + (ability - 0.66) * 0.6 - 0.05 * (case.contact > 1)
    if script.asked_again:
        probability -= 0.05
    return script.chance(min(0.98, max(0.05, probability)))


def _work(script: Script, opening: list[str]) -> None:
    """Answers and the customer's reactions until it is solved or nobody has more to say."""
    case = script.case
    if case.channel == "chat" and script.chance(0.35):
        write_agent(script, [*opening, script.say("checking")])
        opening = []
        script.wait(40, 280)
    if script.is_solved and case.complexity == "hard" and case.channel != "voice" and script.chance(0.3):
        _hold(script, opening)
        opening = []
    if case.fails_policy:
        tries = 1  # the customer believes it
    elif script.is_solved:
        tries = 1 + script.chance(0.3 - 0.25 * script.quality["accuracy"])
    else:
        tries = script.dice.whole(1, 3)
    for number in range(tries):
        is_last = number == tries - 1
        _reply(script, opening, is_right=script.is_solved and is_last, is_first=number == 0)
        opening = []
        script.status("pending", script.agent.agent_id)
        if not is_last:
            script.pause()
            write_customer(script, script.say("customer_unhappy"))
            script.status("open")
            _wait_for_agent(script)
    is_rude = script.chance(max(0.0, 0.4 - script.quality["empathy_tone"]) * 0.55)
    script.mark("empathy_tone", 3, not is_rude)
    if is_rude:
        script.pause()
        write_customer(script, script.say("customer_unhappy" if not script.is_solved else "second"))
        script.wait(30, 400)
        write_agent(script, [script.say("rude")])
    script.mark("resolution", 4, script.is_solved)
    script.mark("process_policy", 2, not case.fails_policy)


def _hold(script: Script, opening: list[str]) -> None:
    """Engineering has to change something first; the case waits for days or weeks."""
    write_agent(script, [*opening, script.say("hold")])
    script.status("on_hold", script.agent.agent_id)
    script.tag("engineering")
    script.wait(60, 1800)
    script.system(script.write("auto_engineering"), script.automation("auto_engineering"), is_internal=True)
    script.wait_days(1.5, 26)
    script.wait_working(60, 9000)
    _replace_leaver(script)
    script.status("open", script.agent.agent_id)
    write_agent(script, [script.say("update")])
    script.wait_working(1200, 40_000)
    _replace_leaver(script)


def _reply(script: Script, opening: list[str], *, is_right: bool, is_first: bool) -> None:
    """One answer, good or bad, with what a good one has beside the answer."""
    case, quality = script.case, script.quality
    parts = [*opening]
    if not is_first:
        parts.append(script.say("retry") if script.chance(0.2 + 0.7 * quality["empathy_tone"]) else "")
    is_careless = not is_right and script.chance(0.75 - 0.6 * quality["accuracy"] + 0.2 * _habit(script, "careless"))
    if case.fails_policy:
        parts.append(script.say("wrong"))
    elif is_right:
        parts.append(script.say_fact("answer"))
    elif is_careless:
        parts.append(script.say("terse") if _habit(script, "terse") else script.say("vague"))
    else:
        parts.append(script.say("wrong" if script.chance(0.45) else "vague"))
    script.mark("resolution", 2, is_right or (not is_careless and 0.5))
    script.mark("accuracy", 4, is_right or (not is_careless and not case.fails_policy and 0.3))
    if not script.shows("accuracy", 1, 0.1, 0.98):
        parts.append(script.say("guess"))
    if script.asks_twice:
        if script.shows("accuracy", 2, 0.1, 0.98):
            parts.append(script.say("second_answer"))
        script.asks_twice = False
    is_overlong = (_habit(script, "overlong") and script.chance(0.45)) or script.chance(0.25 - 0.3 * quality["clarity"])
    if is_overlong:
        parts += script.say_all("overlong", script.dice.whole(3, 4))
    script.mark("clarity", 2, not is_overlong)
    if script.shows("clarity", 2, 0.1, 0.97):
        parts.append(script.say_fact("next"))
    script.mark("resolution", 1, len(parts) > 1 and not is_careless)
    if script.shows("resolution", 1, 0.05, 0.85):
        parts.append(script.say("confirm"))
    if script.shows("efficiency_proactivity", 1, 0.02, 0.75):
        parts.append(script.say("proactive"))
    if script.shows("process_policy", 1, 0.15, 0.92):
        parts.append(script.say("further_help"))
    has_promised = _habit(script, "promises") and script.chance(0.3)
    if has_promised:
        parts.append(script.say("promise"))
    script.mark("process_policy", 3, not has_promised and not case.fails_policy)
    write_agent(script, parts)


def close(script: Script) -> None:
    """The person's last words after thanks."""
    if script.shows("process_policy", 1, 0.25, 0.95):
        if script.case.channel in ("email", "ticket"):
            script.wait_working(600, 14_000)
        else:
            script.wait(6, 90)
        if has_left(script.agent, script.at):
            return
        write_agent(script, [script.say("close"), script.say("further_help") if script.chance(0.3) else ""])

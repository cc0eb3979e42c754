"""Who writes on a day, about what, where, and who is to answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from touchstone.sandbox import effects
from touchstone.sandbox.book import topics
from touchstone.sandbox.case import Case
from touchstone.sandbox.dice import Dice, Weighted
from touchstone.sandbox.model import Customer, Incident
from touchstone.sandbox.staff import team_of, working
from touchstone.sandbox.world import Household, Return, World, tier_at

_WEEK = (1.26, 1.22, 1.2, 1.15, 1.07, 0.58, 0.52)  # Monday to Sunday, mean 1
_HOURS = Weighted(
    (hour, weight)
    for hour, weight in enumerate((1, 1, 1, 1, 1, 2, 4, 8, 12, 13, 12, 10, 10, 12, 14, 14, 12, 9, 6, 4, 3, 2, 2, 1))
)
_CHANNELS = {
    "zendesk": Weighted((("chat", 36), ("email", 31), ("ticket", 23), ("voice", 10))),
    "hubspot": Weighted((("chat", 42), ("email", 44), ("ticket", 9), ("voice", 5))),
}
_EMOTIONS = Weighted((("calm", 62), ("worried", 14), ("frustrated", 17), ("angry", 7)))
_AI_FIRST = {"chat": 0.72, "email": 0.42, "ticket": 0.44, "voice": 0.0}
_AI_HARDNESS = {"simple": 0.14, "medium": 0.0, "hard": -0.3}
_INCIDENTS = {
    "Dashboard": ("bug_report", "performance"),
    "API": ("webhook_failures", "api_limits"),
    "Integrations": ("crm_sync",),
    "Data": ("data_import",),
}
_INCIDENT_EVERY_DAYS = 21
_INCIDENT_SIZE = 0.45  # of an ordinary day's conversations
_TWIN = 0.03
_FIRST_CONTACTS = 0.95  # of the volume; twins and incidents bring the rest


@dataclass(slots=True)
class _Draft:
    """A conversation of the day before it has a number."""

    born: datetime
    household: Household
    customer: Customer
    topic: str
    contact: int
    desk: str
    dice: Dice
    is_incident: bool = False
    is_policy: bool = False
    has_twin: bool = False
    twin_of: _Draft | None = None
    rank: int = 0


def births(world: World, day: int) -> list[Case]:
    """The conversations that begin on a day, in the order of their beginning, numbered on from the days before."""
    dice = world.dice("births", day)
    start = world.on(day)
    households = [
        one
        for one in world.households
        if one.account.created_at < start and (one.leaves_at is None or one.leaves_at > start) and one.people
    ]
    writers = Weighted((one, one.weight) for one in households)
    asked = Weighted((topic, about["weight"]) for topic, about in topics().items() if about.get("from_day", 0) <= day)
    drafts = _returns(world, day)
    count = dice.count(world.volume * _FIRST_CONTACTS * _WEEK[start.weekday()])
    for _ in range(max(0, count - len(drafts))):
        drafts += _first_contact(world, dice, writers, start, asked.draw(dice))
    incident = _incident(world, day)
    if incident is not None:
        for _ in range(dice.count(world.volume * _INCIDENT_SIZE)):
            topic = dice.pick(_INCIDENTS[incident.product_area])
            for draft in _first_contact(world, dice, writers, start, topic):
                draft.born = dice.moment(incident.started_at, incident.ended_at)
                draft.is_incident = True
                drafts.append(draft)
    if day == effects.POLICY_DAY:
        for _ in range(effects.POLICY_CONVERSATIONS):
            for draft in _first_contact(world, dice, writers, start, effects.POLICY_TOPIC):
                draft.is_policy = True
                drafts.append(draft)
    drafts += _twins(dice, drafts, world.on(day + 1))
    for rank, draft in enumerate(drafts):
        draft.rank = rank
    drafts.sort(key=lambda draft: (draft.born, draft.rank))
    return _number(world, day, drafts)


def _first_contact(world: World, dice: Dice, writers: Weighted, start: datetime, topic: str) -> list[_Draft]:
    """A draft, or none where nobody at the drawn account is known to a desk yet."""
    born = start + timedelta(hours=_HOURS.draw(dice), seconds=dice.whole(0, 3599))
    household = writers.draw(dice)
    desks = ["hubspot", "zendesk"] if dice.chance(0.7 if household.is_hubspot else 0.05) else ["zendesk", "hubspot"]
    if world.hubspot_share <= 0:
        desks = ["zendesk"]
    for desk in desks:
        known = [one for one in household.people if one.created_at < start and desk in one.known_to]
        if known:
            customer = known[int(dice.random() ** 1.5 * len(known))]
            return [_Draft(born, household, customer, topic, 1, desk, dice)]
    return []


def _returns(world: World, day: int) -> list[_Draft]:
    drafts = []
    for number, back in enumerate(world.returns.pop(day, ())):
        dice = world.dice("return", day, number)
        start = world.on(day)
        if back.household.leaves_at is not None and back.household.leaves_at <= start + timedelta(days=1):
            continue
        born = start + timedelta(hours=_HOURS.draw(dice), seconds=dice.whole(0, 3599))
        desk = back.desk
        drafts.append(_Draft(born, back.household, back.customer, back.topic, back.contact, desk, dice))
    return drafts


def _twins(dice: Dice, drafts: list[_Draft], midnight: datetime) -> list[_Draft]:
    """Second tickets of customers who write twice about one matter on one day."""
    twins = []
    for draft in drafts:
        if draft.is_policy or not dice.chance(_TWIN):
            continue
        born = draft.born + dice.seconds(180, 9000)
        if born < midnight:
            draft.has_twin = True
            twins.append(replace(draft, born=born, has_twin=False, twin_of=draft))
    return twins


def _incident(world: World, day: int) -> Incident | None:
    """Something breaks on a few days of the year; it is over before the day is."""
    dice = world.dice("incident", day)
    if day < 3 or not dice.chance(1 / _INCIDENT_EVERY_DAYS):
        return None
    area = dice.pick(sorted(_INCIDENTS))
    started = world.on(day) + dice.seconds(6 * 3600, 15 * 3600)
    incident = Incident(
        f"inc-{len(world.incidents):03d}",
        area,
        started,
        started + dice.seconds(5400, 8 * 3600),
        _INCIDENTS[area][0],
    )
    world.incidents.append(incident)
    return incident


def _number(world: World, day: int, drafts: list[_Draft]) -> list[Case]:
    cases: dict[int, Case] = {}
    policy_agents = _policy_agents(world, day) if day == effects.POLICY_DAY else []
    for draft in drafts:
        case = _case(world, day, draft, f"cnv-{world.count:06d}")
        world.count += 1
        if draft.is_policy:
            case.is_policy, case.mode, case.ai_solves = True, "human", False
            case.channel = "chat" if case.channel == "voice" else case.channel
            if policy_agents:
                case.agent, case.fails_policy = policy_agents.pop(0), True
        if draft.has_twin:
            case.has_twin, case.mode, case.ai_solves = True, "human", False
            case.channel = "email" if case.channel == "voice" else case.channel
        if draft.twin_of is not None:
            case.twin_of, case.mode, case.ai_solves = cases[draft.twin_of.rank].conversation_id, "human", False
            case.channel = "ticket" if case.channel == "voice" else case.channel
        cases[draft.rank] = case
    return list(cases.values())


def _policy_agents(world: World, day: int) -> list:
    dice = world.dice("policy")
    now = world.on(day).replace(hour=12)
    fixed = (world.found["drifter"], world.found["improver"])
    staff = [one for one in working(world, now) if team_of(one, now) != "success" and one.agent_id not in fixed]
    dice.shuffle(staff)
    chosen = staff[: effects.POLICY_AGENTS]
    world.found["policy_agents"] = sorted(agent.agent_id for agent in chosen)
    return chosen


def _case(world: World, day: int, draft: _Draft, conversation_id: str) -> Case:
    dice, about = draft.dice, topics()[draft.topic]
    channel = _CHANNELS[draft.desk].draw(dice)
    roll = dice.random()
    complexity = "hard" if roll < about["hard"] else "simple" if roll > 1 - (1 - about["hard"]) / 3 else "medium"
    emotion = _EMOTIONS.draw(dice)
    if draft.contact > 1 and emotion == "calm":
        emotion = dice.pick(("calm", "frustrated", "frustrated", "angry"))
    case = Case(
        conversation_id=conversation_id,
        household=draft.household,
        customer=draft.customer,
        topic=draft.topic,
        area=about["area"],
        channel=channel,
        desk=draft.desk,
        language=draft.customer.language,
        born=draft.born,
        day=day,
        contact=draft.contact,
        mode="human",
        complexity=complexity,
        emotion=emotion,
        ai_solves=False,
        is_incident=draft.is_incident,
    )
    _who_answers(world, case, dice)
    return case


def _who_answers(world: World, case: Case, dice: Dice) -> None:
    first = _AI_FIRST[case.channel]
    if tier_at(case.household.account, case.born) == "enterprise":
        first *= 0.7
    if case.desk == "hubspot":
        first *= 0.5
    if case.contact > 1:
        first *= 0.5
    if not dice.chance(first):
        return
    case.ai_solves = case.desk == "zendesk" and dice.chance(ai_success(case))
    if case.ai_solves or (case.desk == "zendesk" and dice.chance(0.2)):
        case.mode = "ai"
    else:
        case.mode = "handoff"


def ai_success(case: Case) -> float:
    """Probability that the AI agent solves the case, after what is planted."""
    gap = effects.gap_of(case.topic, case.day)
    if gap is not None:
        return gap.ai_success
    probability = topics()[case.topic]["ai"] + _AI_HARDNESS[case.complexity] - 0.05 * (case.language != "en")
    if effects.is_regressed(case.topic, case.day):
        probability += effects.REGRESSION_SIZE
    return min(0.97, max(0.03, probability - 0.12 * case.is_incident))


def plan_return(world: World, case: Case, dice: Dice) -> None:
    """A customer whose matter is not solved comes back within days, more often than not on another day."""
    if case.contact < 3 and dice.chance(0.34):
        back = Return(case.household, case.customer, case.topic, case.contact + 1, case.desk)
        world.returns[case.day + dice.whole(1, 6)].append(back)

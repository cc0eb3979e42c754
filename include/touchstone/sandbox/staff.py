"""Who answers: people with teams, roles and skills, AI agents with versions, and workflow accounts that post like people."""

from __future__ import annotations

from datetime import datetime, timedelta

from touchstone.sandbox import effects
from touchstone.sandbox.dice import Dice
from touchstone.sandbox.model import Agent
from touchstone.sandbox.pii import plain
from touchstone.sandbox.world import Persona, World, load

TEAMS = ["frontline", "billing", "technical", "integrations", "access", "success"]
FIRM = "cadence-apps.example"
_SHARES = (("frontline", 0.30), ("billing", 0.18), ("technical", 0.22), ("integrations", 0.15), ("access", 0.15))
_HABITS = ("terse", "overlong", "promises", "asks_again", "asks_secret", "careless")
_DIMENSIONS = tuple(effects.WEIGHTS)
NOTICE = timedelta(days=30)
AI_MAIN, AI_TRIAGE = "Nova", "Pilot"
# Accounts of workflows: (name, address, what its posts are called in `phrases`, team). Two of them look like people.
AUTOMATIONS = (
    ("Cadence Helpdesk", f"noreply@{FIRM}", "auto_reply", "frontline"),
    ("Jordan Avery", f"jordan.avery@{FIRM}", "auto_engineering", "technical"),
    ("Sam Whitlock", f"sam.whitlock@{FIRM}", "auto_survey", "frontline"),
)


def found_staff(world: World) -> None:
    """Everyone who works there on the first day, and two who had left by then."""
    world.teams = list(TEAMS)
    dice = world.dice("staff")
    _machines(world)
    for number in range(max(4, round(world.volume / 12))):
        _hire(world, dice, "success", world.start - timedelta(days=dice.whole(90, 1500)))
        if number == 0:
            world.agents[-1].teams[0] = (world.agents[-1].hired_at, "success", "team_lead")
    size = max(14, round(world.volume * 0.55))
    for team, share in _SHARES:
        for number in range(max(2, round(size * share))):
            hired = world.start - timedelta(days=dice.whole(10, 1700))
            agent = _hire(world, dice, team, hired)
            if number == 0:
                agent.teams.append((hired + (world.start - hired) * 0.6, team, "team_lead"))
            elif dice.chance(0.3):
                agent.teams.append((hired + (world.start - hired) * 0.7, team, "senior_agent"))
    for team in ("technical", "billing"):
        agent = _hire(world, dice, team, world.start - timedelta(days=dice.whole(500, 900)))
        agent.left_at = world.start - timedelta(days=dice.whole(20, 200))
    _choose(world)


def _machines(world: World) -> None:
    dice = world.dice("machines")
    since = world.start - timedelta(days=400)
    regressed, repaired = (world.on(day) for day in effects.REGRESSION_DAYS)
    versions = [(since, "2.2"), (world.start - timedelta(days=60), "2.3"), (regressed, "2.4"), (repaired, "2.5")]
    releases = world.on(120)
    for number in range(6, 20):
        versions.append((releases, f"2.{number}"))
        releases += timedelta(days=dice.whole(40, 70))
    _machine(world, AI_MAIN, "ai_agent", "frontline", versions)
    triage = [(since + timedelta(days=200), "1.0"), (world.on(60), "1.1"), (world.on(131), "1.2")]
    _machine(world, AI_TRIAGE, "ai_agent", "frontline", triage)
    for name, address, _, team in AUTOMATIONS:
        _machine(world, name, "automation", team, [], address)
    world.found |= {
        "ai": world.agents[0].agent_id,
        "versions": {"before": "2.3", "worse": "2.4", "after": "2.5"},
    }


def _machine(world: World, name: str, kind: str, team: str, versions: list, address: str = "") -> None:
    since = versions[0][0] if versions else world.start - timedelta(days=700)
    world.agents.append(
        Agent(
            agent_id=f"agt-{len(world.agents):03d}",
            name=name,
            email=address or f"{plain(name)}@{FIRM}",
            kind=kind,
            hired_at=since,
            left_at=None,
            teams=[(since, team, "agent")],
            versions=versions,
        )
    )


def _hire(world: World, dice: Dice, team: str, hired: datetime) -> Agent:
    cast = load("cast")["names"]
    number = len(world.agents)
    language = dice.pick(("en", "en", "en", "es", "de"))
    taken = {agent.name for agent in world.agents}
    name = next(iter(taken))
    while name in taken:
        name = f"{dice.pick(cast[language]['first'])} {dice.pick(cast[language]['last'])}"
    skills = {"en", language, *(extra for extra in ("es", "de") if dice.chance(0.18))}
    agent = Agent(
        agent_id=f"agt-{number:03d}",
        name=name,
        email=f"{plain(name.replace(' ', '.'))}@{FIRM}",
        kind="human_agent",
        hired_at=hired,
        left_at=None,
        teams=[(hired, team, "agent")],
        skills=(*sorted(skills), team),
    )
    world.agents.append(agent)
    world.hired[agent.agent_id] = hired
    world.personas[agent.agent_id] = Persona(
        skill=min(0.97, max(0.28, 0.66 + dice.normal(0.19))),
        leanings={name: dice.normal(0.10) for name in _DIMENSIONS},
        habits=frozenset({_HABITS[number // 2 % len(_HABITS)]} if number % 2 else ()),
        pace=0.6 + 0.9 * dice.random(),
    )
    return agent


def _choose(world: World) -> None:
    """Set the two whose skill changes, and who is to stay long enough to be seen changing."""
    workers = [agent for agent in world.agents if agent.kind == "human_agent" and agent.teams[0][1] == "technical"]
    workers = [agent for agent in workers if agent.left_at is None]
    drifter = workers[-1]
    workers = [agent for agent in world.agents if agent.kind == "human_agent" and agent.teams[0][1] == "billing"]
    workers = [agent for agent in workers if agent.left_at is None]
    improver = workers[-1]
    world.personas[workers[0].agent_id].habits |= {"asks_secret"}  # billing is where it does most harm
    for agent, skill in ((drifter, 0.88), (improver, 0.46)):
        persona = world.personas[agent.agent_id]
        persona.skill, persona.habits, persona.leanings = skill, frozenset(), dict.fromkeys(_DIMENSIONS, 0.0)
        agent.teams = agent.teams[:1]
    world.found |= {"drifter": drifter.agent_id, "improver": improver.agent_id}


def staff_changes(world: World, day: int) -> None:
    """Hires of that day, and the leavers, moves and promotions that it announces.

    A change takes effect after `NOTICE`, so that a conversation of today already knows who will be there to end it.
    """
    if day == 0:
        return
    dice = world.dice("staff", day)
    now = world.on(day)
    fixed = {world.found["drifter"], world.found["improver"]}
    here = [agent for agent in working(world, now) if agent.agent_id not in fixed]
    support = [agent for agent in here if team_of(agent, now) != "success"]
    if dice.chance(len(support) * 0.0011):
        leaver = dice.pick([agent for agent in support if agent.left_at is None])
        team = team_of(leaver, now)
        mates = [agent for agent in support if team_of(agent, now) == team]
        if len(mates) > 2:
            leaver.left_at = now + NOTICE + timedelta(hours=17)
    if dice.chance(len(support) * 0.0016):
        fewest = min(TEAMS[:-1], key=lambda team: sum(team_of(agent, now) == team for agent in support))
        team = fewest if dice.chance(0.5) else dice.pick(TEAMS[:-1])
        _hire(world, dice, team, now)
    if dice.chance(len(support) * 0.0009):
        mover = dice.pick(support)
        team, role = mover.teams[-1][1:]
        mates = [agent for agent in support if team_of(agent, now) == team]
        if mover.left_at is None and role != "team_lead" and len(mates) > 2:
            mover.teams.append(
                (now + NOTICE + timedelta(hours=7), dice.pick([one for one in TEAMS[:-1] if one != team]), role)
            )
    if dice.chance(len(support) * 0.0011):
        risen = dice.pick(support)
        if risen.teams[-1][2] == "agent" and risen.left_at is None:
            risen.teams.append((now + NOTICE + timedelta(hours=7), risen.teams[-1][1], "senior_agent"))


def working(world: World, now: datetime) -> list[Agent]:
    """People who are employed at `now`, the success team among them."""
    return [
        agent
        for agent in world.agents
        if agent.kind == "human_agent" and agent.hired_at <= now and (agent.left_at is None or agent.left_at > now)
    ]


def team_of(agent: Agent, now: datetime) -> str:
    """The team at `now`; the first one before the hire."""
    team = agent.teams[0][1]
    for since, name, _ in agent.teams:
        if since <= now:
            team = name
    return team


def has_left(agent: Agent, now: datetime) -> bool:
    """Whether the person is no longer with the firm at `now`."""
    return agent.left_at is not None and agent.left_at <= now


def version_of(agent: Agent, now: datetime) -> str:
    """Version of an AI agent at `now`."""
    return [version for since, version in agent.versions if since <= now][-1]


def skill_on(world: World, agent_id: str, day: int) -> float:
    """Skill on a day, with what the plan of effects adds and what newcomers learn in their first 90 days."""
    skill = world.personas[agent_id].skill
    tenure = (world.on(day) - world.hired[agent_id]).days
    if tenure < 90:
        skill *= 0.82 + 0.18 * max(tenure, 0) / 90
    if agent_id == world.found["drifter"]:
        skill += effects.ramp(effects.DRIFT_DAYS, effects.DRIFT_SIZE, day)
    elif agent_id == world.found["improver"]:
        skill += effects.ramp(effects.IMPROVEMENT_DAYS, effects.IMPROVEMENT_SIZE, day)
    return skill

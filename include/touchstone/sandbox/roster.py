"""Who is at work, and who of them takes a case."""

from __future__ import annotations

from touchstone.sandbox.model import Agent
from touchstone.sandbox.script import Script
from touchstone.sandbox.staff import has_left, team_of, working
from touchstone.sandbox.world import World


def set_roster(world: World, day: int) -> None:
    """People at work on a day by team; nobody is missing from a team altogether."""
    dice = world.dice("roster", day)
    now = world.on(day).replace(hour=12)
    presence = 0.86 if now.weekday() < 5 else 0.3
    everyone: dict[str, list[Agent]] = {}
    present: dict[str, list[Agent]] = {}
    for agent in working(world, now):
        team = team_of(agent, now)
        everyone.setdefault(team, []).append(agent)
        if dice.chance(presence):
            present.setdefault(team, []).append(agent)
    world.roster = {team: present.get(team) or agents for team, agents in everyone.items()}


def available(script: Script, team: str) -> Agent:
    """Somebody of the team who is still there; one who speaks the customer's language first."""
    language = script.case.language
    agents = [one for one in script.world.roster[team] if not has_left(one, script.at)]
    if script.agent is not None:
        agents = [one for one in agents if one is not script.agent] or agents
    if language != "en":
        agents = [one for one in agents if language in one.skills] or agents
    if not agents:
        agents = [one for one in working(script.world, script.at) if team_of(one, script.at) == team]
    return script.dice.pick(agents)

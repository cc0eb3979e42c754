"""The simulated firm, made day by day."""

from __future__ import annotations

from datetime import date

from touchstone.errors import ConfigurationError
from touchstone.sandbox import effects
from touchstone.sandbox.accounts import begin_month, found_company, new_accounts
from touchstone.sandbox.knowledge import write_library
from touchstone.sandbox.model import Company
from touchstone.sandbox.people import newcomers
from touchstone.sandbox.plans import births, plan_return
from touchstone.sandbox.product import product_day
from touchstone.sandbox.roster import set_roster
from touchstone.sandbox.staff import found_staff, staff_changes
from touchstone.sandbox.state import account_at, agent_at, article_at
from touchstone.sandbox.story import conversation_of, quality_of, tell
from touchstone.sandbox.twins import tell_twin
from touchstone.sandbox.world import World, month_of

FIRST_DAY = date(2026, 3, 2)


def build(
    seed: int = 7,
    conversations_per_day: float = 40.0,
    days: int = 150,
    first_day: date = FIRST_DAY,
    *,
    hubspot_share: float = 0.2,
) -> Company:
    """The company from `first_day` on, for so many days; the same arguments give the same company on every machine.

    Everything follows from the seed and the day, so a company built for more days begins with the same days: the first
    conversations are equal, and accounts, agents and articles stand at the earlier end as they stood there
    (`state.account_at` and its like). Conversations keep what happens to them after `until`.

    Args:
        seed: Another one gives another company.
        conversations_per_day: Mean over the week; accounts and staff grow with it.
        days: At least 1.
        first_day: UTC.
        hubspot_share: Share of the conversations at the hubspot desk, 0 to 0.65; the rest is at zendesk.

    Raises:
        ConfigurationError: An argument is out of its range.
    """
    if days < 1:
        raise ConfigurationError("days of the sandbox company", days, "Ask for at least 1.")
    if not 0 < conversations_per_day <= 5000:
        raise ConfigurationError(
            "conversations a day of the sandbox company", conversations_per_day, "Ask for more than 0 and at most 5000."
        )
    if not 0 <= hubspot_share <= 0.65:
        raise ConfigurationError("share of the hubspot desk", hubspot_share, "Ask for 0 to 0.65.")
    world = World(seed, first_day, float(conversations_per_day), hubspot_share)
    found_staff(world)
    write_library(world)
    found_company(world)
    for day in range(days):
        _live(world, day)
    return _company(world, days)


def _live(world: World, day: int) -> None:
    """One day, from midnight to midnight."""
    staff_changes(world, day)
    set_roster(world, day)
    begin_month(world, day)
    new_accounts(world, day)
    newcomers(world, day)
    told = []
    for case in births(world, day):
        script = tell_twin(world, case, told) if case.twin_of else tell(world, case)
        told.append(script)
    for script in told:
        case = script.case
        score = quality_of(script)
        if score is not None:
            world.quality[case.household.account.account_id, month_of(case.born)].append(score)
        if not script.is_solved and not case.twin_of:
            plan_return(world, case, script.dice)
        world.conversations.append(conversation_of(script))
    product_day(world, day)


def _company(world: World, days: int) -> Company:
    until = world.on(days)
    accounts = [account_at(household.account, until) for household in world.households]
    agents = [agent_at(agent, until) for agent in world.agents]
    articles = [article_at(article, until) for article in world.articles]
    world.found.setdefault("policy_agents", [])
    return Company(
        seed=world.seed,
        first_day=world.first_day,
        until=until,
        teams=world.teams,
        accounts=[one for one in accounts if one is not None],
        customers=[one for one in world.customers if one.created_at <= until],
        agents=[one for one in agents if one is not None],
        articles=[one for one in articles if one is not None],
        incidents=world.incidents,
        conversations=world.conversations,
        product_events=world.product_events,
        effects=effects.planted(world.start, until, world.found),
    )

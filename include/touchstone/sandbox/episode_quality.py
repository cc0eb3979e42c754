"""Verdicts about AI agents and handoffs, held against what truly happened in the simulated company.

The company's vendors are read over HTTP by the shipped connectors, and everything up to the marts is built in a server of its
own, so that a verdict is measured with all that can go wrong before it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from touchstone.quality.table import Row, check
from touchstone.sandbox.episodes import AiEpisode, ai_episodes, post_handoff_ratio

if TYPE_CHECKING:
    from datetime import datetime

    from touchstone.sandbox.model import Company
    from touchstone.settings import Settings

DAYS, PER_DAY, SEED = 29, 90.0, 11
"""The company's first day is March 2: its days are those of one month."""
MONTH = (2026, 3)
CHANNEL = "chat"
LEAST_EXACT = 0.95
MOST_DIFFERENCE = 0.05
STEPS = ("stage", "clean", "core", "score", "facts", "gaps", "revenue", "marts")


@dataclass(frozen=True)
class Measured:
    """Verdicts beside the truth; shares from 0 to 1, each as (built, true, n).

    Attributes:
        exact: Share of episodes whose outcome is the true one, and how many episodes these are.
        exact_alone: The same of the episodes that no person took part in.
        context: Mean context preservation of the handoffs of which both sides know it.
        ratio: Minutes after a handoff over those of cases that began with a person, in chats.
    """

    exact: tuple[float, int]
    exact_alone: tuple[float, int]
    precision: tuple[float, float, int]
    recall: tuple[float, float, int]
    context: tuple[float, float, int]
    ratio: tuple[float, float, int]


def company_of(days: int = DAYS, per_day: float = PER_DAY, seed: int = SEED) -> Company:
    from touchstone.sandbox.company import build

    return build(seed=seed, conversations_per_day=per_day, days=days)


def build_warehouse(company: Company, settings: Settings) -> None:
    """Read the vendors of the company as of its last day, and build everything up to the marts."""
    read_vendors(company, company.until, settings)
    build_marts(company.until, settings)


def build_marts(now: datetime, settings: Settings) -> None:
    """Build everything up to the marts from what has been read."""
    from touchstone import pipeline

    for step in STEPS:
        pipeline.STEPS[step](now, settings)


def read_vendors(company: Company, now: datetime, settings: Settings) -> None:
    """Read the vendors of the company as they are at `now`."""
    from touchstone.daily import ingest_source, simulated_sources
    from touchstone.sandbox.api import SandboxOptions, serve_here
    from touchstone.sandbox.service import secrets
    from touchstone.sources.config import find_source
    from touchstone.sources.sandbox import server_file
    from touchstone.statefiles import private_dir, write_json

    with serve_here(company, SandboxOptions(clock=now)) as sandbox:
        known = secrets(sandbox.credentials)
        told = server_file(settings)
        private_dir(told.parent)
        write_json(told, {"url": sandbox.url, "credentials": known})
        for name in simulated_sources(settings):
            entry = find_source(name, settings)
            ingest_source(entry, as_of=now, settings=settings, secrets=known[entry.source])


def measure(company: Company, settings: Settings) -> Measured:
    """Hold what `build_warehouse` built against the company."""
    from touchstone.sandbox.api import ids
    from touchstone.warehouse.engine import connect

    native = {"zendesk": ids.zendesk_id, "hubspot": ids.hubspot_id}
    desks = {one.conversation_id: one.desk for one in company.conversations}
    truth = {
        (desks[one.conversation_id], str(native[desks[one.conversation_id]](one.conversation_id))): one
        for one in ai_episodes(company, company.until)
    }
    with connect("transformer", settings=settings) as connection:
        rows = connection.execute(
            """
            select interactions.source, interactions.interaction_id, episodes.outcome, episodes.escalation,
                handoffs.context_preservation
            from marts_build.fct_ai_episodes as episodes
            inner join core.interactions using (interaction_key)
            left join marts_build.fct_handoffs as handoffs using (interaction_key, episode_number)
            where episodes.episode_number = 1 and not interactions.is_deleted
                and interactions.merged_into_interaction_key is null
            """
        ).fetchall()
        built = connection.execute(
            """
            select median_ratio from marts_build.rpt_post_handoff_resolution
            where slice_type = 'channel' and slice_value = %s and period_start = make_date(%s, %s, 1)
            """,
            [CHANNEL, *MONTH],
        ).fetchone()
    found = {(source, interaction_id): tuple(verdict) for source, interaction_id, *verdict in rows}
    # a conversation that only one side knows is wrong
    pairs = [(truth.get(key), found.get(key)) for key in truth.keys() | found.keys()]
    alone = [pair for pair in pairs if pair[0] is None or pair[0].outcome != "escalated"]
    contexts = [
        (verdict[2], one.context_preserved)
        for one, verdict in pairs
        if one and verdict and verdict[2] is not None and one.context_preserved is not None
    ]
    true_ratio, like = post_handoff_ratio(company, company.until, MONTH, CHANNEL)
    return Measured(
        _exact(pairs),
        _exact(alone),
        *_escalation(truth, found),
        (_mean([own for own, _ in contexts]), _mean([own for _, own in contexts]), len(contexts)),
        (float("nan") if built is None or built[0] is None else built[0], true_ratio, like),
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def _exact(pairs: list[tuple[AiEpisode | None, tuple | None]]) -> tuple[float, int]:
    right = [bool(one and verdict) and one.outcome == verdict[0] for one, verdict in pairs]
    return _mean(right), len(right)


def _escalation(
    truth: Mapping[tuple[str, str], AiEpisode], found: Mapping[tuple[str, str], tuple]
) -> tuple[tuple[float, float, int], tuple[float, float, int]]:
    """Precision and recall, each as (built, true, n)."""
    own = [verdict[1] for verdict in found.values()]
    true = [one.escalation for one in truth.values() if one.outcome != "pending"]
    needed, true_needed = own.count("needed"), true.count("needed")
    handed, true_handed = needed + own.count("avoidable"), true_needed + true.count("avoidable")
    due, true_due = needed + own.count("missed"), true_needed + true.count("missed")
    precision = needed / handed, true_needed / true_handed, handed
    return precision, (needed / due, true_needed / true_due, due)


@contextmanager
def own_server() -> Iterator[Settings]:
    """A warehouse of its own, in a folder that goes afterwards; `get_settings()` names it until then."""
    from touchstone.settings import Settings, get_settings
    from touchstone.warehouse.bootstrap import bootstrap
    from touchstone.warehouse.embedded import EmbeddedServer

    names = ("TOUCHSTONE_HOME", "TOUCHSTONE_WAREHOUSE_URL")
    before = {name: os.environ.get(name) for name in names}
    with tempfile.TemporaryDirectory(prefix="touchstone-episodes-") as folder:
        server = EmbeddedServer(Settings(home=Path(folder), warehouse_url=None))
        server.start()
        try:
            with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
                connection.execute("create database episodes")
            os.environ.update(zip(names, (folder, server.url("episodes")), strict=True))
            get_settings.cache_clear()
            bootstrap(get_settings())
            yield get_settings()
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
            get_settings.cache_clear()
            server.remove()


@check("episodes")
def episodes(_folder: Path) -> Iterator[Row]:
    company = company_of()
    with own_server() as settings:
        build_warehouse(company, settings)
        found = measure(company, settings)
    yield Row(
        "simulated company: AI episodes with their true outcome", found.exact[0], bar=LEAST_EXACT, n=found.exact[1]
    )
    yield Row(
        "simulated company: AI episodes without a person with their true outcome",
        found.exact_alone[0],
        n=found.exact_alone[1],
    )
    for name, (built, true, n) in (
        ("escalation precision", found.precision),
        ("escalation recall", found.recall),
        ("context preservation", found.context),
        ("ratio of medians after a handoff, chats", found.ratio),
    ):
        yield Row(
            f"simulated company: {name}, difference to the truth",
            abs(built - true),
            bar=MOST_DIFFERENCE,
            lower_is_better=True,
            n=n,
        )

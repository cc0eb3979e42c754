"""The knowledge base: articles by topic and language, their edits, and the gaps that open and are closed by an edit."""

from __future__ import annotations

from datetime import datetime, timedelta

from touchstone.sandbox import effects
from touchstone.sandbox.book import book, topics
from touchstone.sandbox.dice import Dice
from touchstone.sandbox.grammar import render
from touchstone.sandbox.model import Article, ArticleVersion
from touchstone.sandbox.world import World

_HORIZON = timedelta(days=1100)  # edits are drawn this far ahead, and cut where the company ends
_PER_TOPIC = 3
_TRANSLATED = 0.6
ARTICLE_SLOTS = {
    "plan": "Business",
    "plan2": "Enterprise",
    "days": "3",
    "count": "20",
    "amount": "480",
    "error": "Permission denied",
    "workspace": "your workspace",
    "invoice": "the invoice",
    "order": "the order",
    "date": "the date of change",
    "date2": "the next renewal",
    "email": "the billing address",
    "browser": "your browser",
    "hex": "abc123",
    "company": "your company",
    "card4": "0000",
    "count2": "500",
    "amount2": "960",
    "hour": "09:00",
    "bug": "the fault's number",
    "first": "there",
    "crm": "your CRM",
    "idp": "your identity provider",
    "report": "Renewals",
    "feature": "the feature",
}


def write_library(world: World) -> None:
    """Articles of every topic that exists on the first day, and the later ones that the plan of effects sets."""
    for topic, about in topics().items():
        missing = next((gap for gap in effects.GAPS if gap.topic == topic and gap.kind == "missing"), None)
        if missing is not None:
            if missing.days[1] is not None:
                _articles(world, topic, world.on(missing.days[1]) + timedelta(hours=9), about["area"])
            continue
        since = world.start - timedelta(days=world.dice("library", topic).whole(100, 700))
        if "from_day" in about:  # written for the launch
            since = world.on(about["from_day"]) - timedelta(days=1)
        _articles(world, topic, since, about["area"])
    world.articles.sort(key=lambda article: (article.created_at, article.topic, article.locale))
    for number, article in enumerate(world.articles):
        article.article_id = f"art-{number:04d}"
        world.shelf[article.topic, article.locale].append(article)
    world.found["articles"] = {
        gap.topic: [article.article_id for article in world.articles if article.topic == gap.topic]
        for gap in effects.GAPS
    }


def _articles(world: World, topic: str, since: datetime, area: str) -> None:
    for number in range(_PER_TOPIC):
        dice = world.dice("article", topic, number)
        created = since + timedelta(hours=number)
        is_archived = number == _PER_TOPIC - 1 and dice.chance(0.35)
        archived = world.on(dice.whole(5, 140)) + timedelta(hours=10) if is_archived else None
        for locale in ("en", "es", "de"):
            if locale != "en" and not dice.chance(_TRANSLATED):
                continue
            translated = created if locale == "en" else created + timedelta(hours=dice.whole(1, 6))
            versions = _versions(world, dice, topic, locale, number, translated)
            world.articles.append(Article("", topic, area, locale, translated, archived, versions))


def _versions(
    world: World, dice: Dice, topic: str, locale: str, number: int, created: datetime
) -> list[ArticleVersion]:
    moments = [created]
    end = world.start + _HORIZON
    while (moment := moments[-1] + timedelta(days=15 + dice.expovariate(1 / 60))) < end:
        moments.append(moment.replace(hour=9 + moment.hour % 8, microsecond=0))
    gap = next((one for one in effects.GAPS if one.topic == topic and one.kind == "outdated"), None)
    if gap is not None:
        # Nobody touches it while it is outdated; the edit that ends this is the fix.
        opened, closed = world.on(gap.days[0]), world.on(gap.days[1])
        moments = [one for one in moments if not opened <= one < closed + timedelta(days=10)]
        moments = sorted([*moments, closed + timedelta(hours=9)])
    editors = [agent.agent_id for agent in world.agents if agent.kind == "human_agent" and agent.left_at is None]
    title = _text(dice, topic, locale, "title")
    everything = book(locale)[topic].everything
    versions = []
    for moment in moments:
        is_old = gap is not None and moment < world.on(gap.days[1])
        lines = everything["fact_old" if is_old else "fact"]
        chosen = [lines[(number + place) % len(lines)] for place in range(min(3, len(lines)))]
        body = "\n".join(render((line,), dice, ARTICLE_SLOTS) for line in chosen)
        if len(versions) > 1 and dice.chance(0.5):
            body = f"{body}\n{_text(dice, topic, locale, 'next')}"
        versions.append(ArticleVersion(moment, title, body, dice.pick(editors)))
    return versions


def _text(dice: Dice, topic: str, locale: str, name: str) -> str:
    return render(book(locale)[topic].everything[name], dice, ARTICLE_SLOTS)


def retrieve(world: World, dice: Dice, topic: str, locale: str, now: datetime) -> list[tuple[str, int, float]]:
    """(article id, number of its version, relevance) of what a search finds on the topic at `now`, best first.

    Articles in the asked language come first, English ones fill in; an empty list is a search without a hit.
    """
    found = []
    for language in dict.fromkeys((locale, "en")):
        for article in world.shelf[topic, language]:
            if article.created_at > now or (article.archived_at is not None and article.archived_at <= now):
                continue
            version = sum(one.edited_at <= now for one in article.versions) - 1
            relevance = 0.72 + 0.26 * dice.random() - (0.1 if language != locale else 0.0)
            found.append((article.article_id, version, round(relevance, 2)))
    found.sort(key=lambda one: -one[2])
    return found[: dice.whole(1, 2)]

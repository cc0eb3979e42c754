"""A small labelled world: customers whose turns and replies truly decide what reviewers say."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 3, 1, tzinfo=UTC)
GOOD = (
    "Your refund is booked, it arrives on {day}.",
    "I fixed the address, the parcel leaves {day}.",
    "Done, order {n} is on its way.",
)
BAD = (
    "I am sorry, there is nothing I can do about order {n}.",
    "We cannot help with that.",
    "Please wait until {day}, then ask again.",
)
HAPPY = ("Great, thank you!", "Perfect, that solved it.", "Wonderful, thanks for order {n}.")
ANGRY = (
    "This is useless, I asked about {n} twice.",
    "No. That does not help at all.",
    "Terrible service, where is {n}?",
)
ASKS = ("Where is my order {n}?", "I want a refund for {n}.", "Can you change the address of {n}?")


def world(count: int = 120, *, seed: int = 3, reviewers: int = 3) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(documents, review records): satisfaction 1 to 5 per customer turn after a reply and per conversation.

    Reviewer 0 sees what is there, reviewer 1 nearly so and half a point milder, reviewer 2 guesses.
    """
    rng = random.Random(seed)
    documents, reviews = [], []
    for number in range(count):
        interaction = f"c{number}"
        messages: list[dict[str, Any]] = []
        quality: list[bool] = []
        filled = {"n": f"A{rng.randrange(1000, 9999)}", "day": rng.choice(("Monday", "Friday"))}

        def say(actor: str, text: str, messages=messages, filled=filled) -> None:
            at = START + timedelta(days=len(documents), minutes=3 * len(messages))
            messages.append(
                {
                    "message_id": f"m{len(messages)}",
                    "sent_at": at.isoformat(),
                    "actor": actor,
                    "text": text.format(**filled),
                }
            )

        say("customer", rng.choice(ASKS))
        for _ in range(rng.randrange(1, 4)):
            good = rng.random() < 0.5
            quality.append(good)
            say(rng.choice(("human_agent", "ai_agent")), rng.choice(GOOD if good else BAD))
            say("customer", rng.choice(HAPPY if good else ANGRY))
            judge(rng, reviews, interaction, f"m{len(messages) - 1}", 4.5 if good else 1.8, reviewers)
        judge(rng, reviews, interaction, None, 1.5 + 3 * sum(quality) / len(quality), reviewers)
        documents.append(
            {
                "interaction_id": interaction,
                "channel": rng.choice(("chat", "email")),
                "language": "en",
                "customer_id": f"u{number % 60}",
                "topic": rng.choice(("orders", "refunds")),
                "status": rng.choice(("open", "closed")),
                "messages": messages,
            }
        )
    return documents, reviews


def judge(
    rng: random.Random, reviews: list, interaction: str, message: str | None, truth: float, reviewers: int
) -> None:
    for reviewer in range(reviewers):
        noise = (0.3, 0.5, 3.0)[reviewer % 3]
        seen = truth + rng.gauss(0.5 if reviewer == 1 else 0, noise)
        reviews.append(
            {
                "interaction_id": interaction,
                "message_id": message,
                "reviewer": f"r{reviewer}",
                "dimension": "satisfaction",
                "value": min(5, max(1, round(seen))),
                "scale_min": 1,
                "scale_max": 5,
                "reviewed_at": (START + timedelta(days=200)).isoformat(),
            }
        )

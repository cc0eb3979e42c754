"""The detectors that an indicator may name, and the parameters of each.

This is what a rubric's author works with: `scoring/detectors.py` holds the code behind each name, and a test keeps the two
equal. A detector knows nothing about a certain indicator: wording, limits and channels are parameters in the rubric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

RULES_VERSION = "1"
"""Version of what the detectors do. Any change of an outcome or of evidence needs a new one: it becomes part of every
indicator's version, so that rows of the old behaviour stay as they are beside the new ones."""

REQUIRED = object()

CHANNELS = ("chat", "email", "ticket", "voice", "social", "other")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a detector.

    Attributes:
        kind: agent_phrases and customer_phrases name phrase lists (customer_phrases also `marker.<name>`); by_channel is a
            mapping channel -> number with `default`; items is a list of pieces of information that may be asked for.
        meaning: What it does, for error messages and the documentation.
        default: Value when the rubric gives none; REQUIRED when it must.
    """

    kind: str
    meaning: str
    default: Any = REQUIRED
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Detector:
    """A name that an indicator may use."""

    meaning: str
    parameters: dict[str, Parameter]


DETECTORS: dict[str, Detector] = {
    "says": Detector(
        "holds when a reply of the judged side contains a phrase",
        {
            "phrases": Parameter("agent_phrases", "names of phrase lists that a reply must contain one of"),
            "where": Parameter("choice", "which replies count", "any", ("any", "first", "last")),
            "min_replies": Parameter("integer", "fewest replies for the indicator to apply", 1),
            "when": Parameter("customer_phrases", "applies only when the customer says one of these", ()),
            "unless": Parameter(
                "customer_phrases", "does not apply, unless it holds, when the customer says one of these", ()
            ),
            "only_last_speaker": Parameter(
                "boolean", "applies only to the side that wrote the last reply of all", False
            ),
        },
    ),
    "responds": Detector(
        "holds when a reply soon after what triggers it contains a phrase",
        {
            "phrases": Parameter("agent_phrases", "names of phrase lists that answer the trigger"),
            "when": Parameter("customer_phrases", "what the customer says to trigger it", ()),
            "when_polarity_below": Parameter(
                "number", "a customer message with a lower polarity triggers it too", None
            ),
            "within_replies": Parameter("integer", "how many replies of the judged side after the trigger count", 2),
            "need": Parameter("choice", "whether any or every trigger must be answered", "any", ("any", "all")),
            "handover_counts": Parameter("boolean", "whether a human agent who takes over answers the trigger", False),
        },
    ),
    "never_says": Detector(
        "fails when a reply of the judged side contains a phrase",
        {"phrases": Parameter("agent_phrases", "names of phrase lists that no reply may contain")},
    ),
    "keeps_secrets": Detector(
        "fails when a reply asks for a secret or shows one",
        {
            "phrases": Parameter("agent_phrases", "names of phrase lists that ask for a secret"),
            "pii_types": Parameter("pii_types", "types of redacted data that no reply may have held"),
        },
    ),
    "answers_questions": Detector(
        "fails when a question of the customer stays without a reply, or has to be asked again after one", {}
    ),
    "asks_only_once": Detector(
        "fails when the judged side asks for a piece of information that the customer has already given",
        {"items": Parameter("items", "the pieces of information: `item`, `asked`, and `given` or `given_pii`")},
    ),
    "customer_verdict": Detector(
        "the last verdict of the customer on a reply, where the judged side wrote that reply",
        {
            "positive": Parameter("customer_phrases", "wordings that confirm"),
            "negative": Parameter("customer_phrases", "wordings that deny; they win within one message"),
            "last_messages": Parameter("integer", "how many of the customer's last messages are read", 2),
        },
    ),
    "not_disputed": Detector(
        "fails when the customer's next message disputes a reply, or a reply takes back an earlier one",
        {
            "phrases": Parameter("customer_phrases", "wordings that dispute"),
            "own_phrases": Parameter("agent_phrases", "wordings in which the judged side takes something back", ()),
            "min_replies": Parameter("integer", "fewest replies for the indicator to apply", 1),
        },
    ),
    "readable": Detector(
        "holds when the replies' Automated Readability Index (US school grade) is at most a limit",
        {
            "max_grade": Parameter("number", "highest grade"),
            "min_words": Parameter("integer", "fewest words in all replies together for the indicator to apply", 20),
        },
    ),
    "not_longer_than": Detector(
        "fails when a reply has more words than its channel bears",
        {"max_words": Parameter("by_channel", "most words of one reply, by channel")},
    ),
    "replies_within": Detector(
        "fails when the customer waits longer than the channel's limit for a reply",
        {"max_minutes": Parameter("by_channel", "longest wait in minutes, by channel")},
    ),
    "no_repetition": Detector(
        "fails when two replies say nearly the same",
        {
            "similarity": Parameter("number", "share of words in common from which two replies are the same"),
            "min_words": Parameter("integer", "shorter replies are not compared", 6),
        },
    ),
}

"""The detectors that an indicator may name, and the parameters of each.

This is what a rubric's author works with: `scoring/detectors.py` holds the code behind each name, and a test keeps the two
equal. A detector knows nothing about a certain indicator: wording, limits and channels are parameters in the rubric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

READING_VERSION = "2"
"""Version of how texts are read (words, own words of a mail, questions). Like a detector's version it is part of the version
of every indicator, so that rows of the old behaviour stay as they are beside the new ones."""
SIMILARITY_VERSION = "1"
"""Version of the vectors behind `similar_to`."""

REQUIRED = object()

CHANNELS = ("chat", "email", "ticket", "voice", "social", "other")
HANDLED_BY = ("ai_only", "human_only", "ai_then_human", "human_then_ai", "unhandled")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a detector.

    Attributes:
        kind: agent_phrases and customer_phrases name phrase lists (customer_phrases also `marker.<name>`); by_channel is a
            mapping channel -> number with `default`; by_language the same over languages; items is a list of pieces of
            information that may be asked for; texts is a list of plain texts.
        meaning: What it does, for error messages and the documentation.
        default: Value when the rubric gives none; REQUIRED when it must.
    """

    kind: str
    meaning: str
    default: Any = REQUIRED
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Detector:
    """A name that an indicator may use.

    Attributes:
        version: Of what its code does; any change of an outcome or of evidence needs a new one.
        reads_sentiment: Whether outcomes depend on polarity.
        reads_questions: Whether they depend on stop words and on how questions are compared.
    """

    meaning: str
    parameters: dict[str, Parameter]
    version: str = "2"
    reads_sentiment: bool = False
    reads_questions: bool = False


_WHEN = Parameter("customer_phrases", "applies only when the customer says one of these", ())

DETECTORS: dict[str, Detector] = {
    "says": Detector(
        "holds when a reply of the judged side contains a phrase",
        {
            "phrases": Parameter("agent_phrases", "names of phrase lists that a reply must contain one of"),
            "where": Parameter("choice", "which replies count", "any", ("any", "first", "last")),
            "min_replies": Parameter("integer", "fewest replies for the indicator to apply", 1),
            "when": _WHEN,
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
        reads_sentiment=True,
    ),
    "never_says": Detector(
        "fails when a reply of the judged side contains a phrase",
        {
            "phrases": Parameter("agent_phrases", "names of phrase lists that no reply may contain"),
            "when": _WHEN,
        },
    ),
    "keeps_secrets": Detector(
        "fails when a reply asks for a secret or shows one",
        {
            "phrases": Parameter("agent_phrases", "names of phrase lists that ask for a secret"),
            "pii_types": Parameter("pii_types", "types of redacted data that no reply may have held"),
        },
    ),
    "answers_questions": Detector(
        "fails when a question of the customer stays without a reply, or has to be asked again after one",
        {},
        reads_questions=True,
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
        "holds when the replies are easy enough, by the measure of their language, and no sentence is too long",
        {
            "max_grade": Parameter("number", "highest US school grade by the Automated Readability Index; English"),
            "min_ease": Parameter(
                "by_language",
                "lowest reading ease (0 to 100): Amstad's for German, Fernandez Huerta's for Spanish",
                None,
            ),
            "max_sentence_words": Parameter("integer", "most words of one sentence", 45),
            "min_words": Parameter("integer", "fewest words in all replies together for the indicator to apply", 20),
        },
    ),
    "same_language": Detector(
        "fails when the replies are in another language than the customer's messages",
        {"min_letters": Parameter("integer", "fewest letters of each side that tell a language", 60)},
    ),
    "not_longer_than": Detector(
        "fails when a reply has more words than its channel bears",
        {"max_words": Parameter("by_channel", "most words of one reply, by channel")},
    ),
    "replies_within": Detector(
        "fails when the customer waits longer than the channel's limit for a reply",
        {
            "max_minutes": Parameter("by_channel", "longest wait in minutes, by channel"),
            "which": Parameter(
                "choice",
                "every wait, that for the first reply of all, or those after it",
                "all",
                ("all", "first", "later"),
            ),
        },
    ),
    "no_repetition": Detector(
        "fails when two replies say nearly the same",
        {
            "similarity": Parameter("number", "share of words in common from which two replies are the same"),
            "min_words": Parameter("integer", "shorter replies are not compared", 6),
        },
    ),
    "escalates": Detector(
        "holds when the case goes to somebody else soon after it was due; fails when late or never",
        {
            "phrases": Parameter("agent_phrases", "wordings that hand the case over or announce it"),
            "demands": Parameter("customer_phrases", "what makes a handover due at once", ()),
            "failures": Parameter("customer_phrases", "what the customer says of an answer that failed", ()),
            "failed_answers": Parameter("integer", "failed answers that make a handover due", 2),
            "within_replies": Parameter("integer", "how many replies of the judged side count as in time", 1),
        },
    ),
    "grounded": Detector(
        "fails when a claim (amount, number, date, duration, menu path) is missing from the articles that cover its matter",
        {
            "kinds": Parameter("texts", "kinds of library texts that count as support", ("article", "policy")),
            "need": Parameter(
                "choice",
                "every claim must be supported, or none may be contradicted",
                "supported",
                ("supported", "not_contradicted"),
            ),
            "min_overlap": Parameter(
                "number", "share of a sentence's content from which a text covers its matter", 0.5
            ),
        },
        reads_questions=True,
    ),
    "within_expected": Detector(
        "holds when handle time and turns stay near what the same topic and complexity usually take",
        {
            "tolerance": Parameter("number", "factor over the expected value up to which it holds", 1.5),
            "min_n": Parameter("integer", "fewest interactions behind an expected value", 30),
        },
    ),
    "behaviour": Detector(
        "a behaviour template: parts that are looked for, in a window, together or in order",
        {
            "parts": Parameter("parts", "what is looked for"),
            "when": Parameter("parts", "what has to come first for the behaviour to be due", ()),
            "window": Parameter("window", "the part of the conversation that is read", None),
            "needs": Parameter("choice", "how the parts combine", "any", ("any", "all", "in_order")),
            "at_least": Parameter("integer", "fewest hits", 1),
            "within_messages": Parameter("integer", "most messages between two parts in order", None),
            "within_replies": Parameter("integer", "replies after `when` that count", None),
            "min_replies": Parameter("integer", "fewest replies for it to apply", 1),
            "expect": Parameter("choice", "whether it is wanted or unwanted", "present", ("present", "absent")),
        },
    ),
}

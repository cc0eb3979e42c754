"""How well personal data is found, on labelled texts that nobody here wrote and that no shipped model was fitted on.

The figures count words (maximal runs of letters and digits): recall is the share of the personal ones that a placeholder
covers, whatever its type. `multidogo-dev` holds the customers' side alone, without a question. It is read twice: by the
tagger that ships, and by one fitted on labels of the other domains, as a company would fit it.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from touchstone.quality.table import Row, check
from touchstone.text.pii.tagger import Span, Tagger
from touchstone.text.redact import Conversation, find

DOMAINS = ("airline", "fastfood", "insurance", "software")
# Slots of multidogo that are personal, and the type that each is here.
_PERSONAL = {
    "name": "name",
    "email_address": "email",
    "phone_number": "phone",
    "phonenumber": "phone",
    "address": "address",
    "current_zipcode": "address",
    "ssn": "ssn",
    "card_number": "credit_card",
    "account_number": "account_number",
    "policyid": "account_number",
    "claimid": "account_number",
    "booking_confirmation_number": "account_number",
    "password": "password",
    "pin_number": "password",
    "username": "username",
}
_FALSE_POSITIVES = 0.03
_LABELLED = 300  # conversations of each other domain that a company would have labelled
_THRESHOLDS = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8)
_SEED = 7
_WORD = re.compile(r"\w+")
_ENTITIES = frozenset(
    (
        "PERSON",
        "ADDRESS",
        "PHONE_NUMBER",
        "CREDIT_CARD",
        "EMAIL_ADDRESS",
        "US_SSN",
        "IBAN_CODE",
        "IP_ADDRESS",
        "US_DRIVER_LICENSE",
    )
)
# Labelled there, and neither right nor wrong to take: dates of birth are among the dates, titles stand before names.
_EITHER = frozenset(("DATE_TIME", "TITLE", "PREFIX"))


Turns = list[tuple[str, list[str]]]


@check("personal_data")
def personal_data(folder: Path) -> Iterator[Row]:
    """All figures, of `presidio-synth-dev` and `multidogo-dev`."""
    yield from presidio_rows(folder / "presidio-synth-dev")
    yield from multidogo_rows(folder / "multidogo-dev")
    yield from left_out_rows(folder / "multidogo-dev")


# --- multidogo


def multidogo(folder: Path, domain: str) -> list[Turns]:
    """The customer's messages of each conversation: the text, and the slot of each of its words."""
    found: dict[str, list[tuple[int, str, list[str]]]] = {}
    for part in ("train", "dev", "test"):
        with gzip.open(folder / "turn_level" / domain / f"{part}.tsv.gz", "rt", encoding="utf-8") as lines:
            names = next(lines).rstrip("\n").split("\t")
            for line in lines:
                values = line.rstrip("\n").split("\t")
                if len(values) != len(names):
                    continue
                row = dict(zip(names, values, strict=True))
                slots = row["slot-labels"].split(" ")
                if len(slots) == len(row["utterance"].split(" ")):
                    turn = (int(row["turnNumber"]), row["utterance"], slots)
                    found.setdefault(row["conversationId"], []).append(turn)
    return [[(text, slots) for _, text, slots in sorted(turns)] for _, turns in sorted(found.items())]


def _sample(conversations: list[Turns], count: int | None) -> list[Turns]:
    rng = random.Random(_SEED)  # noqa: S311 - repeatable, not secret
    return conversations if count is None or count >= len(conversations) else rng.sample(conversations, count)


def spans_of(text: str, slots: Sequence[str]) -> list[Span]:
    """Personal words as spans, neighbours of one slot as one."""
    found: list[Span] = []
    position = 0
    for word, slot in zip(text.split(" "), slots, strict=True):
        kind = _PERSONAL.get(slot)
        if kind and word:
            if found and found[-1].type == kind and found[-1].end == position - 1:
                found[-1] = Span(found[-1].start, position + len(word), kind)
            else:
                found.append(Span(position, position + len(word), kind))
        position += len(word) + 1
    return found


class _Counts:
    """Words by slot, and how many of them a placeholder covers."""

    def __init__(self) -> None:
        self.words: Counter[str] = Counter()
        self.covered: Counter[str] = Counter()

    def add(self, conversations: Iterable[Turns], tagger: Tagger | None, threshold: float | None = None) -> None:
        for turns in conversations:
            redactor = Conversation(tagger, threshold)
            for text, slots in turns:
                covered = _covered(text, redactor.find("customer", text))
                position = 0
                for word, slot in zip(text.split(" "), slots, strict=True):
                    group = _PERSONAL.get(slot, "none")
                    self.words[group] += 1
                    self.covered[group] += any(covered[position : position + len(word)])
                    position += len(word) + 1

    def share(self, *groups: str) -> float:
        words = sum(self.words[group] for group in groups)
        return sum(self.covered[group] for group in groups) / words if words else float("nan")


def _covered(text: str, spans: Iterable[Span]) -> bytearray:
    marks = bytearray(len(text))
    for span in spans:
        marks[span.start : span.end] = b"\x01" * (span.end - span.start)
    return marks


def _multidogo_figures(name: str, counts: _Counts) -> Iterator[Row]:
    yield Row(
        f"{name}: false positives",
        counts.share("none"),
        None,
        _FALSE_POSITIVES,
        lower_is_better=True,
        n=counts.words["none"],
    )
    for label, groups, floor in (
        ("SSN", ("ssn",), 0.06),
        ("account, policy, claim, booking", ("account_number", "credit_card"), 0.06),
        ("name", ("name",), 0.49),
        ("address", ("address",), 0.09),
    ):
        yield Row(
            f"{name}: recall of {label}", counts.share(*groups), floor, 0.75, n=sum(counts.words[one] for one in groups)
        )
    for label in ("email", "phone", "password"):
        yield Row(f"{name}: recall of {label}", counts.share(label), n=counts.words[label])


def multidogo_rows(folder: Path, conversations: int | None = None) -> Iterator[Row]:
    """The tagger that ships, which has seen no label of these."""
    counts = _Counts()
    for domain in DOMAINS:
        counts.add(_sample(multidogo(folder, domain), conversations), None)
    yield from _multidogo_figures("multidogo, as shipped", counts)


def left_out_rows(folder: Path, conversations: int | None = None, labelled: int = _LABELLED) -> Iterator[Row]:
    """For each domain, a tagger that was fitted on labels of the others as well."""
    from touchstone.text.pii.tagger import tagger_of
    from touchstone.text.pii.training import generated, train
    from touchstone.text.pii.training import labelled as examples_of

    held = {domain: multidogo(folder, domain) for domain in DOMAINS}
    counts = _Counts()
    for domain in DOMAINS:
        own = [
            [("customer", text, spans_of(text, slots)) for text, slots in turns]
            for other in DOMAINS
            if other != domain
            for turns in _sample(held[other], 2 * labelled)[:labelled]
        ]
        tagger = tagger_of(train(generated(), examples_of(own), own_weight=0.3))
        others = [
            turns for other in DOMAINS if other != domain for turns in _sample(held[other], 2 * labelled)[labelled:]
        ]
        counts.add(_sample(held[domain], conversations), tagger, _threshold(tagger, others))
    yield from _multidogo_figures("multidogo, domain left out", counts)


def _threshold(tagger: Tagger, conversations: list[Turns]) -> float:
    """The least threshold that keeps within the false positives on labelled conversations that were not fitted on."""
    for threshold in _THRESHOLDS:
        counts = _Counts()
        counts.add(conversations, tagger, threshold)
        if counts.share("none") <= 0.8 * _FALSE_POSITIVES:  # other data has more of them
            return threshold
    return _THRESHOLDS[-1]


# --- presidio


def presidio_rows(folder: Path) -> Iterator[Row]:
    """Recall and precision over the words of the types that are redacted.

    Places and firms alone are kept on purpose: taking one is wrong. A place that continues an address belongs to it, and
    counts neither way, like the empty value that the templates print as `nan`.
    """
    documents = json.loads((folder / "generated_small.json").read_text(encoding="utf-8"))
    with gzip.open(folder / "generated_large.json.gz", "rt", encoding="utf-8") as stream:
        documents += json.load(stream)
    personal = covered_personal = covered_other = 0
    for document in documents:
        text = document["full_text"]
        owner = _owners(text, document["spans"])
        covered = _covered(text, find(text))
        for match in _WORD.finditer(text):
            kinds = {kind for kind in owner[match.start() : match.end()] if kind}
            is_covered = any(covered[match.start() : match.end()])
            if kinds & _ENTITIES:
                personal += 1
                covered_personal += is_covered
            elif is_covered and not kinds & _EITHER and "address part" not in kinds and match.group() != "nan":
                covered_other += 1
    recall = covered_personal / personal
    precision = covered_personal / (covered_personal + covered_other)
    yield Row("presidio-synth: recall", recall, 0.60, 0.88, n=personal)
    yield Row("presidio-synth: precision", precision, 0.69, 0.92, n=covered_personal + covered_other)


def _owners(text: str, spans: list[dict[str, Any]]) -> list[str | None]:
    """The label of each character; places next to an address, with nothing but signs between, are parts of it."""
    ordered = sorted(spans, key=lambda span: span["start_position"])
    kinds = [span["entity_type"] for span in ordered]
    for sequence in (range(1, len(ordered)), range(len(ordered) - 2, -1, -1)):
        for number in sequence:
            neighbour = number - 1 if sequence.step == 1 else number + 1
            first, second = sorted((number, neighbour))
            between = text[ordered[first]["end_position"] : ordered[second]["start_position"]].replace("nan", "")
            is_next = len(between) <= 12 and not any(map(str.isalpha, between))
            if kinds[number] == "LOCATION" and kinds[neighbour] in ("ADDRESS", "address part") and is_next:
                kinds[number] = "address part"
    owner: list[str | None] = [None] * len(text)
    for span, kind in zip(ordered, kinds, strict=True):
        owner[span["start_position"] : span["end_position"]] = [kind] * (span["end_position"] - span["start_position"])
    return owner

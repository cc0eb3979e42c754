"""Whether a rubric is a good one, and whether its behaviours do to their examples what they claim.

Reading a rubric (`load_rubric`) refuses what cannot work. This asks what can work and yet mislead: weights that nobody looked
at for a quarter, script adherence that outweighs resolution, dimensions too few or too many, failures without advice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from touchstone.errors import ConfigurationError
from touchstone.rubric.examples import conversation, judged_subject
from touchstone.rubric.loader import DIMENSION_COUNTS
from touchstone.rubric.model import TIERS, Example, Indicator, Rubric

FAILURE, WARNING = "failure", "warning"


@dataclass(frozen=True)
class Remark:
    """Something that a rubric's owner should know.

    Attributes:
        severity: failure or warning.
        text: What is wrong.
        remedy: What to do about it.
    """

    severity: str
    text: str
    remedy: str


def check(rubric: Rubric, today: date) -> list[Remark]:
    """Remarks on a rubric, failures first.

    Args:
        today: For what falls due.
    """
    found = [
        *_roles(rubric),
        *_tiers(rubric),
        *_approval(rubric),
        *_count(rubric),
        *_due(rubric, today),
        *_advice(rubric),
    ]
    return sorted(found, key=lambda one: one.severity != FAILURE)


def _roles(rubric: Rubric) -> Iterator[Remark]:
    roles = {one.role: one.id for one in rubric.dimensions if one.role}
    for role in ("resolution", "script"):
        if role not in roles:
            yield Remark(
                FAILURE,
                f"no dimension has the role {role}",
                f"Set `role: {role}` where it belongs, so that weights compare.",
            )
    if len(roles) < 2:
        return
    resolution, script = roles["resolution"], roles["script"]
    named = [(f"from {period.valid_from}", period.weights) for period in rubric.weight_periods]
    named += [(f"of profile {one.id}", one.weights) for one in rubric.profiles]
    for name, weights in named:
        if weights[resolution] <= weights[script]:
            yield Remark(
                FAILURE,
                f"the weights {name} give {script} {weights[script]:g} and {resolution} {weights[resolution]:g}",
                "Solving the problem has to outweigh following the script.",
            )


def _tiers(rubric: Rubric) -> Iterator[Remark]:
    for dimension in rubric.dimensions:
        described = {tier.tier for tier in dimension.tiers if tier.description and tier.examples}
        for tier in TIERS:
            if tier not in described:
                yield Remark(
                    FAILURE, f"{dimension.id} has no example of {tier}", "Add what somebody wrote that belongs there."
                )
        if not any(example.interaction_id for tier in dimension.tiers for example in tier.examples):
            yield Remark(
                WARNING,
                f"no example of {dimension.id} names the conversation that it is from",
                "Replace made-up examples by your own: give `quote` and `interaction_id`.",
            )


def _approval(rubric: Rubric) -> Iterator[Remark]:
    try:
        rubric.require_approved()
    except ConfigurationError as error:
        yield Remark(WARNING, f"{error.thing}: it does not score", error.remedy)


def _count(rubric: Rubric) -> Iterator[Remark]:
    if len(rubric.dimensions) not in DIMENSION_COUNTS:
        yield Remark(WARNING, f"{len(rubric.dimensions)} dimensions", "Keep five to seven: fewer hide, more blur.")


def _due(rubric: Rubric, today: date) -> Iterator[Remark]:
    if today >= rubric.review_by:
        yield Remark(
            WARNING,
            f"the weights were due for a review on {rubric.review_by}",
            "Look at them with those who approved them, then set `weights.review_by` a quarter on.",
        )


def _advice(rubric: Rubric) -> Iterator[Remark]:
    for indicator in rubric.indicators:
        missing = [language for language in indicator.languages if language not in indicator.better]
        if missing:
            yield Remark(
                WARNING,
                f"{indicator.id} shows no better wording in {', '.join(missing)}",
                "Add `better`: what somebody whose reply failed could have written.",
            )


@dataclass(frozen=True)
class Trial:
    """An example and what came of it.

    Attributes:
        outcome: What the indicator gave.
        quotes: What its evidence quotes.
        is_right: Whether both are what the example claims.
    """

    indicator: Indicator
    example: Example
    outcome: str
    quotes: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        return self.outcome == self.example.outcome and self.example.quotes in ((), self.quotes)

    @property
    def place(self) -> tuple[Path, int]:
        return self.example.path, self.example.line


def try_examples(rubric: Rubric, only: str | None = None) -> list[Trial]:
    """Run indicators and behaviours on their examples; an unapproved rubric may be tried.

    Args:
        only: Id of the one to try; None for all.

    Raises:
        ConfigurationError: There is no indicator of that name.
    """
    import pandas as pd

    from touchstone.scoring.scorer import score_batch

    indicators = [one for one in rubric.indicators if only in (None, one.id)]
    if not indicators:
        raise ConfigurationError(
            "there is no such indicator", only, "See `touchstone rubric check` for the rubric's file."
        )
    cases = {f"{one.id}/{number}": (one, example) for one in indicators for number, example in enumerate(one.examples)}
    if not cases:
        return []
    frames = [conversation(example.says, example.channel, key, example.language) for key, (_, example) in cases.items()]
    interactions = pd.concat([frame for frame, _ in frames], ignore_index=True)
    messages = pd.concat([frame for _, frame in frames], ignore_index=True)
    scored = score_batch(interactions, messages, _approved(rubric))
    texts = dict(zip(messages["message_key"], messages["text"], strict=True))
    outcomes = {
        (row.interaction_key, row.subject, row.indicator_id): row.outcome
        for row in scored.indicator_scores.itertuples()
    }
    quotes: dict[tuple[str, str, str], list[str]] = {}
    for row in scored.evidence.itertuples():
        quote = texts[row.message_key][row.start_offset : row.end_offset]
        quotes.setdefault((row.interaction_key, row.subject, row.indicator_id), []).append(quote)
    found = []
    for key, (indicator, example) in cases.items():
        place = key, judged_subject(example, indicator), indicator.id
        found.append(Trial(indicator, example, outcomes[place], tuple(quotes.get(place, ()))))
    return found


def _approved(rubric: Rubric) -> Rubric:
    from dataclasses import replace

    return replace(rubric, status="approved", approved_by="a trial", approved_at=date(1970, 1, 1))

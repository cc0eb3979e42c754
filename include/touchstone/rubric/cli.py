"""`touchstone rubric`: look at a rubric before it scores anybody."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from touchstone.errors import ConfigurationError

rubric_app = typer.Typer(help="The rubric that people and AI agents are judged by.", no_args_is_help=True)

RubricPath = Annotated[
    str | None, typer.Argument(help="The rubric's YAML file; without it the one that ships.", show_default=False)
]


@rubric_app.command("check")
def check_rubric(
    path: RubricPath = None,
    today: Annotated[str | None, typer.Option("--today", help="Day to judge due dates by, 2026-03-31.")] = None,
) -> None:
    """Read a rubric and say what could mislead; exit code 1 when it fails.

    Example: touchstone rubric check config/rubric.yml
    """
    from touchstone.rubric import load_rubric
    from touchstone.rubric.check import FAILURE, check

    rubric = load_rubric(path)
    day = _day(today)
    remarks = check(rubric, day)
    for remark in remarks:
        print(f"{'FAIL' if remark.severity == FAILURE else 'warn'} {remark.text}. {remark.remedy}")
    templates = sum(one.is_template for one in rubric.indicators)
    weights = ", ".join(f"{name} {weight:g}" for name, weight in rubric.weights_on(day).items())
    print(
        f"{rubric.id} {rubric.full_version}: {len(rubric.dimensions)} dimensions, "
        f"{len(rubric.indicators) - templates} indicators, {templates} behaviours, "
        f"{len(rubric.profiles)} profiles, languages {', '.join(rubric.languages)}; weights {weights}"
    )
    if any(remark.severity == FAILURE for remark in remarks):
        raise typer.Exit(1)


@rubric_app.command("test")
def try_rubric(
    path: RubricPath = None,
    only: Annotated[str | None, typer.Option("--only", help="Id of one indicator or behaviour.")] = None,
) -> None:
    """Run every indicator and behaviour on its examples; exit code 1 when one does not do what it claims.

    Example: touchstone rubric test config/rubric.yml --only restates_problem
    """
    from touchstone.rubric import load_rubric
    from touchstone.rubric.check import try_examples

    trials = try_examples(load_rubric(path), only)
    wrong = [trial for trial in trials if not trial.is_right]
    for trial in wrong:
        where = f"{trial.place[0].name}, line {trial.place[1]}"
        wanted = f"{trial.example.outcome}{f' with {list(trial.example.quotes)}' if trial.example.quotes else ''}"
        print(f"FAIL {trial.indicator.id} ({where}): {trial.outcome} with {list(trial.quotes)}, not {wanted}")
    untried = {trial.indicator.id for trial in trials}
    print(f"{len(trials) - len(wrong)} of {len(trials)} examples of {len(untried)} indicators are right")
    if wrong:
        raise typer.Exit(1)


def _day(value: str | None) -> date:
    if value is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ConfigurationError("not a date", value, "Write it as 2026-03-31.") from None

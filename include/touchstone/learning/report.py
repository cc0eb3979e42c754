"""The report of a model, for a QA lead: one page that opens anywhere, and the same figures as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from touchstone.learning import gate
from touchstone.learning.model import Learned, Model
from touchstone.reports import formats
from touchstone.statefiles import write_atomic

PAGE, DOCUMENT = "report.html", "report.json"
NAMES = {
    "krippendorff_alpha": "Krippendorff's alpha",
    "icc": "Intraclass correlation, ICC(1)",
    "kappa": "Kappa",
    "weighted_kappa": "Quadratic weighted kappa",
    "exact": "Same value",
    "adjacent": "At most a quarter of the scale apart",
    "one_against_others": "One person with the mean of the others, Spearman",
    "spearman": "Spearman with the mean of people",
    "mae": "Mean absolute difference",
    "bias": "Mean difference, machine minus people",
    "standardised_difference": "Standardised mean difference",
}


Checks = Mapping[str, Sequence[gate.Check]]
"""Conditions of the release gate by target; without them, those that the model's file can answer."""


def document(model: Model, now: datetime | None = None, checks: Checks | None = None) -> dict[str, Any]:
    """Everything that the page shows."""
    now = now or datetime.now(UTC)
    return {
        "version": model.version,
        "state": model.state,
        "observed_since": model.observed_since,
        "manifest": model.manifest,
        "dimensions": [
            {**one.report, "gate": [asdict(check) for check in _checks(one, model, now, checks)]}
            for one in model.learned
        ],
    }


def render(model: Model, folder: str | Path, now: datetime | None = None, checks: Checks | None = None) -> Path:
    """Write `report.html` and `report.json` into a folder; the path of the page is returned."""
    folder, now = Path(folder), now or datetime.now(UTC)
    environment = Environment(
        loader=PackageLoader("touchstone.learning"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["words"] = formats.words
    style, _, _ = PackageLoader("touchstone.reports").get_source(environment, "style.css.j2")
    page = environment.get_template("model.html.j2").render(
        model=model,
        data=model.manifest["data"],
        parts=[_part(one.report, _checks(one, model, now, checks)) for one in model.learned],
        names=NAMES,
        style=Markup(style),  # noqa: S704 - the product's own style sheet
    )
    folder.mkdir(parents=True, exist_ok=True)
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
    write_atomic(folder / DOCUMENT, orjson.dumps(document(model, now, checks), option=options).decode() + "\n", 0o644)
    write_atomic(folder / PAGE, page, 0o644)
    return folder / PAGE


def _checks(one: Learned, model: Model, now: datetime, checks: Checks | None) -> Sequence[gate.Check]:
    return gate.checks(one.report, model.observed_since, now) if checks is None else checks[one.target.name]


def _part(report: dict[str, Any], checks: Sequence[gate.Check]) -> dict[str, Any]:
    by_name = {row["name"]: row for row in report["human_machine"]}
    return {
        "report": report,
        "checks": checks,
        "missing": gate.blocking(checks),
        "spearman": by_name.get("spearman"),
        "kappa": by_name.get("kappa"),
        "against": next((row for row in report["human_human"] if row["name"] == "one_against_others"), None),
    }

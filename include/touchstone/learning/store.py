"""Model files: a folder with `model.json` and `arrays.npz` (`touchstone.arrayfolders`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from touchstone.arrayfolders import ArrayFolder
from touchstone.errors import ConfigurationError, TouchstoneError
from touchstone.learning import gate
from touchstone.learning.calibration import Calibration
from touchstone.learning.estimator import Choice, Estimator, Linear, Standard
from touchstone.learning.features import FEATURES_VERSION, Phrases
from touchstone.learning.forest import Forest
from touchstone.learning.labels import Target
from touchstone.learning.model import Learned, Model
from touchstone.learning.vectors import BITS, VECTORS_VERSION, Weights

DOCUMENT = "model.json"
_FILES = ArrayFolder(
    what="the model",
    document=DOCUMENT,
    versions={"format": 2, "features_version": FEATURES_VERSION, "vectors_version": VECTORS_VERSION},
    other_version="the model was made by another version of the features",
    make_again="Train it again.",
    copy_again="Train it again or copy it whole.",
)
_FOREST = ("roots", "feature", "threshold", "child", "value")


def save(model: Model, folder: str | Path) -> Path:
    """Write a model; one that stands there already is replaced.

    Raises:
        ConfigurationError: Something else than a model stands there.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, weights in model.weights.items():
        _sparse(arrays, f"weights/{name}", weights.inverse[:, None])
    learned = [_packed(f"{at}", one, arrays) for at, one in enumerate(model.learned)]
    document = {
        "version": model.version,
        "state": model.state,
        "observed_since": model.observed_since,
        "history": model.history,
        "phrases": {"lists": model.phrases.lists, "negatable": model.phrases.negatable},
        "indicators": model.indicators,
        "languages": model.languages,
        "weights": sorted(model.weights),
        "manifest": model.manifest,
        "learned": learned,
    }
    return _FILES.save(Path(folder), document, arrays)


def load(folder: str | Path) -> Model:
    """Read a model.

    Raises:
        ConfigurationError: There is no model, it was cut or changed, or it was made by another version of the features.
    """
    folder = Path(folder)
    if not _FILES.is_at(folder):
        raise ConfigurationError("there is no model", str(folder), "Make one with `touchstone train`.")
    with _FILES.opened(folder) as (document, arrays):
        phrases = Phrases(document["phrases"]["lists"], document["phrases"]["negatable"])
        weights = {name: Weights(_dense(arrays, f"weights/{name}")[:, 0]) for name in document["weights"]}
        learned = [_unpacked(f"{at}", one, arrays) for at, one in enumerate(document["learned"])]
        since = document["observed_since"]
        return Model(
            version=document["version"],
            learned=learned,
            phrases=phrases,
            weights=weights,
            indicators=document["indicators"],
            languages=document["languages"],
            manifest=document["manifest"],
            state=document["state"],
            observed_since=datetime.fromisoformat(since) if since else None,
            history=document["history"],
        )


def set_state(folder: str | Path, state: str, *, by: str, reason: str = "", now: datetime | None = None) -> Model:
    """Move a model between observe, active and retired.

    Args:
        by: Who decides; kept in the model's history.

    Raises:
        TouchstoneError: The gate does not hold (its open conditions are named), or the state cannot follow the present one.
    """
    model, now = load(folder), now or datetime.now(UTC)
    if state not in gate.STATES:
        raise ConfigurationError("there is no such state", state, f"Use one of {', '.join(gate.STATES)}.")
    if model.state == gate.RETIRED and state != gate.RETIRED:
        raise TouchstoneError("a retired model stays retired", model.version, "Train a new one.")
    if state == gate.ACTIVE:
        missing = {
            f"{one.target.name} ({one.target.grain})": gate.blocking(gate.checks(one.report, model.observed_since, now))
            for one in model.learned
        }
        open_conditions = [f"{name}: {'; '.join(reasons)}" for name, reasons in missing.items() if reasons]
        if open_conditions:
            raise TouchstoneError("the release gate does not hold", " | ".join(open_conditions), "Keep observing.")
    if state == gate.OBSERVE and model.observed_since is None:
        model.observed_since = now
    model.history.append({"at": now.isoformat(), "from": model.state, "to": state, "by": by, "reason": reason})
    model.state = state
    save(model, folder)
    return model


# --- arrays


def _sparse(arrays: dict[str, np.ndarray], name: str, matrix: np.ndarray) -> None:
    """Rows of a tall matrix that hold anything."""
    rows = np.flatnonzero(np.any(matrix != 0, axis=1)).astype(np.int32)
    arrays[f"{name}/rows"], arrays[f"{name}/values"] = rows, matrix[rows].astype(np.float32)


def _dense(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    rows, values = arrays[f"{name}/rows"], arrays[f"{name}/values"]
    found = np.zeros((1 << BITS, values.shape[1]), dtype=np.float32)
    found[rows] = values
    return found


def _packed(name: str, one: Learned, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    linear, forest, calibrated = one.estimator.linear, one.estimator.forest, one.calibration
    for (view, kind), coefficients in linear.text.items():
        _sparse(arrays, f"{name}/text/{view}/{kind}", coefficients)
    arrays |= {
        f"{name}/intercept": linear.intercept,
        f"{name}/figures": linear.figures,
        f"{name}/mean": linear.standard.mean,
        f"{name}/scale": linear.standard.scale,
        f"{name}/centre": one.estimator.centre,
        f"{name}/blend": one.estimator.blend,
        f"{name}/calibration": calibrated.coefficients,
        f"{name}/levels": one.levels,
        f"{name}/seen": one.seen,
    }
    if forest is not None:
        arrays |= {f"{name}/forest/{part}": values for part, values in forest.arrays().items()}
    if calibrated.shares is not None:
        arrays[f"{name}/shares"] = calibrated.shares
    return {
        "target": asdict(one.target),
        "views": [list(key) for key in linear.text],
        "choices": [asdict(choice) for choice in linear.choices],
        "has_forest": forest is not None,
        "is_ordinal": calibrated.is_ordinal,
        "exponent": calibrated.exponent,
        "figure_names": one.estimator.names,
        "report": one.report,
    }


def _unpacked(name: str, stored: dict[str, Any], arrays: dict[str, np.ndarray]) -> Learned:
    text = {(view, kind): _dense(arrays, f"{name}/text/{view}/{kind}") for view, kind in stored["views"]}
    linear = Linear(
        choices=tuple(Choice(tuple(one["mix"]), one["alpha"], one["weight"]) for one in stored["choices"]),
        intercept=arrays[f"{name}/intercept"],
        text=text,
        figures=arrays[f"{name}/figures"],
        standard=Standard(arrays[f"{name}/mean"], arrays[f"{name}/scale"]),
    )
    forest = Forest(*(arrays[f"{name}/forest/{part}"] for part in _FOREST)) if stored["has_forest"] else None
    if forest is not None:
        _check_forest(forest, len(stored["figure_names"]))
    fitted = Estimator(
        linear,
        forest,
        arrays[f"{name}/blend"],
        arrays[f"{name}/centre"],
        stored["figure_names"],
        stored["report"]["chosen"]["tried"],
    )
    calibrated = Calibration(
        arrays[f"{name}/calibration"], stored["is_ordinal"], stored["exponent"], arrays.get(f"{name}/shares")
    )
    target = stored["target"]
    made: dict[str, Callable[[Any], Any]] = {"sides": tuple, "classes": tuple, "cuts": tuple, "levels": tuple}
    target |= {key: convert(target[key]) for key, convert in made.items()}
    target["scale"] = tuple(target["scale"]) if target["scale"] else None
    return Learned(
        Target(**target), fitted, calibrated, arrays[f"{name}/levels"], stored["report"], arrays[f"{name}/seen"]
    )


def _check_forest(forest: Forest, width: int) -> None:
    """Nodes of a stored forest point inside it."""
    nodes = len(forest.feature)
    inner = forest.feature >= 0
    if np.any(forest.feature >= width) or np.any(forest.child < 0) or np.any(forest.child[inner] + 1 >= nodes):
        raise ValueError("a tree points outside of itself")


__all__ = ["load", "save", "set_state"]

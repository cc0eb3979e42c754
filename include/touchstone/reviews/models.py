"""`scores.model_registry`: models that have learned from reviewers, and which of them readers see.

Training is `touchstone.learning.model.train`, as on files, over `feedback.human_reviews` and the clean conversations of core. A new
model observes: it scores beside what readers see, for 30 days, and is compared with people. Activation asks the release gate of
every target that is to be shown, with the figures of training (cross-validated) and those of observation (of interactions that
the model has not learned from); it changes which calibrated scores are shown and nothing else. One model of a kind is active.

The registry's row holds the model itself, and what made it: `reproduce` trains again from the row and compares.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import psycopg
from psycopg.types.json import Jsonb

from touchstone.arrayfolders import ARRAYS
from touchstone.errors import ConfigurationError, TouchstoneError
from touchstone.learning import agreement, gate, store
from touchstone.learning.features import FEATURES_VERSION
from touchstone.learning.gate import Check
from touchstone.learning.labels import INTERACTION
from touchstone.learning.model import SEED, Model, train
from touchstone.learning.reviews import Review, Reviews
from touchstone.reviews.comparison import Pair, machine_pairs, on_levels
from touchstone.reviews.conversations import dialogues_of, name_of, side_of
from touchstone.settings import Settings, get_settings
from touchstone.warehouse import ledger
from touchstone.warehouse.engine import connect
from touchstone.warehouse.locks import pipeline_lock

CALIBRATOR = "calibrator"
TRAIN_STEP = "models_train"
_LIST_COLUMNS = (
    "model_id",
    "kind",
    "state",
    "targets",
    "shown_targets",
    "review_count",
    "interaction_count",
    "reviewer_count",
    "trained_as_of",
    "observed_since",
    "activated_as_of",
    "retired_as_of",
    "metrics",
)


@dataclass(frozen=True)
class Trained:
    """A model in the registry. `is_new` is false where the same data have made it before."""

    model_id: str
    model: Model
    reviews: int
    interactions: int
    is_new: bool


def reviews_of(connection: psycopg.Connection, last_review_id: int | None = None) -> tuple[Reviews, int]:
    """Review rows as learning reads them, and the number of the last one.

    Args:
        last_review_id: Of a training set of the past; None takes what holds now.
    """
    last = last_review_id
    if last is None:
        last = connection.execute("select coalesce(max(review_id), 0) from feedback.human_reviews").fetchone()[0]
    rows = connection.execute(
        """
        select interaction_key, subject, message_key, reviewer, dimension_id, value, label, scale_min, scale_max, judged_at,
            rubric_version, is_blind, indicator_id, tier, score
        from feedback.human_reviews
        where review_id <= %(last)s and (superseded_by is null or superseded_by > %(last)s)
        order by review_id
        """,
        {"last": last},
    ).fetchall()
    scales: dict[tuple[str, str | None], set[tuple[Any, ...]]] = {}
    for row in rows:
        scales.setdefault((row[4], row[12]), set()).add(row[7:9])
    found = Reviews()
    for (
        key,
        subject,
        message,
        reviewer,
        dimension,
        value,
        label,
        low,
        high,
        moment,
        rubric,
        blind,
        indicator,
        tier,
        score,
    ) in rows:
        said: float | str = label if value is None else value
        if value is not None and len(scales[dimension, indicator]) > 1:
            # judged on several scales: all of them as shares of their scale
            said, low, high = score, 0.0, 100.0
        found.rows.append(
            Review(
                interaction_id=name_of(key, subject),
                message_id=message,
                reviewer=reviewer,
                dimension=dimension,
                value=said,
                scale_min=low,
                scale_max=high,
                reviewed_at=moment,
                rubric_version=rubric,
                blind=blind,
                indicator=indicator,
                tier=tier,
                subject=subject,
            )
        )
    return found, last


def train_model(
    as_of: datetime,
    settings: Settings | None = None,
    *,
    seed: int = SEED,
    cuts: dict[str, list[float]] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Trained:
    """Learn from the reviews that the warehouse holds; the model begins to observe.

    Args:
        as_of: End of the ledger day, from which the days of observation count.
        cuts: Dimension -> lowest values of the upper tiers, on the reviewers' scale.

    Raises:
        TouchstoneError: Nothing can be learned; the message says why, dimension by dimension.
    """
    with (
        pipeline_lock(settings),
        ledger.step(TRAIN_STEP, as_of=as_of, settings=settings) as run,
        connect("transformer", settings=settings, application_name="touchstone models train") as connection,
    ):
        reviews, last = reviews_of(connection)
        model = _train(connection, reviews, seed, cuts or {}, progress)
        run.rows_in = run.rows_out = len(reviews.rows)
        run.versions |= {"model": model.version, "features": FEATURES_VERSION}
        sides = {side_of(row.interaction_id) for row in reviews.rows}
        held = connection.execute("select 1 from scores.model_registry where model_id = %s", [model.version]).fetchone()
        if not held:
            _register(connection, model, reviews, last, sides, as_of, run.run_id, seed, cuts or {})
            connection.commit()
        return Trained(model.version, model, len(reviews.rows), len(sides), not held)


def _train(
    connection: psycopg.Connection,
    reviews: Reviews,
    seed: int,
    cuts: dict[str, list[float]],
    progress: Callable[[str], None] | None,
) -> Model:
    sides = sorted({side_of(row.interaction_id) for row in reviews.rows})
    # scores of the warehouse are 0 to 100 with tiers; so are those that are learned, whatever scale people used
    scales = {row.name: (row.scale_min, row.scale_max) for row in reviews.rows if row.scale_min is not None}
    parameters = get_settings().parameters
    tiers = [parameters["tier_acceptable"] / 100, parameters["tier_excellent"] / 100]
    usual = {name: [low + share * (high - low) for share in tiers] for name, (low, high) in scales.items()}  # type: ignore[operator]
    return train(reviews, dialogues_of(connection, sides), seed=seed, cuts=usual | cuts, progress=progress)


def _register(
    connection: psycopg.Connection,
    model: Model,
    reviews: Reviews,
    last: int,
    sides: set[tuple[str, str]],
    as_of: datetime,
    run_id: int,
    seed: int,
    cuts: dict[str, list[float]],
) -> None:
    artifact = pack(model)
    connection.execute(
        """
        insert into scores.model_registry (model_id, kind, state, targets, last_review_id, data_hash, feature_version, seed,
            parameters, review_count, interaction_count, reviewer_count, metrics, artifact, artifact_hash, trained_as_of,
            observed_since, run_id)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [
            model.version,
            CALIBRATOR,
            gate.OBSERVE,
            [one.target.name for one in model.learned],
            last,
            _data_hash(model),
            FEATURES_VERSION,
            seed,
            Jsonb({"cuts": cuts, "versions": model.manifest["versions"]}),
            len(reviews.rows),
            len({key for key, _ in sides}),
            len({row.reviewer for row in reviews.rows}),
            Jsonb(
                {"targets": [one.report for one in model.learned], "skipped": model.manifest["skipped"]}, dumps=_dumps
            ),
            artifact,
            hashlib.sha256(artifact).hexdigest(),
            as_of,
            as_of,
            run_id,
        ],
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into scores.model_training (model_id, interaction_key, subject) values (%s, %s, %s)",
            [(model.version, *side) for side in sorted(sides)],
        )
    _note(connection, model.version, gate.OBSERVE, as_of, {})


def _data_hash(model: Model) -> str:
    data = model.manifest["data"]
    return hashlib.sha256(f"{data['reviews']}:{data['conversations']}".encode()).hexdigest()


def _dumps(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def pack(model: Model) -> bytes:
    """A model's files as one archive; equal models give equal bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = store.save(model, Path(folder) / "model")
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
            for name in (store.DOCUMENT, ARRAYS):
                archive.writestr(zipfile.ZipInfo(name), (path / name).read_bytes())
        return content.getvalue()


def unpack(artifact: bytes) -> Model:
    """The model of an archive that `pack` made."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(io.BytesIO(artifact)) as archive:
        for name in (store.DOCUMENT, ARRAYS):
            (Path(folder) / name).write_bytes(archive.read(name))
        return store.load(folder)


def load_model(connection: psycopg.Connection, model_id: str) -> Model:
    """A registered model, in its present state.

    Raises:
        ConfigurationError: There is no such model, or it cannot be read by this version.
    """
    row = connection.execute(
        "select artifact, artifact_hash, state, observed_since from scores.model_registry where model_id = %s",
        [model_id],
    ).fetchone()
    if row is None:
        raise _unknown(connection, model_id)
    artifact, digest, state, since = row
    if hashlib.sha256(artifact).hexdigest() != digest:
        raise ConfigurationError("the stored model was changed", model_id, "Train it again.")
    model = unpack(artifact)
    model.state, model.observed_since = state, since
    return model


def _unknown(connection: psycopg.Connection, model_id: str) -> ConfigurationError:
    known = ", ".join(row[0] for row in connection.execute("select model_id from scores.model_registry order by 1"))
    return ConfigurationError("there is no such model", model_id, f"Known: {known or 'none; train one first'}.")


def list_models(connection: psycopg.Connection) -> list[dict[str, Any]]:
    """Rows of the registry without the models themselves, the newest first."""
    rows = connection.execute(
        f"select {', '.join(_LIST_COLUMNS)} from scores.model_registry order by trained_as_of desc, model_id"  # noqa: S608
    )
    return [dict(zip(_LIST_COLUMNS, row, strict=True)) for row in rows]


def reproduce(model_id: str, settings: Settings | None = None) -> dict[str, bool]:
    """Train again from what the registry's row says, and compare: the data, and the model to the last byte."""
    with connect("transformer", settings=settings, application_name="touchstone models verify") as connection:
        row = connection.execute(
            "select last_review_id, data_hash, seed, parameters, artifact_hash from scores.model_registry where model_id = %s",
            [model_id],
        ).fetchone()
        if row is None:
            raise _unknown(connection, model_id)
        last, data_hash, seed, parameters, artifact_hash = row
        reviews, _ = reviews_of(connection, last)
        model = _train(connection, reviews, seed, parameters["cuts"], None)
    return {
        "data": _data_hash(model) == data_hash,
        "model": hashlib.sha256(pack(model)).hexdigest() == artifact_hash,
    }


# --- states


def release_checks(
    connection: psycopg.Connection, model_id: str, as_of: datetime, settings: Settings | None = None
) -> dict[str, list[Check]]:
    """Conditions of the release gate by target, with what was measured."""
    row = connection.execute(
        "select observed_since, metrics from scores.model_registry where model_id = %s", [model_id]
    ).fetchone()
    if row is None:
        raise _unknown(connection, model_id)
    since, metrics = row
    least = (settings or get_settings()).parameters["observation_min_n"]
    seen: dict[str, list[Pair]] = {}
    for pair in machine_pairs(connection, as_of, model_id=model_id):
        if since is not None and (pair.reviewed_at is None or pair.reviewed_at >= since):
            seen.setdefault(pair.dimension_id, []).append(pair)
    found: dict[str, list[Check]] = {}
    for report in metrics["targets"]:
        name = report["dimension"]
        alike = [one for one in seen.get(name, []) if (one.message_key is None) == (report["grain"] == INTERACTION)]
        found.setdefault(name, []).extend([*gate.checks(report, since, as_of), *_observed(report, alike, least)])
    return found


def _observed(report: dict[str, Any], pairs: list[Pair], least: int) -> list[Check]:
    """What people said during observation about what the model has not learned from."""
    checks = [Check("judgements in observation", len(pairs) >= least, f"{len(pairs)}", f"at least {least}")]
    people = report["human_kappa"]
    if len(pairs) >= least and people is not None:
        person, machine = on_levels(pairs)
        measured = agreement.kappa(person, machine, quadratic=pairs[0].label is None)
        lowest = people - gate.KAPPA_MARGIN
        shown = "not defined" if measured is None else f"{measured:.3f}"
        holds = measured is not None and measured >= lowest
        checks.append(Check("kappa with people in observation", holds, shown, f"at least {lowest:.3f}"))
    return checks


def activate(
    model_id: str, as_of: datetime, settings: Settings | None = None, *, only: Iterable[str] = ()
) -> dict[str, list[Check]]:
    """Show a model's calibrated scores to readers, in place of those of the active one of its kind.

    Args:
        only: Targets to show; the others go on observing. None named: all of them.

    Returns:
        The conditions of the release gate by target.

    Raises:
        TouchstoneError: The gate does not hold for a target that is to be shown; what is missing is named.
        ConfigurationError: There is no such model or target, or it is retired.
    """
    with (
        pipeline_lock(settings),
        connect("transformer", settings=settings, application_name="touchstone models activate") as connection,
    ):
        state, targets, kind = _state(connection, model_id)
        if state == gate.RETIRED:
            raise ConfigurationError("the model is retired", model_id, "`touchstone models observe` takes it back.")
        shown = list(dict.fromkeys(only)) or targets
        if unknown := [name for name in shown if name not in targets]:
            raise ConfigurationError("the model has no such target", unknown[0], f"It has {', '.join(targets)}.")
        found = release_checks(connection, model_id, as_of, settings)
        missing = [f"{name}: {'; '.join(gate.blocking(found[name]))}" for name in shown if gate.blocking(found[name])]
        if missing:
            holding = [name for name in targets if not gate.blocking(found[name])]
            advice = f" Or show what holds: {' '.join(f'--only {name}' for name in holding)}." if holding else ""
            raise TouchstoneError("the release gate does not hold", " | ".join(missing), f"Keep observing.{advice}")
        for (other,) in connection.execute(
            "select model_id from scores.model_registry where kind = %s and state = 'active' and model_id <> %s",
            [kind, model_id],
        ).fetchall():
            _retire(connection, other, as_of, f"{model_id} took its place")
        connection.execute(
            "update scores.model_registry set state = 'active', shown_targets = %s, activated_as_of = %s where model_id = %s",
            [shown, as_of, model_id],
        )
        record = {name: [vars(check) for check in checks] for name, checks in found.items()}
        _note(connection, model_id, gate.ACTIVE, as_of, record)
        _announce(connection)
        connection.commit()
        return found


def observe(model_id: str, as_of: datetime, settings: Settings | None = None) -> None:
    """Take a model out of what readers see, or back from retirement, and let it observe; its days count anew.

    Raises:
        ConfigurationError: There is no such model, or it observes already.
    """
    with (
        pipeline_lock(settings),
        connect("transformer", settings=settings, application_name="touchstone models observe") as connection,
    ):
        state, _, _ = _state(connection, model_id)
        if state == gate.OBSERVE:
            raise ConfigurationError("the model observes already", model_id, "Nothing is to be done.")
        connection.execute(
            """
            update scores.model_registry set state = 'observe', shown_targets = '{}', observed_since = %s,
                activated_as_of = null, retired_as_of = null, is_complete = false
            where model_id = %s
            """,
            [as_of, model_id],
        )
        _note(connection, model_id, gate.OBSERVE, as_of, {})
        if state == gate.ACTIVE:
            _announce(connection)
        connection.commit()


def retire(model_id: str, as_of: datetime, settings: Settings | None = None) -> None:
    """Let a model score no more; its rows stay.

    Raises:
        ConfigurationError: There is no such model, or it is retired already.
    """
    with (
        pipeline_lock(settings),
        connect("transformer", settings=settings, application_name="touchstone models retire") as connection,
    ):
        state, _, _ = _state(connection, model_id)
        if state == gate.RETIRED:
            raise ConfigurationError("the model is retired already", model_id, "Nothing is to be done.")
        _retire(connection, model_id, as_of)
        if state == gate.ACTIVE:
            _announce(connection)
        connection.commit()


def _state(connection: psycopg.Connection, model_id: str) -> tuple[str, list[str], str]:
    row = connection.execute(
        "select state, targets, kind from scores.model_registry where model_id = %s for update", [model_id]
    ).fetchone()
    if row is None:
        raise _unknown(connection, model_id)
    return row


def _retire(connection: psycopg.Connection, model_id: str, as_of: datetime, reason: str | None = None) -> None:
    connection.execute(
        """
        update scores.model_registry set state = 'retired', shown_targets = '{}', retired_as_of = %s where model_id = %s
        """,
        [as_of, model_id],
    )
    _note(connection, model_id, gate.RETIRED, as_of, {}, reason)


def set_aside(connection: psycopg.Connection, model_id: str, state: str, as_of: datetime, reason: str) -> None:
    """Retire a model that this version cannot use any more, in the caller's transaction: the other scores go on without it."""
    _retire(connection, model_id, as_of, reason)
    if state == gate.ACTIVE:
        _announce(connection)


def _note(
    connection: psycopg.Connection,
    model_id: str,
    state: str,
    as_of: datetime,
    checks: dict[str, Any],
    reason: str | None = None,
) -> None:
    connection.execute(
        "insert into scores.model_events (model_id, state, as_of, gate, reason) values (%s, %s, %s, %s, %s)",
        [model_id, state, as_of, Jsonb(checks, dumps=_dumps), reason],
    )


def _announce(connection: psycopg.Connection) -> None:
    """Readers are about to see other calibrated scores of whatever a model has scored."""
    connection.execute(
        """
        insert into ops.interaction_changes (interaction_key, reason, run_id)
        select interaction_key, 'scored', 0 from (select distinct interaction_key from scores.model_scores) as scored
        order by interaction_key
        """
    )

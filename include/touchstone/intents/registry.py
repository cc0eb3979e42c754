"""`scores.intent_models`: models of intents that a company has trained, and which one reads its questions.

A folder of `touchstone intents train` is registered as it is; the row holds the model, so that the warehouse needs no folder. One
model is active, by somebody's decision: without any the step `intents` reads nothing. A model is activated only where the figures of
its own report, of questions that it had not seen, show that it can be used.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import psycopg
from psycopg.types.json import Jsonb

from touchstone.arrayfolders import ARRAYS
from touchstone.errors import ConfigurationError, TouchstoneError
from touchstone.intents.model import DOCUMENT, Model, load
from touchstone.learning.gate import Check, blocking
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect
from touchstone.warehouse.locks import pipeline_lock

REGISTERED, ACTIVE, RETIRED = "registered", "active", "retired"
LEAST_TESTED = 100
"""Questions that a model was tested on, from which its figures say enough to use it."""
CALIBRATION_LIMIT = 0.1
_LIST_COLUMNS = (
    "model_version",
    "state",
    "intents",
    "vectors",
    "fitted_count",
    "report",
    "registered_as_of",
    "activated_as_of",
    "retired_as_of",
)


@dataclass(frozen=True)
class Registered:
    """What became of a folder; `is_new` is false where the same model was registered before."""

    model: Model
    checks: list[Check]
    is_new: bool


def release_checks(report: dict[str, Any]) -> list[Check]:
    """Conditions of a model's use, with what its report measured on questions that it had not seen."""
    try:
        accuracy, novelty = report["accuracy"], report["novelty"]
        usual = max(one["recall"]["n"] for one in report["by_intent"]) / accuracy["n"]
        error, false_novel = report["calibration"]["expected_calibration_error"], novelty["false_novel_rate"]
        wished = novelty["wished_false_novel_rate"]
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return [Check("figures of unseen questions", False, "none", "a report made by `touchstone intents train`")]
    return [
        Check("tested questions", accuracy["n"] >= LEAST_TESTED, f"{accuracy['n']}", f"at least {LEAST_TESTED}"),
        Check(
            "accuracy, lower limit",
            accuracy["low"] > usual,
            f"{accuracy['low']:.3f}",
            f"above {usual:.3f}, the share of the commonest intent",
        ),
        Check("calibration error", error <= CALIBRATION_LIMIT, f"{error:.3f}", f"at most {CALIBRATION_LIMIT}"),
        Check(
            "false-novel rate, lower limit",
            false_novel["low"] <= wished,
            f"{false_novel['low']:.3f}",
            f"at most the wished {wished:.3f}",
        ),
    ]


def register(folder: str | Path, as_of: datetime, settings: Settings | None = None) -> Registered:
    """Take a trained model into the warehouse; it is used from its activation on.

    Raises:
        ConfigurationError: The folder holds no model that this version can use, or another model of the same version is registered.
    """
    model = load(folder)
    artifact = pack(Path(folder))
    digest = hashlib.sha256(artifact).hexdigest()
    checks = release_checks(model.report)
    with (
        pipeline_lock(settings),
        connect("transformer", settings=settings, application_name="touchstone intents register") as connection,
    ):
        held = connection.execute(
            "select artifact_hash from scores.intent_models where model_version = %s", [model.version]
        ).fetchone()
        if held is not None:
            if held[0] != digest:
                raise ConfigurationError(
                    "another model of this version is registered",
                    model.version,
                    "Use that one, or train with more labels.",
                )
            return Registered(model, checks, False)
        connection.execute(
            """
            insert into scores.intent_models (model_version, state, intents, vectors, taxonomy_version, data_hash, fitted_count,
                report, artifact, artifact_hash, registered_as_of)
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                model.version,
                REGISTERED,
                model.intents,
                model.vectors,
                model.manifest["versions"]["taxonomy"],
                model.manifest["data"]["hash"],
                model.manifest["data"]["rows_fitted"],
                Jsonb(model.report, dumps=_dumps),
                artifact,
                digest,
                as_of,
            ],
        )
        _note(connection, model.version, REGISTERED, as_of, checks)
        connection.commit()
    return Registered(model, checks, True)


def activate(version: str, as_of: datetime, settings: Settings | None = None) -> list[Check]:
    """Let a model read the questions, in place of the active one, whose rows stay.

    Raises:
        ConfigurationError: There is no such model, this version of the code cannot read it, or it is active.
        TouchstoneError: Its report does not show that it can be used; what is missing is named.
    """
    with (
        pipeline_lock(settings),
        connect("transformer", settings=settings, application_name="touchstone intents activate") as connection,
    ):
        state, report = _row(connection, version)
        if state == ACTIVE:
            raise ConfigurationError("the model is active already", version, "Nothing is to be done.")
        checks = release_checks(report)
        if missing := blocking(checks):
            raise TouchstoneError(
                "the model cannot be used", f"{version}: {'; '.join(missing)}", "Label more questions and train again."
            )
        load_model(connection, version)
        for (other,) in connection.execute(
            "select model_version from scores.intent_models where state = 'active'"
        ).fetchall():
            _retire(connection, other, as_of, f"{version} took its place")
        connection.execute(
            """
            update scores.intent_models set state = 'active', activated_as_of = %s, retired_as_of = null, is_complete = false
            where model_version = %s
            """,
            [as_of, version],
        )
        _note(connection, version, ACTIVE, as_of, checks)
        connection.commit()
        return checks


def retire(version: str, as_of: datetime, settings: Settings | None = None) -> None:
    """Let a model read no more; what it has said stays in `scores.intents`, and leaves the marts.

    Raises:
        ConfigurationError: There is no such model, or it is not in use.
    """
    with (
        pipeline_lock(settings),
        connect("transformer", settings=settings, application_name="touchstone intents retire") as connection,
    ):
        if _row(connection, version)[0] == RETIRED:
            raise ConfigurationError("the model is retired already", version, "Nothing is to be done.")
        _retire(connection, version, as_of, None)
        connection.commit()


def set_aside(connection: psycopg.Connection, version: str, as_of: datetime, reason: str) -> None:
    """Retire a model that this version of the code cannot use any more, in the caller's transaction."""
    _retire(connection, version, as_of, reason)


def list_models(connection: psycopg.Connection) -> list[dict[str, Any]]:
    """Rows of the registry without the models themselves, the newest first."""
    rows = connection.execute(
        f"select {', '.join(_LIST_COLUMNS)} from scores.intent_models order by registered_as_of desc, model_version"  # noqa: S608
    )
    return [dict(zip(_LIST_COLUMNS, row, strict=True)) for row in rows]


def load_model(connection: psycopg.Connection, version: str) -> Model:
    """A registered model.

    Raises:
        ConfigurationError: There is no such model, it was changed, or it cannot be read by this version of the code.
    """
    row = connection.execute(
        "select artifact, artifact_hash from scores.intent_models where model_version = %s", [version]
    ).fetchone()
    if row is None:
        raise _unknown(connection, version)
    if hashlib.sha256(row[0]).hexdigest() != row[1]:
        raise ConfigurationError("the stored model was changed", version, "Train it again.")
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(io.BytesIO(row[0])) as archive:
        for name in (DOCUMENT, ARRAYS):
            (Path(folder) / name).write_bytes(archive.read(name))
        return load(folder)


def pack(folder: Path) -> bytes:
    """A model's files as one archive; equal files give equal bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name in (DOCUMENT, ARRAYS):
            archive.writestr(zipfile.ZipInfo(name), (folder / name).read_bytes())
    return content.getvalue()


def _row(connection: psycopg.Connection, version: str) -> tuple[str, dict[str, Any]]:
    row = connection.execute(
        "select state, report from scores.intent_models where model_version = %s for update", [version]
    ).fetchone()
    if row is None:
        raise _unknown(connection, version)
    return row


def _unknown(connection: psycopg.Connection, version: str) -> ConfigurationError:
    known = ", ".join(row[0] for row in connection.execute("select model_version from scores.intent_models order by 1"))
    remedy = f"Known: {known}." if known else "Register one with `touchstone intents register FOLDER`."
    return ConfigurationError("there is no such model of intents", version, remedy)


def _retire(connection: psycopg.Connection, version: str, as_of: datetime, reason: str | None) -> None:
    was_active = connection.execute(
        """
        with before as (select state from scores.intent_models where model_version = %(version)s)
        update scores.intent_models set state = 'retired', retired_as_of = %(as_of)s
        from before where model_version = %(version)s
        returning before.state = 'active'
        """,
        {"version": version, "as_of": as_of},
    ).fetchone()[0]
    _note(connection, version, RETIRED, as_of, [], reason)
    if was_active:
        # its rows leave what readers see
        connection.execute(
            """
            insert into ops.interaction_changes (interaction_key, reason, run_id)
            select interaction_key, 'scored', 0
            from (select distinct interaction_key from scores.intents where model_version = %s) as scored
            order by interaction_key
            """,
            [version],
        )


def _note(
    connection: psycopg.Connection,
    version: str,
    state: str,
    as_of: datetime,
    checks: list[Check],
    reason: str | None = None,
) -> None:
    connection.execute(
        "insert into scores.intent_model_events (model_version, state, as_of, gate, reason) values (%s, %s, %s, %s, %s)",
        [version, state, as_of, Jsonb([vars(check) for check in checks], dumps=_dumps), reason],
    )


def _dumps(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()

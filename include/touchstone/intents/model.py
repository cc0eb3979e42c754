"""A model of a company's intents: train, predict, and a file that can be judged.

`train` and `Model.predict` are what the commands, the warehouse and the table of quality call; there is no other path. A model is
a folder (`touchstone.arrayfolders`) with `model.json`, what was read, versions and figures, and `arrays.npz`. It holds no text: hashed terms, and sentence vectors of the labelled questions rounded
to bytes. Train on redacted questions: a vector still tells what its question was about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd

from touchstone.arrayfolders import ArrayFolder
from touchstone.errors import ConfigurationError, TouchstoneError
from touchstone.intents import figures, machine
from touchstone.intents.files import Labelled, Labels
from touchstone.intents.machine import Machine
from touchstone.intents.vectors import STATIC, TRANSFORMER, VECTORS_VERSION, embed
from touchstone.learning import vectors as terms

MACHINE_VERSION = "kernel-ridge-1"
SEED = 7
FALSE_NOVEL = 0.05
KNOWN_KINDS = {STATIC: (STATIC,), TRANSFORMER: (STATIC, TRANSFORMER)}
BATCH = 2_000
DOCUMENT = "model.json"
_FILES = ArrayFolder(
    what="the model",
    document=DOCUMENT,
    versions={
        "format": 1,
        "machine_version": MACHINE_VERSION,
        "vectors_version": VECTORS_VERSION,
        "terms_version": terms.VECTORS_VERSION,
    },
    other_version="the model was made by another version of the features",
    make_again="Train it again.",
    copy_again="Train it again or copy it whole.",
)
PREDICTION_COLUMNS = (
    "intent",
    "confidence",
    "is_novel",
    "novelty",
    "novelty_percentile",
    "second_intent",
    "model_version",
)


@dataclass
class Model:
    """A trained model.

    Attributes:
        version: `intents-` and a digest of data, options and code versions.
        intents: Names, ascending; the machine's numbers are places in it.
        report: Figures of cross-validation; JSON.
        manifest: What was read, with which options and versions; JSON.
    """

    version: str
    intents: list[str]
    machine: Machine
    report: dict[str, Any]
    manifest: dict[str, Any]

    @property
    def vectors(self) -> str:
        return TRANSFORMER if TRANSFORMER in self.machine.kinds else STATIC

    def predict(self, texts: Sequence[str], progress: Callable[[str], None] | None = None) -> pd.DataFrame:
        """The intent of every text.

        Returns:
            `PREDICTION_COLUMNS`, one row per text: intent, the likeliest known one, also where the question is new;
            confidence, the calibrated probability that it is right if the question is about a known intent; is_novel, whether
            novelty exceeds the threshold; novelty in standard deviations of known questions; novelty_percentile, the share
            of known questions that look at least as new (at most the wished false-novel rate where is_novel);
            second_intent, the runner-up.
        """
        place = {text: at for at, text in enumerate(dict.fromkeys(texts))}
        distinct = list(place)
        scores = np.zeros((len(distinct), len(self.intents)), dtype=np.float32)
        novelty = np.zeros(len(distinct))
        for first in range(0, len(distinct), BATCH):
            part = distinct[first : first + BATCH]
            views = self.machine.views(part, {kind: embed(part, kind) for kind in self.machine.kinds})
            scores[first : first + BATCH], novelty[first : first + BATCH] = self.machine.scores(views)
            if progress is not None and len(distinct) > BATCH:
                progress(f"{min(first + BATCH, len(distinct)):,} of {len(distinct):,} questions")
        order = np.argsort(-scores, axis=1, kind="stable")[:, :2]
        names = np.array(self.intents, dtype=object)
        frame = pd.DataFrame(
            {
                "intent": names[order[:, 0]],
                "confidence": np.round(self.machine.confidence(scores), 6),
                "is_novel": novelty > self.machine.threshold,
                "novelty": np.round(novelty, 6),
                "novelty_percentile": np.round(self.machine.percentile(novelty), 6),
                "second_intent": names[order[:, 1]],
                "model_version": self.version,
            },
            columns=list(PREDICTION_COLUMNS),
        )
        return frame.iloc[[place[text] for text in texts]].reset_index(drop=True)


def train(
    labels: Labels,
    *,
    vectors: str = TRANSFORMER,
    false_novel: float = FALSE_NOVEL,
    novel_label: str | None = None,
    seed: int = SEED,
    taxonomy_version: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> Model:
    """Learn the intents of labelled questions.

    Args:
        labels: Rows with text and intent.
        vectors: `transformer` reads every distinct question in 6 to 10 milliseconds and knows intents and new questions better;
            `static` costs a few microseconds per word and suits volumes of whole messages.
        false_novel: Wished share of questions of known intents that are taken for new, above 0 and below 0.5.
        novel_label: Intent whose rows are questions of no intent: not learned, but the miss rate is measured on them.
        seed: Of every random choice.
        taxonomy_version: Of the taxonomy that the intents were checked against; kept in the manifest.
        progress: Told what is being done.

    Raises:
        ConfigurationError: An option cannot be.
        TouchstoneError: Fewer than two intents can be learned.
    """
    tell = progress or (lambda text: None)
    if vectors not in KNOWN_KINDS:
        raise ConfigurationError("there are no such vectors", vectors, f"Use {' or '.join(KNOWN_KINDS)}.")
    if not 0 < false_novel < 0.5:
        raise ConfigurationError("the wished false-novel rate", false_novel, "Give a share above 0 and below 0.5.")
    known = [row for row in labels.rows if row.intent != novel_label]
    strange = [row.text for row in labels.rows if row.intent == novel_label]
    if novel_label is not None and not strange:
        raise ConfigurationError("no row has the label of new questions", novel_label, "Correct --novel-label.")
    intents = sorted({row.intent for row in known})
    if len(intents) < 2:
        raise TouchstoneError(
            "one intent cannot be told from others", ", ".join(intents) or "no rows", "Label questions of two or more."
        )
    number = {name: at for at, name in enumerate(intents)}
    # files with the same rows in another order make the same model
    known.sort(key=lambda row: (row.text, row.intent))
    y = np.array([number[row.intent] for row in known])
    kept = machine.sample(y, machine.MOST_ROWS, seed)
    fitted_rows: list[Labelled] = [known[at] for at in kept]
    texts, y = [row.text for row in fitted_rows], y[kept]
    tell(f"reading {len(texts):,} questions of {len(intents):,} intents")
    kinds = KNOWN_KINDS[vectors]
    found = {kind: embed(texts, kind, lambda count: tell(f"{count:,} questions read")) for kind in kinds}
    tell("learning")
    learned, held_out = machine.fit(texts, found, y, false_novel, seed)
    manifest = {
        "options": {"vectors": vectors, "false_novel": false_novel, "novel_label": novel_label, "seed": seed},
        "versions": {
            "machine": MACHINE_VERSION,
            "terms": terms.VECTORS_VERSION,
            "vectors": VECTORS_VERSION,
            "taxonomy": taxonomy_version,
        },
        "data": {
            "hash": labels.data_hash,
            "rows_in": labels.rows_in,
            "rows_used": len(labels.rows),
            "rows_quarantined": len(labels.refused),
            "rows_fitted": len(fitted_rows),
            "rows_novel": len(strange),
            "intents": len(intents),
        },
        "features": {kind: float(machine.SHARES[kind]) for kind in (terms.WORDS, terms.CHARACTERS, *kinds)},
    }
    digest = hashlib.sha256(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]
    model = Model(f"intents-{digest}", intents, learned, {}, manifest)
    told = np.sort(model.predict(strange)["novelty"].to_numpy()) if strange else None
    model.report = figures.of_training(intents, fitted_rows, y, learned, held_out, labels, told, false_novel)
    return model


# --- files


def save(model: Model, folder: str | Path) -> Path:
    """Write a model; one that stands there already is replaced.

    Raises:
        ConfigurationError: Something else than a model stands there.
    """
    held = model.machine
    arrays: dict[str, np.ndarray] = {
        "kernel": held.kernel.astype(np.float16),
        "moments": held.moments,
        "known": held.known.astype(np.float32),
    }
    for kind, weights in held.weights.items():
        rows = np.flatnonzero(weights.inverse).astype(np.int32)
        values, peaks = machine.as_bytes(held.terms[kind][rows])
        arrays |= {
            f"{kind}/rows": rows,
            f"{kind}/inverse": weights.inverse[rows],
            f"{kind}/values": values,
            f"{kind}/peaks": peaks,
        }
    for kind, (values, lengths) in held.vectors.items():
        arrays |= {f"{kind}/vectors": values, f"{kind}/lengths": lengths}
    document = {
        "version": model.version,
        "intents": model.intents,
        "kinds": list(held.kinds),
        "neighbours": held.neighbours,
        "temperature": held.temperature,
        "curve": list(held.curve),
        "threshold": held.threshold,
        "manifest": model.manifest,
        "report": model.report,
    }
    return _FILES.save(Path(folder), document, arrays)


def load(folder: str | Path) -> Model:
    """Read a model.

    Raises:
        ConfigurationError: There is no model, it was cut or changed, or it was made by another version of the features.
    """
    folder = Path(folder)
    if not _FILES.is_at(folder):
        raise ConfigurationError(
            "there is no model of intents", str(folder), "Make one with `touchstone intents train`."
        )
    with _FILES.opened(folder) as (document, arrays):
        weights, coefficients = {}, {}
        for kind in (terms.WORDS, terms.CHARACTERS):
            rows, values = arrays[f"{kind}/rows"], arrays[f"{kind}/values"]
            inverse = np.zeros(1 << terms.BITS, dtype=np.float32)
            inverse[rows] = arrays[f"{kind}/inverse"]
            table = np.zeros((1 << terms.BITS, values.shape[1]), dtype=np.float32)
            table[rows] = values * arrays[f"{kind}/peaks"][:, None]
            weights[kind], coefficients[kind] = terms.Weights(inverse), table
        learned = Machine(
            kinds=tuple(document["kinds"]),
            neighbours=document["neighbours"],
            weights=weights,
            terms=coefficients,
            kernel=arrays["kernel"].astype(np.float32),
            vectors={kind: (arrays[f"{kind}/vectors"], arrays[f"{kind}/lengths"]) for kind in document["kinds"]},
            temperature=document["temperature"],
            curve=tuple(document["curve"]),
            moments=arrays["moments"],
            known=arrays["known"],
            threshold=document["threshold"],
        )
        return Model(document["version"], document["intents"], learned, document["report"], document["manifest"])

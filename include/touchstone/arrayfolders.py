"""Folders of one JSON document and one file of arrays: how models and groups are kept.

Both files hold data only: JSON, and arrays of numbers that are read without pickle. So opening one never runs code that came with
it, whoever made it; a pickled estimator would. The digest of the arrays stands in the document, and a file that was cut or changed
is refused. A folder is written beside its place and then moved there, so that readers see a whole one or none.
"""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from touchstone.errors import ConfigurationError

ARRAYS = "arrays.npz"


@dataclass(frozen=True)
class ArrayFolder:
    """One kind of folder.

    Attributes:
        what: What it holds, with its article, for messages.
        document: Name of the JSON document.
        versions: By field of the document, what this version of the code writes and reads.
        other_version: What is wrong with a folder of other versions.
        make_again: What to do about a folder that cannot be used.
        copy_again: What to do about arrays that are not those of the document.
    """

    what: str
    document: str
    versions: Mapping[str, int | str]
    other_version: str
    make_again: str
    copy_again: str

    def is_at(self, folder: Path) -> bool:
        return (folder / self.document).is_file()

    def save(self, folder: Path, content: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Path:
        """Write a folder; one of the same kind that stands there is replaced.

        Raises:
            ConfigurationError: Something else stands there.
        """
        if folder.exists() and not (folder.is_dir() and (self.is_at(folder) or not any(folder.iterdir()))):
            raise ConfigurationError(
                f"the place of {self.what} is taken by something else", str(folder), "Give another --out."
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as holding:
            new = Path(holding) / "new"
            new.mkdir(mode=0o755)
            np.savez_compressed(new / ARRAYS, **arrays)  # type: ignore[arg-type]
            document = {**self.versions, **content, "arrays_sha256": _digest((new / ARRAYS).read_bytes())}
            options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY
            (new / self.document).write_bytes(orjson.dumps(document, option=options))
            if folder.exists():
                folder.rename(Path(holding) / "old")
            new.rename(folder)
        return folder

    @contextmanager
    def opened(self, folder: Path) -> Iterator[tuple[dict[str, Any], dict[str, np.ndarray]]]:
        """The document and the arrays; what lacks or is malformed in them is reported as a folder that cannot be read.

        Raises:
            ConfigurationError: The folder was cut or changed, or was made by other versions.
        """
        try:
            document = orjson.loads((folder / self.document).read_bytes())
            made = [document[name] for name in self.versions]
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f"the document of {self.what} is damaged", str(folder / self.document), self.make_again
            ) from error
        if made != list(self.versions.values()):
            raise ConfigurationError(self.other_version, "/".join(map(str, made)), self.make_again)
        try:
            data = (folder / ARRAYS).read_bytes()
            if _digest(data) != document["arrays_sha256"]:
                raise ConfigurationError(f"the arrays of {self.what} were changed", str(folder), self.copy_again)
            with np.load(folder / ARRAYS, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            yield document, arrays
        except (KeyError, TypeError, ValueError, OSError, zipfile.BadZipFile) as error:
            detail = f"{type(error).__name__}: {error}"
            raise ConfigurationError(f"{self.what} cannot be read ({detail})", str(folder), self.make_again) from error


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

"""Small files of one checkout's state: written whole or not at all, readable by their owner alone.

A process may be killed between any two instructions, so nothing here is ever half-written: a file appears
under its name only after its content has reached the disk.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from touchstone.errors import TouchstoneError

# Below the range from which Linux and macOS take the ports of outgoing connections: a port of ours must not
# be lent to somebody's client while the server is restarting.
PORT_RANGE = (20_000, 32_000)


def private_dir(path: Path) -> Path:
    """Make a folder that only its owner may enter."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def write_atomic(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file so that readers see the old content or the new one, also after a crash."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the renames inside a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, value: dict[str, Any]) -> None:
    write_atomic(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file, or an empty one when the file does not exist."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError:
        raise TouchstoneError(
            "state file is not JSON", str(path), "Restore it, or delete it to have it made anew."
        ) from None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock between processes; the kernel lets go of it when the holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def remembered(path: Path, names: list[str], make: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Values made once and kept for good, such as ports and passwords.

    Args:
        path: JSON file that keeps them.
        names: Names that must have a value; only missing ones are made.
        make: Called with what is already known; returns the next value.
    """
    known = read_json(path)
    if all(name in known for name in names):
        return known
    with locked(path.with_suffix(".lock")):
        known = read_json(path)
        for name in names:
            if name not in known:
                known[name] = make(known)
        write_json(path, known)
    return known


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(known: dict[str, Any]) -> int:
    """A free port that is not among the known ones.

    Ports are drawn at random, not counted upwards, because a second checkout that is stopped just now
    does not hold its ports.
    """
    draw = random.SystemRandom()
    for _ in range(1_000):
        port = draw.randrange(*PORT_RANGE)
        if port not in known.values() and port_is_free(port):
            return port
    raise TouchstoneError(
        "no free port on 127.0.0.1", f"{PORT_RANGE[0]}-{PORT_RANGE[1]}", "Stop some of the servers there."
    )

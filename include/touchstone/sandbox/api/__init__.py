"""The vendors' APIs over HTTP, serving the simulated company as it stands at a virtual clock, traps included.

`create_app` makes the ASGI application; `serve` runs it in a process of its own on a free port of 127.0.0.1, `serve_here` on a
thread, `run` in this process. Names are imported when they are used, since `ids` is needed where no web server is.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from touchstone.sandbox.api.app import create_app
    from touchstone.sandbox.api.options import Credentials, Drift, Fault, SandboxOptions, Traps
    from touchstone.sandbox.api.server import Sandbox, run, serve, serve_here

__all__ = [
    "Credentials",
    "Drift",
    "Fault",
    "Sandbox",
    "SandboxOptions",
    "Traps",
    "create_app",
    "run",
    "serve",
    "serve_here",
]

_HOMES = {"create_app": "app", "Sandbox": "server", "run": "server", "serve": "server", "serve_here": "server"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'options')}"), name)

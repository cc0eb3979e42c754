"""The vendors' APIs over HTTP, serving the simulated company as it stands at a virtual clock, traps included.

`create_app` makes the ASGI application; `serve` runs it in a process of its own on a free port of 127.0.0.1,
`serve_here` on a thread.
"""

from touchstone.sandbox.api.app import create_app
from touchstone.sandbox.api.options import Credentials, Drift, Fault, SandboxOptions, Traps
from touchstone.sandbox.api.serve import Sandbox, serve, serve_here

__all__ = ["Credentials", "Drift", "Fault", "Sandbox", "SandboxOptions", "Traps", "create_app", "serve", "serve_here"]

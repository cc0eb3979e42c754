"""The server: every vendor's endpoints behind one pipeline of credentials, limits and faults, and the controls."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from importlib import import_module
from typing import Any

import orjson
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from touchstone.errors import SourceError
from touchstone.sandbox.api.calls import Answer, Call, Endpoint, Refusal, Vendor, escaped
from touchstone.sandbox.api.clock import Clock
from touchstone.sandbox.api.faults import Faults, send_broken
from touchstone.sandbox.api.limits import RateLimiter
from touchstone.sandbox.api.options import ClockMove, Credentials, SandboxOptions, Traps, merged, utc_text
from touchstone.sandbox.model import Company

REMEMBERED = 20_000
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
VENDORS = {
    "zendesk": "zendesk:Zendesk",
    "hubspot": "hubspot:HubSpot",
    "mixpanel": "mixpanel:Mixpanel",
    "intercom": "intercom:Intercom",
    "freshdesk": "freshdesk:Freshdesk",
    "salesforce": "salesforce:Salesforce",
    "amplitude": "amplitude:Amplitude",
    "posthog": "posthog:PostHog",
    "langfuse": "langfuse:Langfuse",
    "rt": "rt:RequestTracker",
}
"""Module and class of each vendor's API, below this package; it is imported and built only where it is served."""


class Server:
    """What the requests of one server share."""

    def __init__(self, company: Company, options: SandboxOptions) -> None:
        self.options = options
        self.clock = Clock(options.clock or company.until)
        self.vendors: list[Vendor] = [_vendor(name)(company, options) for name in options.vendors]
        self.faults = Faults(options.seed, options.traps)
        self.reset()

    def reset(self) -> None:
        """Traps, credentials and counts as at the start; the clock stays where it is."""
        self.traps: Traps = self.options.traps
        self.credentials: Credentials = self.options.credentials
        self.faults.set(self.traps)
        self.limiter = RateLimiter()
        self.number = 0
        self.answers: Counter[tuple[str, int]] = Counter()
        self.met: Counter[str] = Counter()
        self.crashes: list[str] = []
        self.requests: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)

    def change(self, changes: dict[str, Any]) -> None:
        """Switch traps, and under `credentials` what gets in."""
        changes = dict(changes)
        credentials = changes.pop("credentials", None)
        traps = merged(self.traps, changes)
        if credentials is not None:
            self.credentials = merged(self.credentials, credentials)
        self.traps = traps
        self.faults.set(traps, restart="faults" in changes)

    async def handle(self, request: Request, vendor: Vendor, endpoint: Endpoint) -> Response:
        self.number += 1
        number, traps = self.number, self.traps
        plan = self.faults.plan(number, endpoint.name)
        self.clock.advance(self.options.clock_step_seconds + plan.advance)
        now = self.clock.now
        body = await request.body()
        call = Call(request, body, now, number, vendor.prefix, endpoint, plan, self.options, traps, self.credentials)
        if plan.hang:
            self.met["hang"] += 1
            await asyncio.sleep(plan.hang)
        try:
            answer = self._answer(call, vendor)
        except Refusal as refusal:
            answer = refusal.answer
        except Exception as error:
            # a fault of this server must not pass for one of the vendor's
            self.crashes.append(f"{endpoint.name}: {error!r}")
            raise
        return self._response(call, vendor, answer)

    def _answer(self, call: Call, vendor: Vendor) -> Answer:
        endpoint, plan = call.endpoint, call.plan
        if not endpoint.is_open:
            vendor.authorise(call)
        if call.traps.enforce_limits:
            broken = self.limiter.check(endpoint.limits, call.traps.limit_scale)
            if broken is not None:
                limit, wait = broken
                self.met[f"limit:{limit.name}"] += 1
                return vendor.too_many(limit, wait if limit.tells_wait else None)
        if plan.refusal is not None:
            self.met[plan.refusal] += 1
            if plan.refusal == "rate_limited":
                limit = endpoint.limits[0] if endpoint.limits else None
                return vendor.too_many(limit, plan.retry_after)
            return vendor.failure(plan.status)
        answer = endpoint.handler(call)
        if call.traps.enforce_limits:
            for limit in endpoint.limits:
                answer.headers |= vendor.budget(limit, self.limiter.remaining(limit))
        return answer

    def _response(self, call: Call, vendor: Vendor, answer: Answer) -> Response:
        body = answer.body()
        if call.traps.drift.nul_and_surrogates and answer.media_type.startswith("application/json"):
            body = escaped(body)
        self.answers[call.endpoint.name, answer.status] += 1
        kind = call.plan.body if answer.status == 200 else None
        if answer.status == 200 and call.plan.export is not None and call.endpoint.name.endswith(".export"):
            self.met[f"export:{call.plan.export}"] += 1
            kind = "disconnect" if call.plan.export == "disconnect" else kind
        if kind is not None:
            self.met[f"body:{kind}"] += 1
        self.requests.append(
            {
                "number": call.number,
                "endpoint": call.endpoint.name,
                "path": call.request.url.path,
                "query": dict(call.query),
                "status": answer.status,
                "now": utc_text(call.now),
                "body": kind,
            }
        )
        if kind is not None:
            return _Broken(kind, body, answer)
        return _plain(body, answer)


class _Broken(Response):
    """A good answer that does not arrive as such."""

    def __init__(self, kind: str, body: bytes, answer: Answer) -> None:
        super().__init__(body, answer.status, answer.headers, answer.media_type)
        self._kind = kind

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send_broken(send, self._kind, self.status_code, self.raw_headers, self.body)


def _plain(body: bytes, answer: Answer) -> Response:
    # named as a header, since a media type of text would get a charset that the vendors do not state
    return Response(body, answer.status, {**answer.headers, "content-type": answer.media_type})


def _vendor(name: str) -> type:
    if name not in VENDORS:
        raise SourceError("simulated vendor", name, f"Known: {', '.join(VENDORS)}.")
    module, _, kind = VENDORS[name].partition(":")
    return getattr(import_module(f"touchstone.sandbox.api.{module}"), kind)


def _route(server: Server, vendor: Vendor, endpoint: Endpoint) -> Route:
    async def handle(request: Request) -> Response:
        return await server.handle(request, vendor, endpoint)

    return Route(f"{vendor.prefix}{endpoint.path}", handle, methods=[endpoint.method], name=endpoint.name)


def create_app(company: Company, options: SandboxOptions | None = None) -> FastAPI:
    """The ASGI application that serves a company.

    Args:
        options: Credentials are random, and the clock stands at the company's end, unless they say otherwise.
    """
    options = options or SandboxOptions()
    server = Server(company, options)
    app = FastAPI(title="Touchstone sandbox", openapi_url=None)
    app.state.sandbox = server
    _add_controls(app, server)
    for vendor in server.vendors:
        for endpoint in vendor.endpoints():
            app.router.routes.append(_route(server, vendor, endpoint))
        name = f"{vendor.prefix[1:]}.unknown"
        unknown = Endpoint(name, "GET", "/{path:path}", lambda call, own=vendor: own.unknown(call.request.url.path))
        handle = _route(server, vendor, unknown).endpoint
        app.router.routes.append(Route(f"{vendor.prefix}/{{path:path}}", handle, methods=_METHODS, name=name))
    return app


def _add_controls(app: FastAPI, server: Server) -> None:
    """The endpoints under /_sandbox, which are no vendor's."""

    @app.get("/_sandbox/health")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "now": utc_text(server.clock.now)}

    @app.get("/_sandbox/clock")
    async def clock() -> dict[str, str]:
        return {"now": utc_text(server.clock.now)}

    @app.post("/_sandbox/clock")
    async def move_clock(move: ClockMove) -> Response:
        if (move.now is None) == (move.seconds is None):
            return _json({"error": "name either now or seconds"}, 422)
        if move.seconds is not None:
            server.clock.advance(move.seconds)
        else:
            try:
                server.clock.move(move.now)
            except SourceError as error:
                return _json({"error": str(error)}, 409)
        return _json({"now": utc_text(server.clock.now)})

    @app.get("/_sandbox/traps")
    async def traps() -> Response:
        return _json(server.traps.model_dump())

    @app.post("/_sandbox/traps")
    async def switch(request: Request) -> Response:
        try:
            changes = orjson.loads(await request.body())
            if not isinstance(changes, dict):
                raise ValueError("the body must be a JSON object")
            server.change(changes)
        except ValidationError as error:
            return _json({"error": error.errors(include_input=False, include_url=False)}, 422)
        except ValueError as error:
            return _json({"error": str(error)}, 422)
        return _json(server.traps.model_dump())

    @app.post("/_sandbox/reset")
    async def reset() -> Response:
        server.reset()
        return _json({"now": utc_text(server.clock.now)})

    @app.get("/_sandbox/stats")
    async def stats() -> Response:
        by_endpoint: dict[str, dict[str, int]] = {}
        for (name, status), count in sorted(server.answers.items()):
            by_endpoint.setdefault(name, {})[str(status)] = count
        return _json(
            {
                "requests": server.number,
                "endpoints": by_endpoint,
                "faults": dict(sorted(server.met.items())),
                "crashes": server.crashes,
            }
        )

    @app.get("/_sandbox/requests")
    async def requests(endpoint: str | None = None) -> Response:
        found = [one for one in server.requests if endpoint in (None, one["endpoint"])]
        return _json({"requests": found})


def _json(content: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(content, default=str), status, media_type="application/json")

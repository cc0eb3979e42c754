"""A request on its way through a vendor's API, and the answer to it."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

import orjson
from starlette.requests import Request

from touchstone.sandbox.api.clock import micros
from touchstone.sandbox.api.options import Credentials, SandboxOptions, Traps

if TYPE_CHECKING:
    from touchstone.sandbox.api.faults import Plan
    from touchstone.sandbox.api.limits import Limit

_JSON = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS
JSON_TYPE = "application/json"

# Stand-ins from the private use area: no JSON encoder writes a lone surrogate, so the escapes are set into the bytes.
NUL_MARK, SURROGATE_MARK = "\ue000", "\ue001"
_ESCAPES = ((NUL_MARK.encode(), b"\\u0000"), (SURROGATE_MARK.encode(), b"\\ud800"))


def encode(content: Any) -> bytes:
    """JSON as the vendors write it: moments in UTC with Z and whole seconds."""
    return orjson.dumps(content, option=_JSON)


def escaped(body: bytes) -> bytes:
    """The body with the stand-ins replaced by the escapes they stand for."""
    for mark, escape in _ESCAPES:
        body = body.replace(mark, escape)
    return body


def tainted(text: str, key: int) -> str:
    """A text with a NUL and a lone surrogate in it, for every fifth key."""
    if key % 5:
        return text
    half = len(text) // 2
    return f"{text[:half]}{NUL_MARK}{text[half:]}{SURROGATE_MARK}"


def falls(seed: int, name: str, share: float) -> bool:
    """Whether a thing of that name is among a share of all things."""
    return share > 0 and zlib.crc32(f"{seed}|{name}".encode()) < share * 2**32


@dataclass(slots=True)
class Answer:
    """What goes back: `content` is encoded as JSON unless it is bytes already."""

    content: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = JSON_TYPE

    def body(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else encode(self.content)


class Refusal(Exception):
    """An answer that ends the handling of a request."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(slots=True)
class Call:
    """One request.

    Attributes:
        now: Virtual moment at which it is answered.
        number: Which request of the server's life it is, from 1.
        prefix: Path of the vendor on this server; `/zendesk`.
        plan: The faults that it meets.
    """

    request: Request
    body: bytes
    now: datetime
    number: int
    prefix: str
    endpoint: Endpoint
    plan: Plan
    options: SandboxOptions
    traps: Traps
    credentials: Credentials

    @property
    def micros(self) -> int:
        return micros(self.now)

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params

    @property
    def path(self) -> Mapping[str, Any]:
        return self.request.path_params

    @property
    def headers(self) -> Mapping[str, str]:
        return self.request.headers

    def url(self, path: str, **query: Any) -> str:
        """Absolute URL below the vendor's prefix, by the host that the client used."""
        base = f"{self.request.url.scheme}://{self.request.url.netloc}{self.prefix}{path}"
        given = {name: value for name, value in query.items() if value is not None}
        return f"{base}?{urlencode(given)}" if given else base

    def json(self) -> Any:
        """The body, decoded; None where it is not JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None

    def basic(self) -> tuple[str, str] | None:
        """User and password of Basic authentication, if the request carries it."""
        scheme, _, given = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return user, password

    def bearer(self) -> str | None:
        scheme, _, given = self.headers.get("authorization", "").partition(" ")
        return given.strip() if scheme.lower() == "bearer" else None


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row of a vendor's table.

    Attributes:
        name: With the vendor in front: `zendesk.tickets_export`.
        path: Below the vendor's prefix, in Starlette's form.
        limits: Request limits that it counts towards.
        needs: What the credentials must permit: a role at Zendesk, scopes at HubSpot.
        is_open: Whether it takes no credentials (signed URLs).
    """

    name: str
    method: str
    path: str
    handler: Handler
    limits: tuple[Limit, ...] = ()
    needs: tuple[str, ...] = ()
    is_open: bool = False


class Vendor(Protocol):
    """An API: its table of endpoints, and its manner of refusing."""

    prefix: str

    def endpoints(self) -> list[Endpoint]: ...

    def authorise(self, call: Call) -> None:
        """Raise a Refusal unless the credentials permit the endpoint."""
        ...

    def too_many(self, limit: Limit | None, retry_after: float | None) -> Answer: ...

    def budget(self, limit: Limit, remaining: int) -> dict[str, str]:
        """Headers that tell what is left of a limit."""
        ...

    def failure(self, status: int) -> Answer: ...

    def unknown(self, path: str) -> Answer:
        """The answer at a path that the vendor does not have."""
        ...


def html(status: int, text: str = "") -> Answer:
    """A page of a proxy or a firewall in front of the API, empty unless told."""
    page = f"<!DOCTYPE html><html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>" if text else ""
    return Answer(page.encode(), status, media_type="text/html; charset=utf-8")


def integer(call: Call, name: str) -> int | None:
    """A whole number of the query; None where absent or no number."""
    try:
        return int(call.query[name])
    except (KeyError, ValueError):
        return None

"""Bearer tokens: one that lasts, or one that is asked for and renewed when it ends (OAuth 2.0, RFC 6749).

An access token lives in memory only. It is renewed shortly before its end, and once more where the API refuses it before that.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator

import httpx

from touchstone.sources.http.client import Repeatable, retry_after
from touchstone.sources.http.faults import CredentialsError

LIFETIME = 1800.0
BEFORE_ITS_END = 60.0
_CODE = re.compile(r"[A-Za-z_]{1,60}")


class BearerAuth(httpx.Auth):
    """A token that lasts."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


class RenewedAuth(httpx.Auth):
    """A token that ends.

    Args:
        vendor: As a message names it.
        url: Of the token endpoint.
        grant: Parameters of the request: `grant_type` and the credentials that it takes; a function where they are made anew
            for each request, such as a signed assertion.
        remedy: What to do when the endpoint refuses them.

    Raises:
        CredentialsError: The endpoint refuses; raised by the request that needs the token.
    """

    requires_response_body = True

    def __init__(
        self, vendor: str, url: str, grant: dict[str, str] | Callable[[], dict[str, str]], remedy: str
    ) -> None:
        self._vendor = vendor
        self._url = url
        self._make = grant if callable(grant) else None
        self._grant = {} if callable(grant) else dict(grant)
        self._remedy = remedy
        self._token: str | None = None
        self._ends = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        is_new = self._token is None or time.monotonic() >= self._ends
        if is_new:
            yield from self._renew()
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code == 401 and not is_new:
            yield from self._renew()
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def _renew(self) -> Generator[httpx.Request, httpx.Response, None]:
        response = yield httpx.Request("POST", self._url, data=self._make() if self._make else self._grant)
        status = response.status_code
        if status == 429 or status >= 500:
            raise Repeatable(f"status {status} of the token endpoint", retry_after(response), is_limit=status == 429)
        body = _body(response)
        if status >= 300:
            raise CredentialsError(f"{self._vendor} renews no access token", _reason(status, body), self._remedy)
        token, lifetime = body.get("access_token"), body.get("expires_in")
        if not isinstance(token, str) or not token:
            raise Repeatable("an answer of the token endpoint without a token")
        self._token = token
        self._ends = time.monotonic() + (lifetime if isinstance(lifetime, int | float) else LIFETIME) - BEFORE_ITS_END
        following = body.get("refresh_token")
        if "refresh_token" in self._grant and isinstance(following, str) and following:
            self._grant["refresh_token"] = following


def _body(response: httpx.Response) -> dict[str, object]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _reason(status: int, body: dict[str, object]) -> str:
    """Status and code of a refusal, without its words, which may repeat what was sent."""
    codes = (body.get(name) for name in ("status", "error", "category"))
    stated = next((code for code in codes if isinstance(code, str) and _CODE.fullmatch(code)), "")
    return f"{status} {stated}".rstrip()

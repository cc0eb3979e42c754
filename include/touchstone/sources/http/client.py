"""One API as its connector sees it: requests that are authenticated, paced, repeated where that helps, and explained where not.

What is repeated: no connection, a timeout, 5xx, 429, and an answer that is not the JSON it claims to be. A 429 is waited out for
as long as the API says; without a word from it the pause doubles. Every pause is logged, none is longer than `max_wait`.
"""

from __future__ import annotations

import email.utils
import logging
import time
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import Any, BinaryIO

import httpx
import tenacity

from touchstone.sources.characters import decoded
from touchstone.sources.http.budget import SharedBudgets
from touchstone.sources.http.faults import (
    BrokenAnswer,
    CredentialsError,
    CutAnswer,
    PermissionRefused,
    RateLimitedError,
    RequestRefused,
    UnreachableError,
)

log = logging.getLogger(__name__)
# it logs whole URLs, and signed ones are secrets
logging.getLogger("httpx").setLevel(logging.WARNING)

ATTEMPTS = 8
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
MAX_WAIT = 900.0
TIMEOUT = httpx.Timeout(60.0, connect=15.0)
SHOWN = 300
EPOCH_SECONDS = 1_000_000_000  # a moment, not a number of seconds to wait


class Repeatable(Exception):
    """An answer that another attempt may better; it leaves a request only as one of `faults`.

    Attributes:
        pause: Seconds that the API asks for; None where it does not say.
        is_limit: The API refuses for the number of requests, not for a fault.
    """

    def __init__(self, why: str, pause: float | None = None, *, is_limit: bool = False) -> None:
        super().__init__(why)
        self.pause = pause
        self.is_limit = is_limit


@dataclass
class Traffic:
    """What a run asked, and what it met."""

    requests: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    waited_seconds: float = 0.0
    replaced_characters: int = 0


class ApiClient:
    """A connection to one API.

    Args:
        name: Of the source instance; errors and log lines begin with it.
        base_url: Scheme, host and path in front of every endpoint.
        auth: Puts the credentials on a request; they appear in no message.
        budgets: Paces requests; None for a check outside of any run.
        explain: What this vendor's refusal means, where it says more than its status.
        max_wait: Longest pause in seconds, the API's own wishes included; beyond it the run ends with a clear error.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        auth: httpx.Auth,
        *,
        budgets: SharedBudgets | None = None,
        headers: Mapping[str, str] | None = None,
        explain: Callable[[httpx.Response], Exception | None] | None = None,
        timeout: httpx.Timeout = TIMEOUT,
        max_wait: float | None = None,
        attempts: int | None = None,
        first_pause: float | None = None,
    ) -> None:
        self.name = name
        self.traffic = Traffic()
        self._budgets = budgets
        self._explain = explain
        self._max_wait = MAX_WAIT if max_wait is None else max_wait
        self._attempts = attempts or ATTEMPTS
        self._first_pause = FIRST_PAUSE if first_pause is None else first_pause
        self._http = httpx.Client(
            base_url=base_url, auth=auth, timeout=timeout, headers=dict(headers or {}), follow_redirects=False
        )

    def __enter__(self) -> ApiClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, params: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """The decoded JSON of a GET; see `request`."""
        return self.request("GET", path, params=params, **options)

    def page(self, path: str, params: Mapping[str, Any] | None = None, **options: Any) -> tuple[Any, str | None]:
        """The decoded JSON of a GET, and the address of the next page by its `Link` header, None on the last; see `request`.

        What is absent is (None, None).
        """

        def read(response: httpx.Response) -> tuple[Any, str | None]:
            return self._json(response), response.links.get("next", {}).get("url")

        return self.request("GET", path, params=params, read=read, **options) or (None, None)

    def post(self, path: str, body: Any, **options: Any) -> Any:
        """The decoded JSON of a POST; see `request`."""
        return self.request("POST", path, json=body, **options)

    def request(
        self,
        method: str,
        path: str,
        *,
        budget: str = "default",
        absent: Collection[int] = (),
        headers: Mapping[str, str] | None = None,
        decode: Callable[[bytes], Any] | None = None,
        read: Callable[[httpx.Response], Any] | None = None,
        attempts: int | None = None,
        **parts: Any,
    ) -> Any:
        """One request, repeated until it is answered.

        Args:
            attempts: At most, for faults; by default those of the client.
            parts: Of the request, as httpx names them (params, json, auth).
            path: Below the base URL, or a whole URL that an answer gave.
            absent: Statuses that mean "this record is not there": None is returned, whatever the body holds.
            decode: Reads the body; JSON by default. A ValueError of it means that the body is broken, and it is fetched again.
            read: The same of the whole answer, where its headers count.

        Raises:
            CredentialsError, PermissionRefused, UnreachableError, RateLimitedError, RequestRefused, BrokenAnswer: As named.
        """
        what = f"{method} {path.split('?')[0]}"

        def attempt() -> Any:
            if self._budgets:
                self._budgets.take(budget)
            self.traffic.requests[budget] += 1
            with self._connection_faults(what):
                response = self._http.request(method, path, headers=headers, **parts)
            if response.status_code in absent:
                return None
            self._raise_for(response, what, budget)
            try:
                if read:
                    return read(response)
                return decode(response.content) if decode else self._json(response)
            except ValueError as error:
                raise Repeatable(f"an answer that cannot be read ({_short(str(error))})") from None

        return self._repeated(attempt, what, attempts or self._attempts)

    @contextmanager
    def lines(
        self, path: str, params: Mapping[str, Any], *, budget: str = "default", media_type: str | None = None
    ) -> Iterator[Iterator[bytes]]:
        """The lines of a long answer as they arrive; opened with the patience of `request`, read without it.

        A body that ends before its time raises `CutAnswer`; the caller asks again from a place of its own.

        Args:
            media_type: What the answer must be; another one is no answer of the API, such as a page of a proxy.
        """
        what = f"GET {path}"

        def attempt() -> httpx.Response:
            if self._budgets:
                self._budgets.take(budget)
            self.traffic.requests[budget] += 1
            with self._connection_faults(what):
                request = self._http.build_request("GET", path, params=params, headers={"Accept-Encoding": "gzip"})
                response = self._http.send(request, stream=True)
                if response.status_code >= 300:
                    response.read()
            self._raise_for(response, what, budget)
            try:
                _require_type(response, media_type)
            except Repeatable:
                response.close()
                raise
            return response

        response = self._repeated(attempt, what, self._attempts)
        is_packed = response.headers.get("content-encoding", "").lower() == "gzip"
        try:
            yield _split(_unpacked(response.iter_raw()) if is_packed else response.iter_raw())
        except (httpx.HTTPError, zlib.error, EOFError) as error:
            raise CutAnswer(f"{self.name}: {what} was cut", type(error).__name__, "Run it again.") from None
        finally:
            response.close()

    @contextmanager
    def spooled(
        self,
        path: str,
        params: Mapping[str, Any],
        *,
        decode: Callable[[BinaryIO], Any],
        budget: str = "default",
        media_type: str | None = None,
        absent: Collection[int] = (),
        attempts: int | None = None,
    ) -> Iterator[Any]:
        """A long answer that is read only once it has arrived whole: it lies in a file of the temporary folder until then and while
        it is read, so that memory holds none of it.

        Args:
            decode: Makes of the file what is read; a ValueError of it means that the body is broken, and it is fetched again.
            media_type, absent, attempts: See `lines` and `request`; None is given for what is absent.
        """
        what = f"GET {path}"

        def attempt() -> Any:
            if self._budgets:
                self._budgets.take(budget)
            self.traffic.requests[budget] += 1
            file.seek(0)
            file.truncate()
            with self._connection_faults(what), self._http.stream("GET", path, params=params) as response:
                if response.status_code in absent:
                    return None
                if response.status_code >= 300:
                    response.read()
                self._raise_for(response, what, budget)
                _require_type(response, media_type)
                for chunk in response.iter_bytes():
                    file.write(chunk)
            file.seek(0)
            try:
                return decode(file)
            except ValueError as error:
                raise Repeatable(f"an answer that cannot be read ({_short(str(error))})") from None

        with TemporaryFile(prefix="touchstone-") as file:
            yield self._repeated(attempt, what, attempts or self._attempts)

    # --- one attempt

    def _json(self, response: httpx.Response) -> Any:
        value, count = decoded(response.content)
        self.traffic.replaced_characters += count
        return value

    @contextmanager
    def _connection_faults(self, what: str) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException:
            raise Repeatable("no answer in time") from None
        except (httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError) as error:
            raise Repeatable(f"a connection that broke ({type(error).__name__})") from None
        except httpx.DecodingError as error:
            raise Repeatable(f"a packed answer that is corrupt ({_short(str(error))})") from None
        except httpx.ConnectError as error:
            raise UnreachableError(
                f"{self.name}: no connection to {self._http.base_url.host}",
                _short(str(error)),
                "Check `base_url` in config/sources.yml, the network and the proxy.",
            ) from None
        except httpx.UnsupportedProtocol:
            raise UnreachableError(
                f"{self.name}: not an address", what, "Write `base_url` with https:// in config/sources.yml."
            ) from None

    def _raise_for(self, response: httpx.Response, what: str, budget: str) -> None:
        status = response.status_code
        if status < 300:
            return
        if status == 429:
            # a limit that no pause of ours outlasts, such as a day's
            explained = self._explain(response) if self._explain else None
            if explained:
                raise explained
            pause = retry_after(response)
            if pause is not None and self._budgets:
                self._budgets.hold(budget, min(pause, self._max_wait))
            raise Repeatable("429 too many requests", pause, is_limit=True)
        if status >= 500:
            raise Repeatable(f"status {status}", retry_after(response))
        explained = self._explain(response) if self._explain else None
        if explained:
            raise explained
        body = _body(response)
        if status == 401:
            raise CredentialsError(
                f"{self.name}: the credentials are not accepted", f"401 at {what}", "Correct or renew them."
            )
        if status == 403:
            raise PermissionRefused(
                f"{self.name}: permission is missing",
                f"403 at {what}: {_short(body)}",
                "Grant it to the account in use.",
            )
        raise RequestRefused(
            f"{self.name}: {what} was refused",
            f"{status}: {_short(body)}",
            "See the vendor's documentation of this endpoint.",
            status=status,
            body=body,
        )

    # --- several attempts

    def _repeated(self, attempt: Callable[[], Any], what: str, attempts: int) -> Any:
        waited = 0.0

        def pause(state: tenacity.RetryCallState) -> float:
            stated = state.outcome.exception().pause
            doubled = min(self._first_pause * 2 ** (state.attempt_number - 1), LONGEST_PAUSE)
            return max(stated, self._first_pause) if stated is not None else doubled

        def before_sleep(state: tenacity.RetryCallState) -> None:
            nonlocal waited
            fault, seconds = state.outcome.exception(), state.next_action.sleep
            if waited + seconds > self._max_wait:
                raise RateLimitedError(
                    f"{self.name}: {what} asks to wait {seconds:.0f} s",
                    f"{fault}; {waited:.0f} s waited, {self._max_wait:.0f} s is the limit",
                    "Run it again later; what has landed stays landed.",
                )
            waited += seconds
            self.traffic.repeated[what] += 1
            self.traffic.waited_seconds += seconds
            log.warning("%s: %s met %s; again in %.1f s", self.name, what, fault, seconds)

        def is_over(state: tenacity.RetryCallState) -> bool:
            # a limit is no fault: only the time that is waited counts, which before_sleep bounds
            return state.attempt_number >= attempts and not state.outcome.exception().is_limit

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Repeatable),
            wait=pause,
            stop=is_over,
            before_sleep=before_sleep,
            sleep=time.sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except Repeatable as fault:
            raise BrokenAnswer(
                f"{self.name}: {what} failed {attempts} times", str(fault), "Run it again later."
            ) from None


def retry_after(response: httpx.Response) -> float | None:
    """Seconds of Retry-After, which is a number or a date, else until X-RateLimit-Reset; None where neither says it."""
    stated = response.headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(stated))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(stated).timestamp() - time.time())
    except ValueError:
        return _until_reset(response)


def _until_reset(response: httpx.Response) -> float | None:
    """Seconds until the window of a limit ends, where its end is stated in seconds since 1970.

    The server's own Date is what it is counted from; a smaller number counts by another rule.
    """
    stated = response.headers.get("x-ratelimit-reset", "").strip()
    if response.status_code != 429 or not stated.isdigit() or int(stated) < EPOCH_SECONDS:
        return None
    try:
        now = email.utils.parsedate_to_datetime(response.headers.get("date", "")).timestamp()
    except ValueError:
        now = time.time()
    return max(0.0, int(stated) - now)


def _require_type(response: httpx.Response, media_type: str | None) -> None:
    stated = response.headers.get("content-type", "").partition(";")[0].strip()
    if media_type is not None and stated != media_type:
        raise Repeatable(f"an answer of type {_short(stated)!r}")


def _body(response: httpx.Response) -> Any:
    try:
        return decoded(response.content)[0]
    except ValueError:
        return response.text


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _unpacked(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What gzip holds, to its very end: httpx takes a packed body that is cut for a whole one.

    Raises:
        EOFError, zlib.error: The body is cut, or is not gzip.
    """
    member = zlib.decompressobj(wbits=31)
    is_open = False
    for chunk in chunks:
        while chunk:
            is_open = True
            yield member.decompress(chunk)
            chunk = member.unused_data
            if member.eof:
                member, is_open = zlib.decompressobj(wbits=31), False
    if is_open:
        raise EOFError


def _split(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines without their ends; what follows the last end comes last, if anything."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest

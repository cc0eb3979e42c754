"""One OpenAI-compatible endpoint: a prompt goes out, the text of an answer comes back, every request within the budget."""

from __future__ import annotations

import email.utils
import json
import logging
import time
from dataclasses import dataclass
from typing import Any

import httpx
import tenacity

from touchstone.judge.cases import Why
from touchstone.judge.prompt import Prompt
from touchstone.judge.settings import JudgeSettings
from touchstone.judge.store import BudgetSpent, Reservation, Store

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
SHOWN = 200


class EndpointFault(Exception):
    """A prompt has no answer.

    Attributes:
        why: The reason that rows carry.
        ends_run: Every other request would meet the same.
        said: The endpoint's own words, without the secret. They may repeat what was sent: for `touchstone judge check`, whose
            conversation is made up, and never for a log.
    """

    def __init__(self, why: Why, detail: str, *, ends_run: bool = False, said: str = "") -> None:
        super().__init__(detail)
        self.why = why
        self.ends_run = ends_run
        self.said = said


class _Repeatable(Exception):
    """A fault that another attempt may better; `pause` is what the endpoint asks for, in seconds."""

    def __init__(self, detail: str, pause: float | None = None) -> None:
        super().__init__(detail)
        self.pause = pause


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said, and what it cost."""

    content: str
    tokens: int


class Endpoint:
    """Safe to share between threads; close it.

    Args:
        store: Where spending is reserved.
        run_id: The run whose cap counts; parallel tasks of one run state the same.
    """

    def __init__(self, settings: JudgeSettings, store: Store, run_id: str) -> None:
        self._settings = settings
        self._store = store
        self._run_id = run_id
        self._key = settings.api_key.get_secret_value() if settings.api_key else ""
        # it logs addresses at INFO; ours says all that is of use
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._http = httpx.Client(
            base_url=settings.base_url,
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            timeout=httpx.Timeout(settings.timeout_seconds, connect=min(15, settings.timeout_seconds)),
            follow_redirects=False,
        )

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def complete(self, prompt: Prompt) -> Reply:
        """The model's answer to a prompt.

        Raises:
            EndpointFault: There is none; `why` says what a row carries.
        """
        body = self._body(prompt)
        waited = 0.0

        def pause(state: tenacity.RetryCallState) -> float:
            stated = state.outcome.exception().pause
            doubled = min(FIRST_PAUSE * 2 ** (state.attempt_number - 1), LONGEST_PAUSE)
            return doubled if stated is None else max(stated, FIRST_PAUSE)

        def before_sleep(state: tenacity.RetryCallState) -> None:
            nonlocal waited
            fault, seconds = state.outcome.exception(), state.next_action.sleep
            waited += seconds
            if waited > self._settings.longest_wait_seconds:
                raise EndpointFault("unavailable", f"{fault}; it asks to wait {seconds:.0f} s")
            log.warning("judge: met %s; again in %.1f s", fault, seconds)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Repeatable),
            wait=pause,
            stop=tenacity.stop_after_attempt(self._settings.attempts),
            before_sleep=before_sleep,
            sleep=time.sleep,
            reraise=True,
        )
        try:
            return retrying(self._attempt, body)
        except _Repeatable as fault:
            raise EndpointFault("unavailable", f"{fault}, {self._settings.attempts} times") from None

    def _body(self, prompt: Prompt) -> bytes:
        settings = self._settings
        schema = {"name": "verdicts", "strict": True, "schema": prompt.schema}
        stated = {"type": "json_schema", "json_schema": schema}
        body = settings.parameters | {
            "model": settings.model,
            "messages": prompt.messages,
            settings.output_limit: settings.max_output_tokens,
            "response_format": stated if settings.response_format == "json_schema" else {"type": "json_object"},
        }
        return json.dumps(body, ensure_ascii=False).encode()

    # --- one attempt

    def _attempt(self, body: bytes) -> Reply:
        settings = self._settings
        # a token is at least one byte of what is sent, so this is the most that the request can cost
        micros = settings.micros(len(body), settings.max_output_tokens)
        try:
            held = self._store.reserve(self._run_id, len(body) + settings.max_output_tokens, micros, settings)
        except BudgetSpent as error:
            raise EndpointFault("budget_spent", str(error), ends_run=True) from None
        try:
            response = self._http.post("/chat/completions", content=body, headers={"Content-Type": "application/json"})
        except (httpx.ConnectError, httpx.ConnectTimeout):
            self._store.correct(held, 0, 0)
            raise _Repeatable("no connection") from None
        except httpx.TimeoutException:
            # it may have been worked on and be charged: what was held stays
            raise _Repeatable("no answer in time") from None
        except httpx.TransportError as error:
            raise _Repeatable(f"a connection that broke ({type(error).__name__})") from None
        if response.is_success:
            return self._reply(response, held)
        self._store.correct(held, 0, 0)
        raise self._fault(response)

    def _reply(self, response: httpx.Response, held: Reservation) -> Reply:
        try:
            value = response.json()
            choice = value["choices"][0]
            message, content = choice["message"], choice["message"].get("content")
        except (ValueError, LookupError, TypeError, AttributeError):
            raise _Repeatable("an answer that cannot be read") from None
        tokens = self._correct(value.get("usage"), held)
        if message.get("refusal") or choice.get("finish_reason") == "content_filter":
            raise EndpointFault("refused", "the model refuses to answer")
        if choice.get("finish_reason") == "length":
            raise EndpointFault("unreadable", f"the answer is longer than {self._settings.max_output_tokens} tokens")
        if message.get("tool_calls") or message.get("function_call") or not isinstance(content, str):
            raise EndpointFault("unreadable", "the answer is not text")
        return Reply(content, tokens)

    def _correct(self, usage: Any, held: Reservation) -> int:
        """Tokens of an answer as the endpoint counts them; what was held stays where it does not say."""
        counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")] if isinstance(usage, dict) else []
        if len(counts) != 2 or not all(type(count) is int and 0 <= count < 2**31 for count in counts):
            return held.tokens
        self._store.correct(held, sum(counts), self._settings.micros(*counts))
        return sum(counts)

    def _fault(self, response: httpx.Response) -> Exception:
        status, code, said = response.status_code, *self._said(response)
        what = f"status {status}" + (f" ({code})" if code else "")
        if code == "insufficient_quota":
            return EndpointFault("rejected", f"{what}: the account has no quota left", ends_run=True, said=said)
        if status in (408, 409, 425, 429) or status >= 500:
            return _Repeatable(what, _retry_after(response))
        if code == "content_filter":
            return EndpointFault("refused", "the endpoint's filter refuses the conversation", said=said)
        if code == "context_length_exceeded" or status == 413:
            return EndpointFault("too_long", "the interaction is too long for the model", said=said)
        if status in (401, 403):
            return EndpointFault("rejected", f"{what}: the credentials are not accepted", ends_run=True, said=said)
        return EndpointFault("rejected", f"{what}: the request is not accepted", said=said, ends_run=status == 404)

    def _said(self, response: httpx.Response) -> tuple[str, str]:
        """Code and message of an error, the secret cut out; the code only if it is a plain word."""
        try:
            error = response.json()["error"]
            code, said = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, error)
        except (ValueError, LookupError, TypeError):
            code, said = None, response.text
        text = " ".join(str(said).split())
        if self._key:
            text = text.replace(self._key, "***")
        is_word = isinstance(code, str) and code.isascii() and code.replace("_", "").isalnum() and len(code) <= 40
        return (code if is_word and code != self._key else ""), text[:SHOWN]


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds of Retry-After, which is a number or a date; None where it is absent or neither."""
    stated = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(stated)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(stated).timestamp() - time.time()
        except ValueError:
            return None
    return max(0.0, seconds)

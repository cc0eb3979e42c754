"""Settings of the judge from the environment (``TOUCHSTONE_JUDGE_*``); off unless it is switched on."""

from __future__ import annotations

import os
from typing import Any, Literal

import httpx
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from touchstone.errors import ConfigurationError

PREFIX = "TOUCHSTONE_JUDGE_"
_OURS = frozenset(
    {"functions", "messages", "model", "n", "response_format", "stream", "tool_choice", "tools"}
    | {"max_tokens", "max_completion_tokens"}
)


class JudgeSettings(BaseSettings):
    """How the judge asks, and how much it may.

    Attributes:
        enabled: Nothing leaves this machine while it is false.
        base_url: In front of ``/chat/completions``, such as ``https://api.example.com/v1``; plain http only to this machine.
        model: As the endpoint names it; part of every row's `evaluator_version` and of the cache's key.
        api_key: Sent as a bearer token; a local server may need none.
        response_format: What the endpoint knows: ``json_schema`` (it enforces the schema) or ``json_object`` (any JSON).
        output_limit: Name under which the endpoint takes `max_output_tokens`.
        parameters: Further fields of the request, as JSON; some models refuse `temperature` or `seed`: then ``{}``.
        questions_per_request: Most questions about one interaction that are asked at once.
        concurrency: Requests at the same time, per process.
        longest_interaction: In characters of text; a longer one stays with the rules.
        attempts: Most times that a request is sent which meets a fault that may pass.
        timeout_seconds: Of one request.
        longest_wait_seconds: All pauses of one request together, those that the endpoint asks for included.
        tokens_per_run, tokens_per_day: Caps on input and output together; days are UTC.
        cost_per_run, cost_per_day: Caps in the currency of the prices.
        input_price, output_price: Per million tokens.
        on_disagreement: Which verdict counts until a person has looked, where rule and judge differ.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, hide_input_in_errors=True)

    enabled: bool = False
    base_url: str = ""
    model: str = ""
    api_key: SecretStr | None = None
    response_format: Literal["json_schema", "json_object"] = "json_schema"
    output_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    parameters: dict[str, Any] = Field(default_factory=lambda: {"temperature": 0, "seed": 0})
    questions_per_request: int = Field(default=8, ge=1, le=50)
    concurrency: int = Field(default=4, ge=1, le=64)
    longest_interaction: int = Field(default=60_000, ge=1)
    max_output_tokens: int = Field(default=2_000, ge=50)
    attempts: int = Field(default=4, ge=1, le=20)
    timeout_seconds: float = Field(default=60, gt=0)
    longest_wait_seconds: float = Field(default=120, ge=0)
    tokens_per_run: int = Field(default=1_000_000, ge=0)
    tokens_per_day: int = Field(default=2_000_000, ge=0)
    input_price: float | None = Field(default=None, ge=0)
    output_price: float | None = Field(default=None, ge=0)
    cost_per_run: float | None = Field(default=None, ge=0, validate_default=True)
    cost_per_day: float | None = Field(default=None, ge=0, validate_default=True)
    on_disagreement: Literal["rule", "judge"] = "rule"

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if not value:
            return value
        try:
            url = httpx.URL(value)
        except httpx.InvalidURL:
            raise ValueError("must be an address such as https://api.example.com/v1") from None
        is_local = url.host in ("127.0.0.1", "::1", "localhost")
        if not url.host or url.scheme not in (("https", "http") if is_local else ("https",)):
            raise ValueError("must start with https:// (http:// only for a server on this machine)")
        if url.userinfo or url.query:
            raise ValueError(f"must hold no credentials; set {PREFIX}API_KEY")
        return value.rstrip("/")

    @field_validator("api_key")
    @classmethod
    def _fits_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value() if value else ""
        if not (text.isascii() and text.isprintable() and text == text.strip()):
            raise ValueError("must hold no white space, control characters or letters beyond ASCII")
        return value if text else None

    @field_validator("parameters")
    @classmethod
    def _leaves_ours_alone(cls, value: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(_OURS & value.keys()):
            raise ValueError(f"must not set {', '.join(taken)}, which the judge sets itself")
        return value

    @field_validator("cost_per_run", "cost_per_day")
    @classmethod
    def _has_prices(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and (info.data.get("input_price") is None or info.data.get("output_price") is None):
            raise ValueError(f"needs {PREFIX}INPUT_PRICE and {PREFIX}OUTPUT_PRICE, per million tokens")
        return value

    def micros(self, input_tokens: int, output_tokens: int) -> int:
        """Cost in millionths of the currency, rounded up; 0 where no price is set."""
        return -int(-(input_tokens * (self.input_price or 0) + output_tokens * (self.output_price or 0)) // 1)


def judge_settings() -> JudgeSettings:
    """The settings of the judge in this environment.

    Raises:
        ConfigurationError: A variable has a value that cannot work or a name that means nothing, or the judge is switched on
            without knowing whom to ask.
    """
    known = {(PREFIX + name).upper() for name in JudgeSettings.model_fields}
    unknown = sorted(name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known)
    if unknown:
        raise ConfigurationError("unknown setting of the judge", unknown[0], "See docs/judge.md for their names.")
    try:
        settings = JudgeSettings()
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigurationError(
            f"environment variable {name}", None, f"It {_sentence(first['msg'].removeprefix('Value error, '))}."
        ) from None
    except SettingsError:
        raise ConfigurationError(
            f"environment variable {PREFIX}PARAMETERS", None, 'It must be JSON such as {"temperature": 0}.'
        ) from None
    for name in ("base_url", "model"):
        if settings.enabled and not getattr(settings, name):
            raise ConfigurationError(
                f"the judge is switched on without {name}",
                None,
                f"Set {PREFIX}{name.upper()}, or unset {PREFIX}ENABLED.",
            )
    return settings


def _sentence(message: str) -> str:
    return message if message.startswith(("must", "needs")) else f"is not usable: {message[:1].lower()}{message[1:]}"

"""Access tokens that end: made and known again from the credentials alone, so that the server need not remember any."""

from __future__ import annotations

import hmac
from datetime import datetime
from hashlib import sha256
from urllib.parse import parse_qs

from touchstone.sandbox.api.calls import Call
from touchstone.sandbox.api.clock import seconds


def form(call: Call) -> dict[str, str]:
    """The fields of a form, as a token endpoint takes them."""
    return {name: values[-1] for name, values in parse_qs(call.body.decode(errors="replace")).items()}


def access_token(secret: str, ends: datetime) -> str:
    """A token that is good until `ends` for whoever knows the secret."""
    return f"{seconds(ends):x}.{_signature(secret, f'{seconds(ends):x}')}"


def is_good(token: str | None, secret: str, now: datetime) -> bool | None:
    """Whether a token of ours is still good; None for one that is not ours."""
    end, _, signature = (token or "").partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(secret, end).encode()):
        return None
    return int(end, 16) > seconds(now)


def _signature(secret: str, end: str) -> str:
    return hmac.new(secret.encode(), end.encode(), sha256).hexdigest()

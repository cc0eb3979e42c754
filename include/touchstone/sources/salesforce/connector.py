"""Salesforce's table of streams, and what its refusals mean."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

import httpx

from touchstone.errors import ConfigurationError
from touchstone.sources import sandbox
from touchstone.sources.config import SourceInstance
from touchstone.sources.http.budget import Budget
from touchstone.sources.http.faults import CredentialsError, PermissionRefused, RateLimitedError
from touchstone.sources.http.oauth import RenewedAuth
from touchstone.sources.http.streams import Context, RawStream, Record, Stream, Ways
from touchstone.sources.salesforce import soql, walk
from touchstone.sources.salesforce.objects import CASE, CRM, PARTS, STAMPS, Schema, SObject, base, describe
from touchstone.sources.salesforce.source import Salesforce

TOKENS = "/services/oauth2/token"
ASSERTION_SECONDS = 180
_REFUSED = ("INSUFFICIENT_ACCESS", "API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED", "FUNCTIONALITY_NOT_ENABLED")


def _id(record: Record) -> str | None:
    value = record.get("Id")
    return value if soql.is_id(value) else None


def _version(record: Record) -> int | None:
    """Milliseconds of the stamp that the object has; what takes the place of a deleted record is just newer than that was."""
    if record.get("isDeletedForGood"):
        replaced = soql.parsed(record.get("replacedStamp"))
        return None if replaced is None else int(replaced.timestamp() * 1000) + 1
    for name in STAMPS:
        moment = soql.parsed(record.get(name))
        if moment is not None:
            return int(moment.timestamp() * 1000)
    return None


def _parent(field: str) -> Callable[[Record], str | None]:
    return lambda record: record[field] if soql.is_id(record.get(field)) else None


def _when(field: str) -> Callable[[Record], datetime | None]:
    return lambda record: soql.parsed(record.get(field))


_ENUMS = {
    "User": {
        "UserType": frozenset(
            {
                *(
                    "Standard",
                    "PowerPartner",
                    "PowerCustomerSuccess",
                    "CustomerSuccess",
                    "CspLitePortal",
                    "CSNOnly",
                    "Guest",
                ),
                *("AutomatedProcess", "CloudIntegrationUser", "SelfService", "CSPLitePortal", "PackageLicenseUser"),
            }
        )
    },
    "EmailMessage": {"Status": frozenset("012345")},
}
_MOMENTS = {"CaseComment": "CreatedDate", "EmailMessage": "MessageDate", "LiveChatTranscript": "EndTime"}


def _raw(spec: SObject) -> RawStream:
    return RawStream(
        spec.stream,
        _id,
        _id if spec is CASE else _parent(spec.parent) if spec.parent else lambda record: None,
        _version,
        happened_at=_when(_MOMENTS[spec.name]) if spec.name in _MOMENTS else None,
        enums=_ENUMS.get(spec.name, {}),
    )


class SalesforceConnector:
    """See `touchstone.sources.http.streams.Connector`."""

    name = "salesforce"
    # Salesforce counts requests by the day, and how many depends on edition and licences; this keeps a run from hurry
    budgets: ClassVar[dict[str, Budget]] = {"default": Budget("default", 600, 60)}
    raw: ClassVar[dict[str, RawStream]] = {spec.stream: _raw(spec) for spec in (*CRM, CASE, *PARTS)}

    def credentials(self, source: SourceInstance) -> Ways:
        app = {"client_id": "consumer key of the connected app"}
        with_secret = {**app, "client_secret": "consumer secret of the connected app"}
        return (
            {**with_secret, "refresh_token": "refresh token of the connected app"},
            with_secret,
            {**app, "username": "user that the app acts for", "private_key": "private key of the app's certificate"},
        )

    def apis(self, source: SourceInstance, secrets: dict[str, str]) -> dict[str, tuple[str, httpx.Auth]]:
        options = source.options(Salesforce)
        auth = RenewedAuth(
            "Salesforce",
            f"{sandbox.resolved(options.base_url)}{TOKENS}",
            _grant(source.name, options, secrets),
            "Check key, secret and policies of the connected app; authorise it anew if its token was revoked.",
        )
        return {"main": (options.base_url, auth)}

    def explain(self, response: httpx.Response) -> Exception | None:
        code, message = _refusal(response)
        if code in ("REQUEST_LIMIT_EXCEEDED", "LIMIT_EXCEEDED"):
            return RateLimitedError(
                "Salesforce's requests of these 24 hours are used up",
                f"{response.status_code} {code}",
                "Run it again once some are free (Setup, Company Information); what has landed stays landed.",
            )
        if response.status_code == 401:
            return CredentialsError(
                "Salesforce does not accept the access token",
                f"401 {code}".rstrip(),
                "Check the connected app and its user.",
            )
        if response.status_code == 403 and code.startswith(_REFUSED):
            return PermissionRefused(
                f"Salesforce refuses {response.request.url.path}",
                f"{code}: {message}"[:300],
                "Give the app's user the permissions API Enabled and View All Data, or read access to the object.",
            )
        return None

    def streams(self, source: SourceInstance) -> list[Stream]:
        schemas: dict[int, Schema] = {}
        return [walk.stream(spec, schemas) for spec in _objects(source)]

    def check(self, context: Context) -> list[tuple[str, Callable[[], Any]]]:
        options = context.source.options(Salesforce)
        asked: list[tuple[str, Callable[[], Any]]] = [
            ("credentials", partial(context.api.get, f"{base(options)}/limits"))
        ]
        asked += [(spec.name, partial(describe, context.api, options, spec.name)) for spec in _objects(context.source)]
        return asked


def _objects(source: SourceInstance) -> tuple[SObject, ...]:
    return (*CRM, CASE, *PARTS) if source.options(Salesforce).cases else CRM


def _grant(name: str, options: Salesforce, secrets: dict[str, str]) -> dict[str, str] | Callable[[], dict[str, str]]:
    if "refresh_token" in secrets:
        return {"grant_type": "refresh_token", **secrets}
    if "client_secret" in secrets:
        return {"grant_type": "client_credentials", **secrets}
    return partial(_assertion, name, options.audience, secrets)


def _assertion(name: str, audience: str, secrets: dict[str, str]) -> dict[str, str]:
    """A grant that the app's key signs: good for three minutes, so that each is made anew."""
    import jwt

    claims = {
        "iss": secrets["client_id"],
        "sub": secrets["username"],
        "aud": audience,
        "exp": int(time.time()) + ASSERTION_SECONDS,
    }
    # a credential holds no line breaks: they are written as \n
    key = secrets["private_key"].replace("\\n", "\n")
    try:
        signed = jwt.encode(claims, key, algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        raise ConfigurationError(
            f"{name}: the private key of the app's certificate cannot be read",
            None,
            "Write it in PEM form on one line, with \\n for each line break.",
        ) from None
    return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed}


def _refusal(response: httpx.Response) -> tuple[str, str]:
    """Code and words of a refusal, empty where it says none."""
    try:
        body = json.loads(response.content)
    except ValueError:
        return "", ""
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, dict):
        return "", ""
    return str(first.get("errorCode") or ""), str(first.get("message") or "")

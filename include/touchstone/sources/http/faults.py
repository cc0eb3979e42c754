"""What an API refuses, told apart by what a person has to do about it."""

from __future__ import annotations

from touchstone.errors import EXIT_USAGE, SourceError


class CredentialsError(SourceError):
    """The API does not accept who we are."""

    exit_code = EXIT_USAGE


class PermissionRefused(SourceError):
    """The API knows us and does not allow what was asked."""

    exit_code = EXIT_USAGE


class UnreachableError(SourceError):
    """No answer: an unknown host, a refused connection, a certificate that does not fit."""


class RateLimitedError(SourceError):
    """The API asks to wait longer than one run may wait."""


class RequestRefused(SourceError):
    """The API answered that the request itself cannot be served.

    Attributes:
        status: HTTP status.
        body: Decoded answer, None where it is not JSON.
    """

    def __init__(self, thing: str, value: object, remedy: str, *, status: int, body: object) -> None:
        super().__init__(thing, value, remedy)
        self.status = status
        self.body = body


class BrokenAnswer(SourceError):
    """The API kept answering with something that cannot be read: cut JSON, HTML, errors of its own."""


class CutAnswer(BrokenAnswer):
    """A long answer that ended before its time; what was read of it is no whole."""


class NoProgress(SourceError):
    """A walk over pages stands still: the next request would be the one just made."""

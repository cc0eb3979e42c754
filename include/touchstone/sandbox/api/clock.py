"""The virtual now, and moments as whole numbers for fast comparison."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from touchstone.errors import SourceError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Microseconds since 1970, exact."""
    return (moment - EPOCH) // _MICROSECOND


def seconds(moment: datetime) -> int:
    """Whole seconds since 1970, the fraction cut off."""
    return micros(moment) // 1_000_000


def moment_of(value: int) -> datetime:
    """The moment that `micros` turned into a number."""
    return EPOCH + timedelta(microseconds=value)


class Clock:
    """The server's only now. It stands still between requests and never goes back."""

    def __init__(self, start: datetime) -> None:
        self.now = start.astimezone(UTC)

    def advance(self, by: float) -> None:
        """Move on by seconds."""
        if by:
            self.now += timedelta(seconds=by)

    def move(self, to: datetime) -> None:
        if to < self.now:
            raise SourceError(
                "move of the virtual clock into the past",
                f"from {self.now.isoformat()} to {to.isoformat()}",
                "Name a later moment, or start another server.",
            )
        self.now = to.astimezone(UTC)

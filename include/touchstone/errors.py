"""Errors that name the thing, the value and the remedy."""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_GATE = 3
EXIT_BUSY = 4


class TouchstoneError(Exception):
    """A fault that a person can act on.

    Args:
        thing: What is wrong, in a few words (``"warehouse URL"``).
        value: The offending value; never a secret.
        remedy: What to do about it, as an instruction.
    """

    exit_code = EXIT_FAILED

    def __init__(self, thing: str, value: object = None, remedy: str = "") -> None:
        self.thing = thing
        self.value = value
        self.remedy = remedy
        text = thing if value is None else f"{thing}: {value!r}" if isinstance(value, str) else f"{thing}: {value}"
        super().__init__(f"{text}. {remedy}" if remedy else text)


class ConfigurationError(TouchstoneError):
    """A setting or a configuration file holds something that cannot work."""

    exit_code = EXIT_USAGE


class SourceError(TouchstoneError):
    """A source cannot be read."""


class WarehouseError(TouchstoneError):
    """The warehouse cannot be reached or refuses a request."""


class GateError(TouchstoneError):
    """A gate found a blocking violation: nothing is published."""

    exit_code = EXIT_GATE


class BusyError(TouchstoneError):
    """Another run holds the pipeline lock."""

    exit_code = EXIT_BUSY

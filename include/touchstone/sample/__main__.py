"""`python -m touchstone.sample DAY FOLDER`: write the conversation file of one day."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from touchstone.errors import EXIT_USAGE, TouchstoneError
from touchstone.sample import FIRST_DAY, write_day


def main(arguments: list[str]) -> int:
    """Exit code; the file's path goes to stdout."""
    if len(arguments) != 2:
        sys.stderr.write(f"usage: python -m touchstone.sample DAY FOLDER   (first day: {FIRST_DAY.isoformat()})\n")
        return EXIT_USAGE
    try:
        day = date.fromisoformat(arguments[0])
    except ValueError:
        sys.stderr.write(f"sample day: {arguments[0]!r}. Write it as YYYY-MM-DD.\n")
        return EXIT_USAGE
    try:
        sys.stdout.write(f"{write_day(day, Path(arguments[1]))}\n")
    except TouchstoneError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""How figures read on a page; a figure that does not exist reads as a dash, never as zero."""

from __future__ import annotations

from datetime import date, datetime

NONE = "–"
SIDES = {"human_agent": "Human agents", "ai_agent": "AI agents", "all": "All together"}
ACTORS = {"customer": "Customer", "human_agent": "Human agent", "ai_agent": "AI agent", "system": "System"}


def number(value: float | None) -> str:
    """A count with thousands set apart."""
    return NONE if value is None else f"{value:,.0f}"


def counted(value: int, noun: str) -> str:
    """A count with its noun, such as `1 day` and `3 days`."""
    return f"{number(value)} {noun}" + ("" if value == 1 else "s")


def score(value: float | None) -> str:
    """A score of 0 to 100 with one decimal."""
    return NONE if value is None else f"{value:.1f}"


def signed(value: float) -> str:
    """A difference with its sign."""
    return f"{value:+.1f}".replace("-", "−")


def percent(part: float | None, whole: float | None) -> str:
    """part / whole in percent with one decimal; a dash without a whole."""
    return NONE if not whole or part is None else f"{100 * part / whole:.1f} %"


def share(value: float | None) -> str:
    """A share of 0 to 1 in percent without decimals: what a sentence needs."""
    return NONE if value is None else f"{100 * value:.0f} %"


def span(interval: tuple[float, float] | None, factor: float = 1.0) -> str:
    """An interval as `low to high`, multiplied by a factor (100 for shares)."""
    return NONE if interval is None else f"{interval[0] * factor:.1f} to {interval[1] * factor:.1f}"


def duration(minutes: float | None) -> str:
    """Minutes as seconds, minutes, hours or days, whichever is readable."""
    if minutes is None:
        return NONE
    if minutes < 1:
        return f"{minutes * 60:.0f} s"
    if minutes < 120:
        return f"{minutes:.0f} min" if minutes >= 10 else f"{minutes:.1f} min"
    return f"{minutes / 60:.1f} h" if minutes < 48 * 60 else f"{minutes / 1440:.1f} days"


def words(name: str | None) -> str:
    """A name of the warehouse's own (`stable_neutral`) in words (`Stable neutral`)."""
    return NONE if not name else (name[:1].upper() + name[1:]).replace("_", " ")


def day(value: date | None) -> str:
    """A date such as 1 April 2026."""
    return NONE if value is None else f"{value.day} {value:%B %Y}"


def moment(value: datetime | None) -> str:
    """A time in UTC to the minute."""
    return NONE if value is None else f"{value.day} {value:%B %Y, %H:%M} UTC"


def short_key(key: str) -> str:
    """The first eight characters of a key, enough to find it again."""
    return key if len(key) <= 8 else key[:8] + "…"


def shortened(text: str, most: int = 320) -> str:
    """A quote of at most `most` characters on one line, cut at a word."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0].rstrip() + " …"


def listed(values: list[str | None] | None) -> str:
    """Versions as a list in words; a dash when there are none."""
    return ", ".join(str(value) for value in values or [] if value) or NONE

"""SQL of what charts show: shares and means with their intervals, and figures of several units as text."""

from __future__ import annotations

from typing import Any

from touchstone.settings import get_settings

# Wilson's score interval, as metrics.md has it for shares.
_WILSON = (
    "greatest(0, least(1, (({k})::numeric / nullif({n}, 0) + {z2} / (2 * nullif({n}, 0)) {sign} {z} * sqrt("
    "({k})::numeric / nullif({n}, 0) * (1 - ({k})::numeric / nullif({n}, 0)) / nullif({n}, 0)"
    " + {z2} / (4 * power(nullif({n}, 0), 2)))) / (1 + {z2} / nullif({n}, 0))))"
)
# How a number of a unit is written; what is not named has one decimal.
_FORMS = {
    "share": ("100 *", "FM990.0", " %"),
    "count": ("", "FM999,999,999,990", ""),
    "episodes": ("", "FM999,999,999,990", ""),
    "ratio": ("", "FM999,990.00", ""),
    "points": ("", "FM999,990.00", ""),
    "hours": ("", "FM999,990.0", " h"),
    "minutes": ("", "FM999,990.0", " min"),
}


def parameter(name: str) -> Any:
    """A parameter of the project."""
    return get_settings().parameters[name]


def rate(parts: dict[str, str]) -> tuple[str, str, str]:
    """A share, and the bounds of its Wilson interval."""
    z = parameter("z_95")
    low, high = (_WILSON.format(k=parts["of"], n=parts["n"], z=z, z2=z * z, sign=sign) for sign in ("-", "+"))
    return f"({parts['of']})::numeric / nullif({parts['n']}, 0)", low, high


def mean(parts: dict[str, str]) -> tuple[str, str, str]:
    """The mean of cells that state mean, standard deviation and n, weighted by n, and the bounds of its interval."""
    z, average, sd, cell = parameter("z_95"), parts["mean"], parts["sd"], parts["cell"]
    middle = f"sum({average} * {cell}) / nullif(sum({cell}), 0)"
    variance = (
        f"greatest(0, sum(({cell} - 1) * power(coalesce({sd}, 0), 2)) + sum({cell} * power({average}, 2))"
        f" - sum({cell}) * power({middle}, 2)) / nullif(sum({cell}) - 1, 0)"
    )
    half = f"{z} * sqrt(({variance}) / nullif({parts['n']}, 0))"
    return middle, f"greatest(0, {middle} - {half})", f"least(100, {middle} + {half})"


def figure(parts: dict[str, Any]) -> str:
    """A number as text in its unit, for columns that hold shares beside minutes and money; with its sign where asked for."""
    value, unit = f"({parts['of']})::numeric", parts["unit"]
    sign = f"case when {value} > 0 then '+' else '' end || " if parts.get("signed") else ""
    currency = parameter("currency")
    cases = [
        f"when '{name}' then {sign}to_char({scale} {value}, '{form}') || '{after}'"
        for name, (scale, form, after) in _FORMS.items()
    ]
    cases.append(
        f"when 'money' then {sign}to_char({value}, case when abs({value}) < 1000 then 'FM990.00' else 'FM999,999,999,990' end)"
        f" || ' {currency}'"
    )
    return f"case {unit} {' '.join(cases)} else {sign}to_char({value}, 'FM999,990.0') end"

"""SQL of what charts show: shares and means with their intervals, and figures of several units as text."""

from __future__ import annotations

from typing import Any

from touchstone.errors import ConfigurationError
from touchstone.settings import get_settings

# Wilson's score interval, as metrics.md has it for shares.
_WILSON = (
    "greatest(0, least(1, (({k})::numeric / nullif({n}, 0) + {z2} / (2 * nullif({n}, 0)) {sign} {z} * sqrt("
    "({k})::numeric / nullif({n}, 0) * (1 - ({k})::numeric / nullif({n}, 0)) / nullif({n}, 0)"
    " + {z2} / (4 * power(nullif({n}, 0), 2)))) / (1 + {z2} / nullif({n}, 0))))"
)
# How a number of a unit is written: unit -> (what holds of it, factor, form, what follows), the first that holds; a unit that
# is not named has one decimal.
_FORMS: dict[str, list[tuple[str, str, str, str]]] = {
    "share": [("true", "100", "FM990.0", " %")],
    "count": [("true", "1", "FM999,999,999,990", "")],
    "episodes": [("true", "1", "FM999,999,999,990", "")],
    "ratio": [("true", "1", "FM999,990.00", "")],
    "points": [("true", "1", "FM999,990.00", "")],
    "hours": [("abs({v}) < 1", "60", "FM990.0", " min"), ("true", "1", "FM999,990.0", " h")],
    "minutes": [("abs({v}) < 120", "1", "FM990.0", " min"), ("true", "1.0 / 60", "FM999,990.0", " h")],
    "probability": [("{v} < 0.0005", "0", '"< 0.001"', ""), ("true", "1", "FM0.000", "")],
    "money": [
        ("abs({v}) < 1000", "1", "FM990.00", " {currency}"),
        ("abs({v}) < 1000000", "1", "FM999,990", " {currency}"),
        ("true", "0.000001", "FM999,990.00", " m {currency}"),
    ],
}


def parameter(name: str) -> Any:
    """A parameter of the project.

    Raises:
        ConfigurationError: There is none of this name.
    """
    parameters = get_settings().parameters
    if name not in parameters:
        raise ConfigurationError(
            "a dashboard names an unknown parameter", name, "dbt_project.yml lists them under vars."
        )
    return parameters[name]


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
    """A number as text in its unit, for columns that hold shares beside minutes and money.

    Args:
        parts: `of`, SQL of the number; `unit`, SQL of its unit; `signed` for a difference; `or`, SQL of the text where there is
            no number.
    """
    value, unit = f"({parts['of']})::numeric", parts["unit"]
    is_signed, currency = bool(parts.get("signed")), parameter("currency")
    sign = f"case when {value} > 0 then '+' else '' end || " if is_signed else ""
    cases = []
    for name, forms in _FORMS.items():
        for holds, factor, form, after in forms:
            # a difference of two shares is no share
            follows = " points" if is_signed and name == "share" else after.format(currency=currency)
            condition = f"{unit} = '{name}' and {holds.format(v=value)}"
            cases.append(f"when {condition} then {sign}to_char({factor} * {value}, '{form}') || '{follows}'")
    text = f"case {' '.join(cases)} else {sign}to_char({value}, 'FM999,990.0') end"
    return f"coalesce({text}, {parts['or']})" if "or" in parts else text

"""Return on AI, cost per issue and scenarios, held against a sheet that was worked by hand: every cell, to the cent."""

from __future__ import annotations

import ast
import operator
from decimal import Decimal
from fractions import Fraction

import priced
import pytest

from touchstone.settings import Settings

MONTH = "month_start = '2026-01-01'"
OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
PAGES = {"roi": "rpt_roi_monthly", "accounts": "rpt_retention_at_risk_monthly"}
Key = tuple[str, str, str, str]


def _number(cell: dict[str, str]) -> Fraction:
    return Fraction(cell["value"])


def _key(cell: dict[str, str]) -> Key:
    return cell["report"], cell["slice"], cell["row"], cell["cell"]


CELLS = {_key(cell): cell for cell in priced.read("sheet.csv")}


def _worked(cell: dict[str, str]) -> Fraction:
    """The formula of a cell over the numbers beside it and over the values of other cells, in exact fractions."""

    def value(node: ast.AST) -> Fraction:
        match node:
            case ast.BinOp():
                return OPERATIONS[type(node.op)](value(node.left), value(node.right))
            case ast.Constant():
                return Fraction(ast.get_source_segment(cell["formula"], node))
            case ast.Name():
                return _number(CELLS[cell["report"], cell["slice"], cell["row"], node.id])
            case ast.Attribute():
                return _number(CELLS[PAGES[node.value.id], cell["slice"], "", node.attr])
            case ast.Call():
                return min(value(argument) for argument in node.args)
        raise AssertionError(f"the sheet adds, multiplies and takes the smaller: {cell['formula']}")

    return value(ast.parse(cell["formula"], mode="eval").body)


def _rounded(number: Fraction, places: str) -> Fraction:
    """Halves away from zero; a cell without places is exact."""
    if not places:
        return number
    scale = 10 ** int(places)
    whole = (abs(number) * scale + Fraction(1, 2)).__floor__()
    return Fraction(whole if number >= 0 else -whole, scale)


@pytest.fixture(scope="module")
def built(warehouse: Settings) -> dict[tuple[str, str, str], dict[str, object]]:
    """Rows of the month by report, slice, and scenario or kind of handling."""
    priced.build(warehouse)
    found = {}
    for report in priced.MODELS[1:]:
        for row in priced.rows(warehouse, report, MONTH):
            name = row.get("scenario") or row.get("handled_by") or ""
            if row["slice_type"] in ("all", "segment"):
                found[report, row["slice_value"], name] = row
    return found


def test_the_sheet_is_what_its_formulas_say() -> None:
    wrong = {key: cell for key, cell in CELLS.items() if _rounded(_worked(cell), cell["places"]) != _number(cell)}
    assert wrong == {}


def test_the_warehouse_is_the_sheet_to_the_cent(built) -> None:
    found, expected = {}, {}
    for key, cell in CELLS.items():
        row = built[key[:3]]
        if key[3] in row:
            found[key], expected[key] = row[key[3]], Decimal(cell["value"])
    assert found == expected
    assert len(found) > 450


def test_every_scenario_of_every_slice_is_on_the_sheet(built) -> None:
    assert {key for key in built if key[0] == "rpt_roi_scenarios"} == {
        key[:3] for key in CELLS if key[0] == "rpt_roi_scenarios"
    }


def test_money_is_exact_and_the_assumptions_stand_beside_it(built) -> None:
    row = built["rpt_roi_monthly", "all", ""]
    assert isinstance(row["net_benefit"], Decimal)
    assert row["currency"] == "EUR"
    assert row["before_basis"] == "measured"
    # the version of 2026-01-02 holds from February on, that of 2025 no more
    assert row["assumptions"]["human_hourly_rate"] == 36
    assert row["assumptions"]["human_hourly_rate (team:payments)"] == 42
    assert row["assumptions"]["gross_margin (segment:enterprise)"] == 0.8
    assert set(row["assumptions"]) > {"ai_cost_per_episode", "ai_cost_per_answer", "recontact_cost", "retention_effect"}

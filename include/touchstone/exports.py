"""Values on their way into a spreadsheet."""

from __future__ import annotations

from typing import Any

# A cell that begins with one of these is taken for a formula (OWASP ASVS 1.2.10; CWE-1236 adds the carriage return).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


def safe_cell(value: Any) -> Any:
    """The value, with a quote before text that a spreadsheet would evaluate; numbers stay numbers."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return "'" + value
    return value


def stored_value(cell: str) -> str:
    """The text that `safe_cell` made a cell of."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA_STARTS) else cell

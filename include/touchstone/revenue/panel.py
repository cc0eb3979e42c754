"""Account x month as matrices, which a lag shifts instead of joining."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

Matrix = np.ndarray
"""Accounts x months, float64; NaN where nothing is known."""


@dataclass(frozen=True)
class Panel:
    """What is known of accounts, month by month.

    Attributes:
        accounts: Their keys, ascending.
        months: First days of consecutive months.
        segments: Segment of each account, one code per account; names in `segment_names`.
        values: Matrices by the name of the measure.
    """

    accounts: np.ndarray
    months: pd.DatetimeIndex
    segments: np.ndarray
    segment_names: tuple[str, ...]
    values: dict[str, Matrix] = field(default_factory=dict)

    def cells(self, segment: str | None) -> np.ndarray:
        """Positions of the accounts of a segment; None: of all."""
        if segment is None:
            return np.arange(len(self.accounts))
        return np.flatnonzero(self.segments == self.segment_names.index(segment))

    def pairs(self, first: str, second: str, lag: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values of `first` in a month and of `second` `lag` months later, where both are known.

        Returns:
            Row of the panel, first and second value of each pair; month after month of one account, account after account.
        """
        last = len(self.months) - lag
        if last <= 0:
            return np.empty(0, dtype=np.int64), np.empty(0), np.empty(0)
        x, y = self.values[first][rows, :last], self.values[second][rows, lag:]
        known = ~(np.isnan(x) | np.isnan(y))
        counts = known.sum(axis=1)
        return np.repeat(rows, counts), x[known], y[known]


def panel(frame: pd.DataFrame, measures: list[str]) -> Panel:
    """The panel of a table of account_key, month_start, segment and measures.

    The segment of an account is its latest one.

    Raises:
        ValueError: An account has a month twice.
    """
    if frame.duplicated(["account_key", "month_start"]).any():
        twice = frame.loc[frame.duplicated(["account_key", "month_start"]), "account_key"].iloc[0]
        raise ValueError(f"account {twice!r} has a month twice; the grain is account x month")
    accounts, row = np.unique(frame["account_key"].to_numpy(dtype=str), return_inverse=True)
    starts = pd.to_datetime(frame["month_start"])
    numbers = (starts.dt.year * 12 + starts.dt.month - 1).to_numpy()
    first, last = (int(numbers.min()), int(numbers.max())) if len(frame) else (0, -1)
    months = pd.date_range(f"{first // 12:04d}-{first % 12 + 1:02d}-01", periods=last - first + 1, freq="MS")
    latest = np.full(len(accounts), -1, dtype=np.int64)
    names, codes = np.unique(frame["segment"].fillna("unknown").to_numpy(dtype=str), return_inverse=True)
    order = np.argsort(numbers, kind="stable")
    latest[row[order]] = codes[order]
    values = {}
    for name in measures:
        matrix = np.full((len(accounts), len(months)), np.nan)
        matrix[row, numbers - first] = frame[name].to_numpy(dtype=float)
        values[name] = matrix
    return Panel(accounts, months, latest, tuple(names.tolist()), values)

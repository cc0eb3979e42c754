"""Account x month as matrices, which a lag shifts instead of joining."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

Matrix = np.ndarray
"""Months x accounts; NaN where nothing is known."""
MOST_ACCOUNTS = 5_000
"""Accounts of a segment that costly statistics take; of more, always the same random ones. Intervals are narrow by then."""
_PART = np.uint64(0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True)
class Panel:
    """What is known of accounts, month by month.

    Attributes:
        numbers: One unsigned 64-bit number per account; the same account has the same one in every run.
        months: First days of consecutive months.
        segments: Segment of each account, one code per account; names in `segment_names`.
        values: Matrices by the name of the measure.
    """

    numbers: np.ndarray
    months: pd.DatetimeIndex
    segments: np.ndarray
    segment_names: tuple[str, ...]
    values: dict[str, Matrix] = field(default_factory=dict)

    def cells(self, segment: str | None) -> np.ndarray:
        """Positions of the accounts of a segment; None: of all."""
        if segment is None:
            return np.arange(len(self.numbers))
        return np.flatnonzero(self.segments == self.segment_names.index(segment))

    def sample(self, segment: str | None) -> np.ndarray:
        """Positions of at most `MOST_ACCOUNTS` accounts of a segment, drawn by their numbers."""
        rows = self.cells(segment)
        if len(rows) <= MOST_ACCOUNTS:
            return rows
        mixed = (self.numbers[rows] ^ (self.numbers[rows] >> np.uint64(29))) * _PART
        return rows[np.sort(np.argpartition(mixed, MOST_ACCOUNTS)[:MOST_ACCOUNTS])]

    def pairs(
        self, first: str, second: str, lag: int, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Values of `first` in a month and of `second` `lag` months later, where both are known.

        Returns:
            Account and month (of the second value) of each pair, first and second value; month after month.
        """
        last = len(self.months) - lag
        if last <= 0:
            nowhere = np.empty(0, dtype=np.int64)
            return nowhere, nowhere, np.empty(0), np.empty(0)
        x, y = self.values[first][:last, rows], self.values[second][lag:, rows]
        month, account = np.nonzero(~(np.isnan(x) | np.isnan(y)))
        return rows[account], month + lag, x[month, account], y[month, account]


def panel(frame: pd.DataFrame, measures: list[str]) -> Panel:
    """The panel of a table of account_key, month_start, segment and measures.

    The segment of an account is its latest one.

    Raises:
        ValueError: An account has a month twice.
    """
    if frame.duplicated(["account_key", "month_start"]).any():
        twice = frame.loc[frame.duplicated(["account_key", "month_start"]), "account_key"].iloc[0]
        raise ValueError(f"account {twice!r} has a month twice; the grain is account x month")
    keys, code = np.unique(frame["account_key"].to_numpy(dtype=str), return_inverse=True)
    numbers = np.array([zlib.crc32(key.encode()) << 32 | zlib.adler32(key.encode()) for key in keys], dtype=np.uint64)
    order = np.argsort(numbers, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    starts = pd.to_datetime(frame["month_start"])
    month = (starts.dt.year * 12 + starts.dt.month - 1).to_numpy()
    names, segment = np.unique(frame["segment"].fillna("unknown").to_numpy(dtype=str), return_inverse=True)
    values = {name: frame[name].to_numpy(dtype=float) for name in measures}
    return assemble(numbers[order], place[code], month, segment, tuple(names.tolist()), values)


def assemble(
    numbers: np.ndarray,
    account: np.ndarray,
    month: np.ndarray,
    segment: np.ndarray,
    segment_names: tuple[str, ...],
    values: dict[str, np.ndarray],
) -> Panel:
    """The panel of rows.

    Args:
        numbers: Of the accounts.
        account, month, segment: Of each row: position in `numbers`, months since the year 0, position in `segment_names`.
        values: One entry per row.
    """
    first, last = (int(month.min()), int(month.max())) if len(month) else (0, -1)
    months = pd.date_range(f"{first // 12:04d}-{first % 12 + 1:02d}-01", periods=last - first + 1, freq="MS")
    latest = np.zeros(len(numbers), dtype=np.int64)
    order = np.argsort(month, kind="stable")
    latest[account[order]] = segment[order]
    place = (month - first) * len(numbers) + account
    matrices = {}
    for name, column in values.items():
        matrix = np.full(len(months) * len(numbers), np.nan, dtype=column.dtype)
        matrix[place] = column
        matrices[name] = matrix.reshape(len(months), len(numbers))
    return Panel(numbers, months, latest, segment_names, matrices)

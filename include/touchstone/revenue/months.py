"""Months of accounts as the statistics take them, read from `marts_build.fct_account_months`.

Only complete months count: a month that is not over would pass for one in which nobody left. A month is read again when one of its rows
has been written since, and kept as arrays in `derived.revenue_months` otherwise. What nobody could have seen is unknown, and no zero: the
leaving of an account that only a helpdesk lists, what became of revenue that nobody states, the use of a product before it was recorded.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import psycopg

from touchstone.errors import WarehouseError
from touchstone.revenue.panel import Panel

MEASURES = (
    "mean_quality",
    "weighted_quality",
    "low_quality_share",
    "mean_polarity",
    "mean_effort",
    "repeat_contact_share",
)
OUTCOMES = ("retention", "expansion", "contraction", "churn", "adoption", "health")
UNKNOWN = "unknown"
_AT_RISK = "(has_churned or lifecycle_stage is distinct from 'churned')"
"""An account that has left counts no more, except in the month in which it left."""

# Name, and the number or null of a row. Retention is the share of the month's revenue that is still there at its end.
_COLUMNS = {
    "mean_quality": "mean_quality",
    "weighted_quality": "weighted_quality",
    "low_quality_share": "low_quality_count / nullif(quality_n, 0)::float4",
    "mean_polarity": "mean_polarity",
    "mean_effort": "mean_effort",
    "repeat_contact_share": "repeat_contact_count / nullif(interaction_count, 0)::float4",
    "retention": (
        "case when arr_start > 0 then case when contraction_arr = 0 and churned_arr = 0 then 1"
        " else greatest(0, 1 - (coalesce(contraction_arr, 0) + coalesce(churned_arr, 0)) / arr_start) end end"
    ),
    "expansion": "has_expanded::int",
    "contraction": "has_contracted::int",
    "churn": "has_churned::int",
    "adoption": "active_day_count",
    "health": "health_score",
    "quality_n": "quality_n",
    "arr": "arr_start",
    "tenure": "tenure_months",
    "volume": "interaction_count",
    "segment": "array_position(%(segments)s::text[], coalesce(segment, 'unknown')) - 1",
    "tier": "array_position(%(tiers)s::text[], coalesce(tier, 'unknown')) - 1",
}
_NAMES = {"segment": "segments", "tier": "tiers"}
_FOLLOWED = """
    with systems as (
        select source, instance from core.accounts where arr is not null or churned_on is not null
        union
        select accounts.source, accounts.instance from core.deals as deals
        inner join core.accounts as accounts on deals.account_key = accounts.account_key
        where deals.arr_after is not null and not coalesce(deals.is_archived, false)
    )
    select distinct hashtextextended(accounts.organization_key, 0) as number from core.accounts as accounts
    inner join systems on accounts.source = systems.source and accounts.instance = systems.instance
    """
"""Accounts of the systems that state revenue or leaving: of the others it is not known who stayed."""
MONTHS_AT_ONCE = 12
_ARRAY_HEAD = 20
"""Bytes before the values of an array of one dimension."""


@dataclass(frozen=True)
class Months:
    """What has been read.

    Attributes:
        panel: Measures and outcomes, and `quality_n`, `arr`, `tenure`, `volume`, `tier` (a position in `tiers`); float32.
        read: How many months were read anew.
    """

    panel: Panel
    tiers: tuple[str, ...]
    read: int

    @property
    def last_month(self) -> date:
        return self.panel.months[-1].date()


@dataclass(frozen=True)
class _Block:
    """A month: numbers of its accounts, a column per name, and the words that `segment` and `tier` stand for."""

    numbers: np.ndarray
    columns: np.ndarray
    words: dict[str, tuple[str, ...]]

    def dump(self) -> bytes:
        buffer = io.BytesIO()
        words = {name: np.array(values, dtype=str) for name, values in self.words.items()}
        np.savez(buffer, numbers=self.numbers, columns=self.columns, **words)
        return buffer.getvalue()

    @classmethod
    def load(cls, content: bytes) -> _Block:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            words = {name: tuple(stored[name].tolist()) for name in _NAMES.values()}
            return cls(stored["numbers"], stored["columns"], words)


def digests(connection: psycopg.Connection) -> dict[date, str]:
    """Which rows are there of every complete month, in few characters: how many, and the runs that wrote them.

    A row that changes is written by a later run; one that does not change is left alone by the build.
    """
    return {
        month: f"{count}:{total}"
        for month, count, total in connection.execute(
            """
            select month_start, count(*), sum(_ledger_id) from marts_build.fct_account_months where is_complete group by month_start
            """
        )
    }


def beside(connection: psycopg.Connection) -> str:
    """What the statistics read besides the months, in few characters: whose leaving would be stated, and which renewals were lost."""
    count, total, lost, dates = connection.execute(
        f"""
        select followed.*, lost.* from (select count(*), coalesce(sum(number), 0) from ({_FOLLOWED}) as numbers) as followed
        cross join (
            select count(*), coalesce(sum(hashtextextended(account_key || close_date::text, 0)), 0) from core.deals
            where deal_kind = 'renewal' and outcome = 'lost' and not coalesce(is_archived, false) and close_date is not null
        ) as lost
        """  # noqa: S608
    ).fetchone()
    return f"{count}:{total}:{lost}:{dates}"


def changed(connection: psycopg.Connection, found: dict[date, str]) -> tuple[list[date], list[date]]:
    """Months to read, and months that are there no more."""
    held = dict(connection.execute("select month_start, digest from derived.revenue_months").fetchall())
    return sorted(month for month in found if held.get(month) != found[month]), sorted(held.keys() - found.keys())


def refresh(connection: psycopg.Connection, found: dict[date, str]) -> Months | None:
    """Read what has changed, keep it, and put all months together; None without any.

    Raises:
        WarehouseError: Two accounts of a month have one number.
    """
    new, gone = changed(connection, found)
    connection.execute("delete from derived.revenue_months where month_start = any(%s)", [[*new, *gone]])
    blocks = {
        month: _Block.load(content)
        for month, content in connection.cursor(binary=True).execute(
            "select month_start, content from derived.revenue_months"
        )
    }
    words = _words(connection, new)
    for first in range(0, len(new), MONTHS_AT_ONCE):
        for month, block in _read(connection, new[first : first + MONTHS_AT_ONCE], words).items():
            blocks[month] = block
            connection.execute(
                "insert into derived.revenue_months (month_start, digest, account_count, content) values (%b, %b, %b, %b)",
                [month, found[month], len(block.numbers), block.dump()],
            )
    followed = np.array([number for (number,) in connection.execute(_FOLLOWED)], dtype=np.int64)
    return Months(*_assembled(blocks, followed), read=len(new)) if blocks else None


def _words(connection: psycopg.Connection, months: list[date]) -> dict[str, list[str]]:
    """Names of segments and tiers in these months."""
    known = connection.execute(
        f"""
        select distinct coalesce(segment, '{UNKNOWN}'), coalesce(tier, '{UNKNOWN}') from marts_build.fct_account_months
        where month_start = any(%s) and is_complete
        """,  # noqa: S608
        [months],
    ).fetchall()
    return {name: sorted({row[at] for row in known}) for at, name in enumerate(_NAMES.values())}


def _read(connection: psycopg.Connection, months: list[date], words: dict[str, list[str]]) -> dict[date, _Block]:
    """Complete months, in one reading of the table."""
    # one answer per month, not per row; without a null every row in it is as long as the others
    selected = ", ".join(f"coalesce(({value})::float4, 'NaN')" for value in _COLUMNS.values())
    query = f"""
        select month_start, string_agg(int8send(hashtextextended(account_key, 0)) || array_send(array[{selected}]), '')
        from marts_build.fct_account_months where month_start = any(%(months)s) and is_complete and {_AT_RISK}
        group by month_start
        """  # noqa: S608
    answer = dict(connection.cursor(binary=True).execute(query, {"months": months, **words}).fetchall())
    kinds: list[tuple[str, str]] = [("number", ">i8"), ("head", f"V{_ARRAY_HEAD}")]
    for name in _COLUMNS:
        kinds += [(f"{name}_bytes", ">i4"), (name, ">f4")]
    found = {}
    for month in months:
        of_month = np.frombuffer(answer.get(month, b""), dtype=kinds)
        of_month = of_month[np.argsort(of_month["number"])]
        numbers = of_month["number"].astype(np.int64)
        if len(numbers) > 1 and (np.diff(numbers) == 0).any():
            raise WarehouseError(
                "two accounts of a month have one number",
                str(month),
                "Report it: account keys that differ hash to one value.",
            )
        columns = np.stack([of_month[name].astype(np.float32) for name in _COLUMNS])
        found[month] = _Block(numbers, columns, {name: tuple(values) for name, values in words.items()})
    return found


def _assembled(blocks: dict[date, _Block], followed: np.ndarray) -> tuple[Panel, tuple[str, ...]]:
    """All blocks as matrices, accounts in the order of their numbers; a month that nobody states stays empty.

    The segment of an account is the first that is known of it: a later one may be what came of the quality that it met.

    Args:
        followed: Numbers of the accounts of which somebody would have stated that they left.
    """
    signed = np.unique(np.concatenate([block.numbers for block in blocks.values()]))
    first, last = min(blocks), max(blocks)
    months = pd.date_range(first, last, freq="MS")
    words = {
        name: sorted({word for block in blocks.values() for word in block.words[name]}) for name in _NAMES.values()
    }
    values = {
        name: np.full((len(months), len(signed)), np.nan, dtype=np.float32) for name in _COLUMNS if name != "segment"
    }
    segments = np.full(len(signed), _code(words["segments"], UNKNOWN), dtype=np.int64)
    for month, block in sorted(blocks.items(), reverse=True):
        at = (month.year - first.year) * 12 + month.month - first.month
        place = np.searchsorted(signed, block.numbers)
        for name, column in zip(_COLUMNS, block.columns, strict=True):
            if name in _NAMES:
                known = _NAMES[name]
                codes = np.array([words[known].index(word) for word in block.words[known]], dtype=np.int64)
                column = codes[column.astype(np.int64)] if len(column) else column
            if name == "segment":
                is_known = column != _code(words["segments"], UNKNOWN)
                segments[place[is_known]] = column[is_known]
            else:
                values[name][at, place] = column
    _mask_unknown(values, np.isin(signed, followed))
    # what accounts did before anything is known of their support pairs with nothing
    judged = np.flatnonzero(np.any([(~np.isnan(values[name])).any(axis=1) for name in MEASURES], axis=0))
    begins = int(judged[0]) if len(judged) else 0
    values = {name: matrix[begins:] for name, matrix in values.items()}
    return Panel(signed.view(np.uint64), months[begins:], segments, tuple(words["segments"]), values), tuple(
        words["tiers"]
    )


def _code(words: list[str], word: str) -> int:
    """Place of a word; -1 where it is none of them."""
    return words.index(word) if word in words else -1


def _mask_unknown(values: dict[str, np.ndarray], is_followed: np.ndarray) -> None:
    """NaN for what a row states as 0 or false although nobody could have seen it."""
    for name in ("churn", "expansion", "contraction"):
        values[name][:, ~is_followed] = np.nan
    # an account whose revenue ended counts no more while it pays nothing
    gone = np.zeros(len(is_followed), dtype=bool)
    for month in range(len(values["churn"])):
        gone &= np.isnan(values["tenure"][month]) | (values["arr"][month] == 0)
        for matrix in values.values():
            matrix[month, gone] = np.nan
        gone |= values["churn"][month] == 1
    for name in ("expansion", "contraction"):
        values[name][np.isnan(values["arr"])] = np.nan
    used = np.flatnonzero((values["adoption"] > 0).any(axis=1))
    values["adoption"][: used[0] if len(used) else None] = np.nan

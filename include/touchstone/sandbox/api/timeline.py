"""Records in the order of their last change, at any moment, without upkeep while the clock moves.

Every change of every record is one entry of sorted arrays. At a moment a record stands at exactly one of its entries: the
one whose successor lies in the future. A page is therefore a slice and a comparison, however far the clock moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np

from touchstone.sandbox.api.clock import micros

NEVER = np.iinfo(np.int64).max
_SHIFT = 28  # room for the rank of a record beside the second of its change
_SECOND = 1_000_000

# (second of the change, position of the record)
Entry = tuple[int, int]


class Timeline:
    """The changes of a fixed set of records.

    Args:
        changes: (id, ascending moments of change, the first its creation) of each record; a record is known from then on
            by its position here.
    """

    def __init__(self, changes: Iterable[tuple[int, Sequence[datetime]]]) -> None:
        ids: list[int] = []
        records: list[int] = []
        times: list[int] = []
        nexts: list[int] = []
        for position, (record_id, moments) in enumerate(changes):
            ids.append(record_id)
            last = len(moments) - 1
            own = [micros(moment) for moment in moments]
            times += own
            nexts += own[1:]
            if last >= 0:
                nexts.append(NEVER)
            records += [position] * len(own)
        self.ids = np.array(ids, dtype=np.int64)
        self._sorted_ids = np.sort(self.ids)
        ranks = np.searchsorted(self._sorted_ids, self.ids)
        record = np.array(records, dtype=np.int64)
        time = np.array(times, dtype=np.int64)
        # by record
        self._own = time
        self._bounds = np.searchsorted(record, np.arange(len(ids) + 1))
        key = (time // _SECOND << _SHIFT) + (ranks[record] if len(record) else 0)
        order = np.lexsort((time, key))
        self._record = record[order].astype(np.int32)
        self._time = time[order]
        self._next = np.array(nexts, dtype=np.int64)[order]
        self._key = key[order]
        # by exact time, for `last_changes`
        by_time = np.argsort(self._time, kind="stable")
        self._flow_time = self._time[by_time]
        self._flow_record = self._record[by_time]
        self.created = np.full(len(ids), NEVER, dtype=np.int64)
        np.minimum.at(self.created, record, time)

    def __len__(self) -> int:
        return len(self.ids)

    def page(
        self,
        now: int,
        until: int,
        limit: int,
        *,
        since: int = 0,
        after: tuple[int, int] | None = None,
        keep: np.ndarray | None = None,
    ) -> list[Entry]:
        """The first records in order of (second of last change, id).

        Args:
            now: In microseconds.
            until: Last second whose records show.
            since: First second; ignored where `after` is given.
            after: (second, id) of the last record seen before.
            keep: For each record, whether it takes part.
        """
        if after is None:
            start = int(np.searchsorted(self._key, since << _SHIFT, "left"))
        else:
            second, record_id = after
            # rank of the first id beyond it, so that an id that is not here has a place too
            rank = int(np.searchsorted(self._sorted_ids, record_id, "right"))
            start = int(np.searchsorted(self._key, (second << _SHIFT) + rank, "left"))
        stop = int(np.searchsorted(self._key, until + 1 << _SHIFT, "left"))
        if stop <= start:
            return []
        mask = self._next[start:stop] > now
        mask &= self._time[start:stop] <= now
        if keep is not None:
            mask &= keep[self._record[start:stop]]
        found = np.flatnonzero(mask)[:limit] + start
        return list(zip((self._time[found] // _SECOND).tolist(), self._record[found].tolist(), strict=True))

    def last_change(self, position: int, now: int) -> int:
        """Microsecond of the last change of one record by `now`; 0 while it does not exist."""
        own = self._own[self._bounds[position] : self._bounds[position + 1]]
        place = int(np.searchsorted(own, now, "right"))
        return int(own[place - 1]) if place else 0

    def last_changes(self, now: int) -> np.ndarray:
        """For each record the microsecond of its last change by `now`; 0 for what does not exist yet."""
        result = np.zeros(len(self.ids), dtype=np.int64)
        stop = int(np.searchsorted(self._flow_time, now, "right"))
        # later entries overwrite earlier ones of the same record
        result[self._flow_record[:stop]] = self._flow_time[:stop]
        return result

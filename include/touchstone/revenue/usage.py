"""Who used the product in which week, read from `core.product_events`.

A partition of the events is read again when one of its rows has been written since, and kept in `derived.revenue_usage` otherwise. What
is kept names customers, not accounts: whose a customer is may change without an event.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import psycopg

MONDAY = date(2000, 1, 3)
"""Weeks are counted from it."""
_KINDS = np.dtype([("customer", ">i8"), ("week", ">i4")])
_DIGESTS = """
    select tableoid::regclass::text, count(*) || ':' || sum(xmin::text::bigint) from core.product_events group by tableoid
    """
_READ = """
    select string_agg(
        int8send(hashtextextended(customer_key, 0)) || int4send(((occurred_at at time zone 'UTC')::date - %(monday)s::date) / 7), ''
    )
    from core.product_events where tableoid = %(relation)s::regclass
    """
_OWNERS = """
    select string_agg(int8send(hashtextextended(customer_key, 0)) || int8send(hashtextextended(organization_key, 0)), '')
    from core.customers where organization_key is not null
    """


def refresh(connection: psycopg.Connection) -> list[bytes]:
    """Customers and weeks of every partition, those that have changed read anew."""
    found = dict(connection.execute(_DIGESTS).fetchall())
    held = dict(connection.execute("select relation, digest from derived.revenue_usage").fetchall())
    new = [relation for relation, digest in found.items() if held.get(relation) != digest]
    connection.execute(
        "delete from derived.revenue_usage where relation = any(%s)", [[*new, *(held.keys() - found.keys())]]
    )
    cursor = connection.cursor(binary=True)
    kept = [content for (content,) in cursor.execute("select content from derived.revenue_usage order by relation")]
    for relation in new:
        (events,) = cursor.execute(_READ, {"relation": relation, "monday": MONDAY}).fetchone() or (b"",)
        # a customer's week once, however much they did in it
        kept.append(np.unique(np.frombuffer(events, dtype="V12")).tobytes())
        connection.execute(
            "insert into derived.revenue_usage (relation, digest, content) values (%b, %b, %b)",
            [relation, found[relation], kept[-1]],
        )
    return kept


def active_customers(
    connection: psycopg.Connection, numbers: np.ndarray, first: date, weeks: int
) -> tuple[np.ndarray, np.ndarray]:
    """Customers who used the product in a week, each once.

    Args:
        numbers: Of the accounts, signed and ascending.
        first: Monday of the first week.

    Returns:
        Of each of them the position of their account in `numbers`, and the week from `first` on.
    """
    uses = np.frombuffer(b"".join(refresh(connection)), dtype=_KINDS)
    (content,) = connection.cursor(binary=True).execute(_OWNERS).fetchone() or (None,)
    owners = np.frombuffer(content or b"", dtype=">i8").reshape(-1, 2).astype(np.int64)
    owners = owners[np.argsort(owners[:, 0])]
    account, is_known = _places(numbers, owners[:, 1])
    owners, account = owners[is_known, 0], account[is_known]
    week = uses["week"].astype(np.int64) - (first - MONDAY).days // 7
    within = (week >= 0) & (week < weeks)
    customer, is_owned = _places(owners, uses["customer"][within].astype(np.int64))
    # a week on both sides of the end of a month is in two partitions
    pairs = _distinct(customer[is_owned] * weeks + week[within][is_owned])
    return account[pairs // weeks], pairs % weeks


def _distinct(values: np.ndarray) -> np.ndarray:
    """Each value once, ascending; numpy's own `unique` hashes whole numbers, which takes many times as long as sorting them."""
    ordered = np.sort(values)
    return ordered[np.r_[True, ordered[1:] != ordered[:-1]]] if len(ordered) else ordered


def _places(ordered: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each number stands in an ascending row, and whether it stands there at all."""
    if not len(ordered):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=bool)
    place = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return place, ordered[place] == wanted

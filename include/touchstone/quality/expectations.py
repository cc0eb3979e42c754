"""Expectations of our own, each a claim about rows. Importing this module imports Great Expectations (about 7 s of CPU).

Every class is a query over `batch`, the rows of its set. It returns `row_key`, `observed` (numbers and ids, never a
customer's words) and `is_offending`; the claim holds when no returned row offends. Further sets of the same contract are
temporary tables of the same session and can be read by name.
"""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.expectations.core import UnexpectedRowsExpectation

from touchstone.quality.sql import escape_for_sqlalchemy, render

KEYS_SHOWN = 20

_FRAME = """
with batch as (
    select * from {batch}
),
verdicts as (
    %s
)
select
    row_key,
    observed,
    is_offending,
    count(*) filter (where is_offending) over () as failed_row_count
from verdicts
order by is_offending desc, row_key
limit %d
"""


class VerdictsOfAQuery(UnexpectedRowsExpectation):
    """The claim holds when no row of the query offends; the query runs once and gives at most 20 keys."""

    sql: ClassVar[str] = "select row_key, null::text as observed, true as is_offending from batch"
    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.table",)

    def __init__(self, **kwargs: Any) -> None:
        statement = self.statement(kwargs).replace("{", "{{").replace("}", "}}")
        framed = _FRAME.replace("%s", escape_for_sqlalchemy(statement)).replace("%d", str(KEYS_SHOWN))
        super().__init__(**{**kwargs, "unexpected_rows_query": framed})

    @classmethod
    def statement(cls, kwargs: dict[str, Any]) -> str:
        """The query with the arguments of this expectation as literals."""
        return render(cls.sql, kwargs)

    def _validate(
        self, metrics: dict, runtime_configuration: dict | None = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        rows = metrics["unexpected_rows_query.table"]
        offending = [row for row in rows if row["is_offending"]]
        told = [row["observed"] for row in (offending or rows) if row["observed"]]
        return {
            "success": not offending,
            "result": {
                "observed_value": "; ".join(told[:5]) or None,
                "unexpected_count": int(offending[0]["failed_row_count"]) if offending else 0,
                "partial_unexpected_index_list": [{"row_key": row["row_key"]} for row in offending],
            },
        }


class NoRowSatisfies(VerdictsOfAQuery):
    """No row of the set satisfies the condition."""

    condition: str

    @classmethod
    def statement(cls, kwargs: dict[str, Any]) -> str:
        return f"select row_key, null::text as observed, true as is_offending from batch where {kwargs['condition']}"  # noqa: S608


class KeysAppearOnce(VerdictsOfAQuery):
    """No two rows agree in all of `columns`; a row with a null among them is not judged here.

    One pass over the rows; the expectation of Great Expectations makes four, three of them sorts.
    """

    columns: list[str]

    @classmethod
    def statement(cls, kwargs: dict[str, Any]) -> str:
        columns = ", ".join(f'"{column}"' for column in kwargs["columns"])
        return f"""
            select min(row_key) as row_key, null::text as observed, true as is_offending
            from batch
            where num_nulls({columns}) = 0
            group by {columns}
            having count(*) > 1
        """  # noqa: S608


class ShareOfRowsStaysBelow(VerdictsOfAQuery):
    """At most `share_max` of the rows satisfy the condition; a single row in a handful is judged like any other share."""

    condition: str
    share_max: float

    @classmethod
    def statement(cls, kwargs: dict[str, Any]) -> str:
        return render(
            f"""
            select
                row_key,
                format('%s of %s rows (%s %%)', counted.failed, counted.total, round(100.0 * counted.failed / counted.total, 2))
                    as observed,
                (counted.failed > $share_max * counted.total) as is_offending
            from batch
            cross join (
                select count(*) as total, count(*) filter (where {kwargs["condition"]}) as failed from batch
            ) as counted
            where {kwargs["condition"]}
            """,  # noqa: S608
            {"share_max": kwargs["share_max"]},
        )


class QuarantineStaysSmall(VerdictsOfAQuery):
    """At most `share_max` of the rows that came in stand in quarantine; repaired rows count as repaired."""

    share_max: float
    sql: ClassVar[str] = """
        select
            batch.row_key,
            format('%s of %s rows (%s %%)', counted.quarantined, counted.total,
                round(100.0 * counted.quarantined / counted.total, 2)) as observed,
            (counted.quarantined > $share_max * counted.total) as is_offending
        from batch
        cross join (select sum(rows_quarantined) as quarantined, sum(rows_in) as total from batch) as counted
        where batch.rows_quarantined > 0
    """


class PeopleAreNotNamedLikeMachines(VerdictsOfAQuery):
    """No account that posts as a human agent carries a machine's word in its name or id.

    Words count only whole (`Abbot` is a person), or as the last part of a camel-case name (`HelpBot`).
    """

    words: list[str]
    accepted_agents: list[str]
    sql: ClassVar[str] = """
        select batch.row_key, null::text as observed, true as is_offending
        from batch
        cross join (
            select
                '(^|[^a-z])(' || string_agg(lower(word), '|') || ')([^a-z]|$)' as whole_word,
                '[a-z0-9](' || string_agg(initcap(word), '|') || ')([^a-z]|$)' as last_part
            from unnest($words) as word
        ) as patterns
        where batch.row_key <> all ($accepted_agents)
            and exists (
                select 1 from unnest(array[batch.actor_id, batch.actor_name]) as label
                where lower(label) ~ patterns.whole_word or label ~ patterns.last_part
            )
        group by batch.row_key
    """


class PeopleDoNotAnswerLikeMachines(VerdictsOfAQuery):
    """No account that posts as a human agent answers at a machine's pace or with a machine's sameness.

    Judged are accounts with at least `replies_min` public replies in the rows of this run. Pace: of the replies that follow
    somebody else's message, `fast_share_min` came within `fast_seconds`; where the customers of the same conversations seem
    as quick, the clock of the source tells nothing and pace is not judged. Sameness: `same_share_min` of the texts are one
    and the same.
    """

    replies_min: int
    fast_share_min: float
    customer_fast_share_max: float
    same_share_min: float
    accepted_agents: list[str]
    sql: ClassVar[str] = """
        select
            row_key,
            format('%s replies: %s of %s at machine pace, %s with one identical text',
                reply_count, fast_count, answer_count, same_count) as observed,
            true as is_offending
        from batch
        where row_key <> all ($accepted_agents)
            and (
                (
                    answer_count >= $replies_min
                    and fast_count >= $fast_share_min * answer_count
                    and customer_fast_count <= $customer_fast_share_max * customer_answer_count
                )
                or (reply_count >= $replies_min and same_count >= $same_share_min * reply_count)
            )
    """


class DailyVolumeKeepsItsLevel(VerdictsOfAQuery):
    """No judged day has far fewer conversations than is usual for its kind of day.

    Usual is the median of the 28 days before: of the same weekday where three are known, else of working days or weekends,
    else of all. Spread is 1.4826 x the median absolute log ratio of those days to what was usual among the others, so that
    counts of any size are compared as shares. A day offends when it is below `ratio_max` of the usual, more than
    `spreads_min` spreads low, and lower than chance allows for so small a count (2 x the difference of square roots, whose
    deviation is 1, is above `chance_min`), and when the 28 days hold no more than `low_days_max` days below `ratio_max`: a
    source that often has such days is not judged by them.
    """

    history_days_min: int
    ratio_max: float
    spreads_min: float
    chance_min: float
    low_days_max: int
    accepted_days: list[str]
    sql: ClassVar[str] = """
        with days as (
            select
                day,
                interaction_count,
                is_judged,
                extract(isodow from day)::int as weekday,
                (extract(isodow from day) >= 6) as is_weekend
            from batch
            where day::text <> all ($accepted_days)
        ),
        histories as (
            select judged.day as judged_day, earlier.*
            from days as judged
            inner join days as earlier on earlier.day between judged.day - 28 and judged.day - 1
            where judged.is_judged
        ),
        every_day as (
            select judged_day, day, weekday, is_weekend, interaction_count from histories
            union all
            select day, day, weekday, is_weekend, interaction_count from days where is_judged
        ),
        compared as (
            select
                each.judged_day,
                each.day,
                each.interaction_count,
                count(*) as history_days,
                count(*) filter (where other.weekday = each.weekday) as weekday_days,
                count(*) filter (where other.is_weekend = each.is_weekend) as kind_days,
                percentile_cont(0.5) within group (order by other.interaction_count)
                    filter (where other.weekday = each.weekday) as weekday_usual,
                percentile_cont(0.5) within group (order by other.interaction_count)
                    filter (where other.is_weekend = each.is_weekend) as kind_usual,
                percentile_cont(0.5) within group (order by other.interaction_count) as overall_usual
            from every_day as each
            inner join histories as other on each.judged_day = other.judged_day and each.day <> other.day
            group by each.judged_day, each.day, each.interaction_count
        ),
        levels as (
            select
                *,
                case
                    when weekday_days >= 3 or (weekday_days = 2 and day < judged_day) then weekday_usual
                    -- where the quiet days of the week are not the usual weekend, one or two of them tell already
                    when day = judged_day then least(weekday_usual, case when kind_days >= 3 then kind_usual else overall_usual end)
                    when kind_days >= 3 then kind_usual
                    else overall_usual
                end as usual
            from compared
        ),
        ratios as (
            select
                *,
                ln((interaction_count + 0.5) / (usual + 0.5)) as log_ratio,
                (interaction_count < $ratio_max * usual) as is_low
            from levels
        ),
        spreads as (
            select
                judged_day,
                1.4826 * percentile_cont(0.5) within group (order by abs(log_ratio)) as spread,
                count(*) filter (where is_low) as low_days
            from ratios where day < judged_day group by judged_day
        )
        select
            ratios.day::text as row_key,
            format('%s: %s conversations started, %s are usual', ratios.day, ratios.interaction_count,
                round(ratios.usual::numeric)) as observed,
            true as is_offending
        from ratios
        inner join spreads using (judged_day)
        where ratios.day = ratios.judged_day
            and ratios.is_low
            and 2 * (sqrt(ratios.usual) - sqrt(ratios.interaction_count)) > $chance_min
            and ratios.history_days >= $history_days_min
            and ratios.log_ratio < -$spreads_min * spreads.spread
            and spreads.low_days <= $low_days_max
    """


class IndicatorsApplySomewhere(VerdictsOfAQuery):
    """No indicator with `judged_min` results applies to none of them."""

    judged_min: int
    sql: ClassVar[str] = """
        select
            subject || '|' || indicator_id as row_key,
            format('%s for %s: 0 of %s', indicator_id, subject, count(*)) as observed,
            true as is_offending
        from batch
        group by subject, indicator_id
        having count(*) >= $judged_min and bool_and(outcome = 'not_applicable')
    """


class IndicatorsTellCasesApart(VerdictsOfAQuery):
    """No indicator with `judged_min` applicable results gives one outcome to more than `share_max` of them."""

    judged_min: int
    share_max: float
    sql: ClassVar[str] = """
        select
            subject || '|' || indicator_id as row_key,
            format('%s for %s: holds %s, fails %s', indicator_id, subject,
                count(*) filter (where outcome = 'holds'), count(*) filter (where outcome = 'fails')) as observed,
            true as is_offending
        from batch
        where outcome <> 'not_applicable'
        group by subject, indicator_id
        having count(*) >= $judged_min
            and greatest(count(*) filter (where outcome = 'holds'), count(*) filter (where outcome = 'fails'))
                > $share_max * count(*)
    """


class ScoresKeepTheirDistribution(VerdictsOfAQuery):
    """The new total scores of a side spread over ten bins of 10 points like the published ones.

    Measured by the population stability index, sum((p - q) * ln(p / q)) over the bins with half a row added to each, where
    both sides have at least `judged_min` scores. Reads `new_scores` and `published_scores` through one set.
    """

    judged_min: int
    index_max: float
    sql: ClassVar[str] = """
        with bins as (
            select subjects.subject, bin
            from (select distinct subject from batch) as subjects
            cross join generate_series(0, 9) as bin
        ),
        counted as (
            select
                bins.subject,
                bins.bin,
                count(*) filter (where batch.is_new) as new_count,
                count(*) filter (where not batch.is_new) as old_count
            from bins
            left join batch
                on bins.subject = batch.subject and bins.bin = least(9, floor(batch.total_score / 10))
            group by bins.subject, bins.bin
        ),
        shares as (
            select
                *,
                (new_count + 0.5) / (sum(new_count) over side + 5) as new_share,
                (old_count + 0.5) / (sum(old_count) over side + 5) as old_share
            from counted
            window side as (partition by subject)
        ),
        indexes as (
            select
                subject,
                sum(new_count) as new_total,
                sum(old_count) as old_total,
                sum((new_share - old_share) * ln(new_share / old_share)) as stability_index
            from shares
            group by subject
        )
        select
            subject as row_key,
            format('%s: index %s over %s new and %s published scores', subject, round(stability_index::numeric, 3),
                new_total, old_total) as observed,
            (stability_index > $index_max) as is_offending
        from indexes
        where new_total >= $judged_min and old_total >= $judged_min
    """


class PartsAddUpToTheWhole(VerdictsOfAQuery):
    """In every row the parts sum to the whole."""

    whole: str
    parts: list[str]

    @classmethod
    def statement(cls, kwargs: dict[str, Any]) -> str:
        parts = " + ".join(f'coalesce("{part}", 0)' for part in kwargs["parts"])
        return f"""
            select
                row_key,
                format('%s in all, %s in parts', "{kwargs["whole"]}", {parts}) as observed,
                true as is_offending
            from batch
            where "{kwargs["whole"]}" is distinct from {parts}
        """  # noqa: S608


class TwoRoutesGiveTheSameCount(VerdictsOfAQuery):
    """`built` and `expected`, counted by two routes, are equal in every row."""

    sql: ClassVar[str] = """
        select row_key, format('%s built, %s expected', built, expected) as observed, true as is_offending
        from batch
        where built is distinct from expected
    """


class PublishedTablesDoNotShrink(VerdictsOfAQuery):
    """No table loses more than `share_max` of its published rows beyond those whose deletion is on record."""

    share_max: float
    sql: ClassVar[str] = """
        select
            row_key,
            format('%s: %s rows published, %s built, %s deletions on record', row_key, published, built, deleted) as observed,
            true as is_offending
        from batch
        where published - built - deleted > $share_max * published
    """


class ColumnsStayWithin(VerdictsOfAQuery):
    """The values of all named columns lie between `low` and `high`; null is not judged."""

    columns: list[str]
    low: float
    high: float

    @classmethod
    def statement(cls, kwargs: dict[str, Any]) -> str:
        sides = " or ".join(f'not "{column}" between $low and $high' for column in kwargs["columns"])
        return render(
            f"select row_key, null::text as observed, true as is_offending from batch where {sides}",  # noqa: S608
            {"low": kwargs["low"], "high": kwargs["high"]},
        )


class ColumnsAreNotNegative(VerdictsOfAQuery):
    """The values of all named columns are 0 or more; null is not judged."""

    columns: list[str]

    @classmethod
    def statement(cls, kwargs: dict[str, Any]) -> str:
        sides = " or ".join(f'"{column}" < 0' for column in kwargs["columns"])
        return f"select row_key, null::text as observed, true as is_offending from batch where {sides}"  # noqa: S608


class NothingLiesAfter(VerdictsOfAQuery):
    """None of the named columns of dates or times lies after `moment`; null is not judged."""

    columns: list[str]
    moment: str

    @classmethod
    def statement(cls, kwargs: dict[str, Any]) -> str:
        sides = " or ".join(f'"{column}" > $moment' for column in kwargs["columns"])
        return render(
            f"select row_key, null::text as observed, true as is_offending from batch where {sides}",  # noqa: S608
            {"moment": kwargs["moment"]},
        )


class PartsFitTheirWholes(VerdictsOfAQuery):
    """In every row each of `parts` is at most the column at its place in `wholes`; null is not judged."""

    parts: list[str]
    wholes: list[str]

    @classmethod
    def statement(cls, kwargs: dict[str, Any]) -> str:
        pairs = zip(kwargs["parts"], kwargs["wholes"], strict=True)
        sides = " or ".join(f'"{part}" > "{whole}"' for part, whole in pairs)
        return f"select row_key, null::text as observed, true as is_offending from batch where {sides}"  # noqa: S608

"""The overview shows what the marts hold, whole or empty, and nothing that a customer wrote becomes markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import company
import psycopg
import pytest
from published import Page, publish_nothing

from touchstone.errors import WarehouseError
from touchstone.reports import formats, overview
from touchstone.reports.figures import collect
from touchstone.reports.statistics import difference_interval, mean_interval, wilson_interval
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect


@pytest.fixture(scope="module")
def pages(warehouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def unpublished(warehouse: Settings, pages: Path) -> Page:
    """The page of a warehouse before its first publication."""
    return Page(overview.render(warehouse, pages / "unpublished.html").read_text())


@pytest.fixture(scope="module")
def published(warehouse: Settings, unpublished: Page) -> Settings:
    """A warehouse whose marts are built by dbt from nothing, and published."""
    publish_nothing()
    return warehouse


def page_of(published: Settings, path: Path, **company_values: object) -> Page:
    """The page of a company that exists for this page only."""
    with connect(settings=published) as connection:
        company.fill(connection, **company_values)
    try:
        return Page(overview.render(published, path).read_text())
    finally:
        with connect(settings=published) as connection:
            for schema, table in connection.execute(
                "select schemaname, tablename from pg_tables where schemaname in ('marts', 'marts_evidence')"
            ).fetchall():
                connection.execute(f"truncate {schema}.{table}")


@pytest.fixture(scope="module")
def empty(published: Settings, pages: Path) -> Page:
    return Page(overview.render(published, pages / "empty.html").read_text())


@pytest.fixture(scope="module")
def humans_only(published: Settings, empty: Page, pages: Path) -> Page:
    return page_of(published, pages / "humans.html", with_ai=False, days=3, per_day=12)


@pytest.fixture(scope="module")
def one_day(published: Settings, empty: Page, pages: Path) -> Page:
    return page_of(published, pages / "day.html", days=1, per_day=9)


@pytest.fixture(scope="module")
def long_time(published: Settings, empty: Page, pages: Path) -> Page:
    return page_of(published, pages / "long.html", days=140, per_day=12)


@pytest.fixture(scope="module")
def filled(published: Settings, humans_only: Page, one_day: Page, long_time: Page) -> Iterator[psycopg.Connection]:
    """A connection to a warehouse that holds a month of the company."""
    with connect(settings=published) as connection:
        company.fill(connection)
        connection.commit()
        yield connection


@pytest.fixture(scope="module")
def full(published: Settings, filled: psycopg.Connection, pages: Path) -> Page:
    return Page(overview.render(published, pages / "full.html").read_text())


@pytest.fixture(params=["unpublished", "empty", "humans_only", "one_day", "long_time", "full"])
def page(request: pytest.FixtureRequest) -> Page:
    return request.getfixturevalue(request.param)


def test_every_page_is_whole_and_asks_the_network_for_nothing(page: Page) -> None:
    assert "default-src 'none'" in page.source
    assert not re.search(r"https?:|(?<!:)//[a-z]|@import|\bsrc=|<base\b", page.source)
    assert set(re.findall(r"url\(([^)]*)\)", page.source)) <= {f"#{name}" for name in page.ids}
    assert set(re.findall(r'href="([^"]*)"', page.source)) <= {"data:,"} | {f"#{name}" for name in page.ids}
    assert page.tags.isdisjoint({"script", "iframe", "object", "embed", "form", "base"})
    assert len(page.ids) == len(set(page.ids))
    assert '<html lang="en">' in page.source
    assert "<title>Support quality" in page.source


def test_no_page_shows_a_figure_that_does_not_exist(page: Page) -> None:
    assert not re.search(r"\b(nan|NaN|None|null|undefined|Infinity|inf)\b", page.text.replace("none", ""))
    assert not re.search(r'="[^"]*\b(NaN|undefined|null)\b', page.source)


def test_every_chart_says_what_it_shows(full: Page) -> None:
    assert len(full.images) == full.source.count("<svg") > 15
    assert all(full.images)


def test_a_warehouse_before_its_first_publication_says_so(unpublished: Page) -> None:
    assert "Nothing has been published yet" in unpublished.text
    assert "svg" not in unpublished.tags


def test_empty_marts_say_what_is_missing(empty: Page) -> None:
    assert "hold no interactions yet" in empty.text
    assert "svg" not in empty.tags
    for section, words in {
        "trend": "no trend",
        "segments": "No scores on this side.",
        "versions": "No scored interaction names a version",
        "service": "No customer message has been answered yet.",
        "sentiment": "No sentiment has been judged yet.",
        "evidence": "no evidence",
        "coverage": "There are no interactions yet.",
        "health": "No gate has run yet.",
    }.items():
        assert words in empty.section(section)


def test_a_side_without_scores_is_named_and_not_drawn(humans_only: Page) -> None:
    assert "AI agents – no scores on this side (n 0)" in humans_only.section("key")
    assert "No scores on this side." in humans_only.section("segments")
    assert not any("AI agents" in image for image in humans_only.images if "Distribution" in image)
    assert "been observed for a whole window" in humans_only.section("service") or "Within 1 day" in humans_only.text


def test_few_scores_are_marked_and_shown(one_day: Page) -> None:
    assert "n below 30" in one_day.section("key")
    assert "nothing to compare it with" in one_day.section("versions")


def test_a_long_time_is_shown_by_week(long_time: Page) -> None:
    assert "Mean total score by week" in long_time.section("trend")
    assert "Over 120 days" in long_time.section("service")


def test_key_figures_are_those_of_sql(full: Page, filled: psycopg.Connection) -> None:
    key = full.section("key")
    interactions, messages, escalate, judged = filled.execute(
        "select count(*), sum(message_count), count(*) filter (where sentiment_level = 'escalate'), count(sentiment_level) "
        "from marts.fct_interactions"
    ).fetchone()
    assert f"Interactions {interactions:,} {messages:,} messages" in key
    assert f"escalate {escalate} {100 * escalate / judged:.1f} % of n {judged:,}" in key
    for subject, name in (("human_agent", "Human agents"), ("ai_agent", "AI agents")):
        n, mean, low, high, critical = filled.execute(
            """
            select count(*), avg(total_score), avg(total_score) - 1.959964 * stddev_samp(total_score) / sqrt(count(*)),
                avg(total_score) + 1.959964 * stddev_samp(total_score) / sqrt(count(*)),
                count(*) filter (where is_critical_failure)
            from marts.fct_interaction_scores where subject = %s
            """,
            [subject],
        ).fetchone()
        assert f"{name} {mean:.1f} [{low:.1f} to {high:.1f}], n {n:,}" in key
        assert f"{name} {critical} {100 * critical / n:.1f} %" in key
    solved, n = filled.execute(
        "select count(*) filter (where is_first_contact_resolved_7d), count(is_first_contact_resolved_7d) "
        "from marts.fct_interactions where handled_by <> 'unhandled'"
    ).fetchone()
    assert f"Resolved at first contact, 7 days {100 * solved / n:.1f} %" in key
    assert f"{solved:,} of n {n:,}" in key
    median = filled.execute(
        "select percentile_cont(0.5) within group (order by first_response_minutes) from marts.fct_interactions "
        "where handled_by = 'human_only'"
    ).fetchone()[0]
    assert f"Human agents {formats.duration(median)} 90 % within" in key


def test_coverage_adds_up(full: Page, filled: psycopg.Connection) -> None:
    whole, scored, excluded, pending = filled.execute(
        "select count(*), count(*) filter (where scoring_status = 'scored'), count(excluded_reason), "
        "count(*) filter (where scoring_status = 'pending') from marts.fct_interactions"
    ).fetchone()
    coverage = full.section("coverage")
    assert f"{whole:,} interactions = {scored:,} scored + {excluded:,} excluded + {pending:,} waiting." in coverage
    for reason, n in filled.execute(
        "select excluded_reason, count(*) from marts.fct_interactions where excluded_reason is not null group by 1"
    ):
        assert f"Excluded: {reason.replace('_', ' ')}" in coverage
        assert f"{100 * n / whole:.1f} %, n {n:,}" in coverage


def test_segments_show_every_mean_with_its_n_and_flag_the_small_ones(full: Page, filled: psycopg.Connection) -> None:
    segments = full.section("segments")
    rows = filled.execute(
        """
        select agent_name, count(*), avg(total_score) from marts.fct_interaction_scores
        inner join marts.dim_agents using (agent_key) group by agent_name
        """
    ).fetchall()
    assert {name for name, _, _ in rows} == {*company.AGENTS, "Nova"}
    for name, n, mean in rows:
        assert name in segments
        assert f"{mean:.1f}, n {n:,}" in segments
    assert "Ada Quiet n below 30" in segments


def test_indicators_show_the_share_that_fails_where_they_apply(full: Page, filled: psycopg.Connection) -> None:
    rubric = full.section("rubric")
    for fails, n in filled.execute(
        """
        select count(*) filter (where outcome = 'fails'), count(*) from marts.fct_indicator_results
        where outcome <> 'not_applicable' group by subject, indicator_id having count(*) filter (where outcome = 'fails') > 0
        """
    ):
        assert f"{100 * fails / n:.1f} % of {n:,}" in rubric
    assert "Never asks for card numbers or passwords (critical)" in rubric


def test_versions_are_compared_with_an_interval(full: Page, filled: psycopg.Connection) -> None:
    change = filled.execute(
        """
        select avg(total_score) filter (where agent_version = '2.4') - avg(total_score) filter (where agent_version = '2.3')
        from marts.fct_interaction_scores inner join marts.fct_interactions using (interaction_key) where subject = 'ai_agent'
        """
    ).fetchone()[0]
    assert f"2.4 against 2.3 {formats.signed(change)} points" in full.section("versions")


def test_a_claim_counts_by_its_last_result(full: Page) -> None:
    health = full.section("health")
    assert "Gate 1 2 2 0 0" in health
    assert "Gate 3 1 0 0 1" in health
    assert health.count("no message is sent in the future") == 0
    assert "the day has as many interactions as usual marts_build.fct_interactions warning 1 17,345" in health
    assert "files (emea) stale" in health
    assert "files (default) fresh" in health


def test_evidence_quotes_the_lowest_and_the_highest_topic(full: Page, filled: psycopg.Connection) -> None:
    evidence = full.section("evidence")
    for subject in ("human_agent", "ai_agent"):
        topics = filled.execute(
            """
            select topic from marts.fct_interaction_scores inner join marts.fct_interactions using (interaction_key)
            where subject = %s group by topic having count(*) >= 30 order by avg(total_score)
            """,
            [subject],
        ).fetchall()
        assert f"Lowest topic: {topics[0][0]}" in evidence
        assert f"Highest topic: {topics[-1][0]}" in evidence
    quotes = re.findall(r'<blockquote class="(\w+)">.*?<p>“(.*?)”</p>.*?title="(\w{32})"', full.source, re.DOTALL)
    assert [outcome for outcome, _, _ in quotes] == (["fails"] * 3 + ["holds"] * 3) * 2
    for outcome, quote, key in quotes:
        assert filled.execute(
            "select count(*) from marts_evidence.fct_evidence_quotes where interaction_key = %s and quote = %s and outcome = %s",
            [key, html.unescape(quote), outcome],
        ).fetchone()[0]
        assert f"interaction {key[:8]}…" in evidence


def test_what_customers_and_rubrics_say_stays_text(full: Page) -> None:
    assert full.tags.isdisjoint({"script", "img", "em"})
    for words in (company.HOSTILE, company.HOSTILE_QUOTE, company.HOSTILE_TITLE):
        assert words in full.text
        assert words not in full.source


def test_a_page_of_the_same_marts_is_the_same(
    published: Settings, filled: psycopg.Connection, full: Page, tmp_path: Path
) -> None:
    for relation in ("fct_interactions", "fct_interaction_scores", "fct_dimension_scores"):
        filled.execute(f"create temporary table kept on commit drop as select * from marts.{relation}")
        filled.execute(f"truncate marts.{relation}")
        filled.execute(f"insert into marts.{relation} select * from kept order by md5(interaction_key)")
        filled.commit()
    path = tmp_path / "new folder" / "index.html"
    path.parent.mkdir()
    path.write_text("an older page")
    assert overview.render(published, path) == path
    assert path.read_text() == full.source
    assert [entry.name for entry in path.parent.iterdir()] == ["index.html"]


def test_marts_of_which_a_part_is_missing_are_an_error(
    published: Settings, filled: psycopg.Connection, pages: Path
) -> None:
    filled.execute("alter table marts.rpt_source_health rename to elsewhere")
    filled.commit()
    try:
        with pytest.raises(WarehouseError, match=r"marts\.rpt_source_health.*touchstone publish"):
            overview.render(published, pages / "part.html")
        assert not (pages / "part.html").exists()
    finally:
        filled.execute("alter table marts.elsewhere rename to rpt_source_health")
        filled.commit()


def test_as_of_falls_back_to_the_last_day(published: Settings, filled: psycopg.Connection, full: Page) -> None:
    assert f"As of {formats.moment(company.AS_OF)}" in full.text
    filled.execute("truncate marts.rpt_gate_results, marts.rpt_source_health")
    filled.commit()
    figures, _ = collect(published)
    assert figures.as_of == datetime.combine(company.FIRST_DAY + timedelta(days=company.DAYS), time(), UTC)


def test_intervals_follow_their_formulas() -> None:
    assert mean_interval(100, 70.0, 10.0, 1.96) == pytest.approx((68.04, 71.96))
    assert mean_interval(4, 98.0, 10.0, 1.96) == (pytest.approx(88.2), 100.0)
    assert mean_interval(1, 98.0, None, 1.96) is None
    # Brown, Cai and DasGupta (2001): 8 of 10 at 95 %
    assert wilson_interval(8, 10, 1.959964) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson_interval(0, 10, 1.959964) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson_interval(0, 0, 1.959964) is None
    assert difference_interval((100, 70.0, 10.0), (100, 65.0, 10.0), 2.0) == pytest.approx(
        (-5, -5 - 8**0.5, -5 + 8**0.5)
    )
    assert difference_interval((1, 70.0, None), (100, 65.0, 10.0), 2.0) is None


def test_durations_read_well() -> None:
    found = [formats.duration(minutes) for minutes in (None, 0, 0.07, 3, 45, 119, 150, 3000)]
    assert found == ["–", "0 s", "4 s", "3.0 min", "45 min", "119 min", "2.5 h", "2.1 days"]

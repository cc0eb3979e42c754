"""The daily, weekly, monthly and executive reports: figures equal SQL, every word is escaped, e-mails are small, declines name a change."""

from __future__ import annotations

import email
import re
from datetime import timedelta
from email.policy import default
from pathlib import Path
from types import SimpleNamespace

import company
import outcomes as half_a_year
import pytest
from published import Page, publish_nothing

from touchstone.errors import WarehouseError
from touchstone.reports import daily, executive, monthly, weekly
from touchstone.reports.daily import unusual_volume
from touchstone.reports.mail import MOST_BYTES
from touchstone.reports.movements import shift
from touchstone.reports.outcomes import Outcomes
from touchstone.reports.periodic import Summary, measured, moved
from touchstone.reports.written import REPORTS
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect


def _daily(settings: Settings | None = None, folder: Path | None = None) -> Path:
    return daily.render(settings, folder, now=company.AS_OF)


KINDS = {"daily": _daily, "weekly": weekly.render, "monthly": monthly.render, "executive": executive.render}
JARGON = re.compile(
    r"\b(containment|contained|episodes?|qwk|kappa|p-value|q-value|confidence interval|95 ?%|intervals?|wilson|percentiles?|medians?|"
    r"fcr|csat|arr|nrr|kpi|sla|ewma|baseline|drift|deflection|escalat\w+|backlog|dbt|marts?|null|none|nan|novel|handoffs?|rubric)\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def empty(warehouse: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The four pages of a warehouse whose marts are published and hold nothing."""
    publish_nothing()
    folder = tmp_path_factory.mktemp("empty")
    with connect(settings=warehouse) as connection:
        connection.execute("insert into marts.rpt_gate_results (gate_result_id, gate, claim, severity, is_success, as_of) values (1, 'g', 'c', 'warning', true, %s)", [company.AS_OF])  # fmt: skip
    return {kind: render(warehouse, folder / kind) for kind, render in KINDS.items()}


@pytest.fixture(scope="module")
def filled(empty: dict[str, Path], warehouse: Settings) -> Settings:
    with connect(settings=warehouse) as connection:
        connection.execute("delete from marts.rpt_gate_results")
        company.fill(connection)
        half_a_year.fill(connection)
    return warehouse


@pytest.fixture(scope="module")
def paths(filled: Settings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    return {kind: render(filled, folder / kind) for kind, render in KINDS.items()}


@pytest.fixture(scope="module")
def pages(paths: dict[str, Path]) -> dict[str, Page]:
    return {kind: Page(path.read_text()) for kind, path in paths.items()}


def _rows(settings: Settings, query: str) -> list[tuple]:
    with connect(settings=settings) as connection:
        return connection.execute(query).fetchall()


# --- daily


def test_a_day_with_nothing_wrong_says_so(empty):
    page = Page(empty["daily"].read_text())
    assert "Nothing is broken." in page.section("summary")
    assert "All 1 claims held" in page.section("data")
    assert "No source has been loaded yet." in page.section("data")
    assert "No early sign stands above its limits." in page.section("signs")
    assert "No policy was violated on this day." in page.section("policies")


def test_the_daily_check_names_what_is_broken(pages, filled):
    page = pages["daily"]
    assert "31 March 2026" in page.text
    told = page.section("summary")
    assert (
        "1 claim about the data warned: the day has as many interactions as usual (marts_build.fct_interactions)"
        in told
    )
    assert "files (emea) sent nothing newer than 36 hours." in told
    assert (
        "Take version 2.4 back to 2.3: resolution is surely worse on topic plan_change. (Alarm of 30 March 2026.)"
        in told
    )
    assert (
        f"Escalations (topic {company.HOSTILE}) left the limits on this day. Read the handoffs of topic data_export."
        in told
    )
    assert f"Violations of the policy “{company.HOSTILE_TITLE}”: 6, where 0.1 a day are usual." in told
    assert "9 questions of the last days are like none that was known: export to <parquet>." in told
    lines = email_of(filled, "daily").get_body(("plain",)).get_content().split("\n- ")[1:]
    assert f"{len(lines)} things need a look." in told
    ((n,),) = _rows(
        filled, "select interaction_count from marts.rpt_coverage_daily where interaction_date = '2026-03-31'"
    )
    assert f"{n} conversations, where 27 to 85 are usual on this weekday" in page.section("volume")


def test_a_cycle_that_did_not_run_is_what_the_check_tells_first(filled, tmp_path):
    page = Page(daily.render(filled, tmp_path, now=company.AS_OF + timedelta(hours=37)).read_text())
    assert "look. Nothing newer than 1 April 2026, 00:00 UTC is published" in page.section("summary")
    page = Page(daily.render(filled, tmp_path, now=company.AS_OF + timedelta(hours=36)).read_text())
    assert "Nothing newer than" not in page.text


def test_a_volume_is_unusual_beyond_what_its_weekday_shows():
    usual = [{"interaction_count": n} for n in (100, 110, 90, 100)]
    # mean 100, variance 66.7, below the 100 of chance: 100 +- 3.5 * sqrt(100 * 1.25) = 60.9 to 139.1
    assert unusual_volume([*usual, {"interaction_count": 139}], 3.5)["is_unusual"] is False
    found = unusual_volume([*usual, {"interaction_count": 140}], 3.5)
    assert found["is_unusual"] is True
    assert (round(found["low"], 1), round(found["high"], 1)) == (60.9, 139.1)
    assert unusual_volume([*usual, {"interaction_count": 0}], 3.5)["is_unusual"] is True
    assert unusual_volume([*usual[1:], {"interaction_count": 0}], 3.5) is None


# --- weekly


def test_the_week_equals_its_metrics(pages, filled):
    page = pages["weekly"]
    assert "23 to 29 March 2026" in page.text
    ((value, low, high, n, before),) = _rows(
        filled,
        """
        select this.value, this.ci_low, this.ci_high, this.n, previous.value
        from marts.fct_metric_values as this inner join marts.fct_metric_values as previous using (metric_id, period_type, slice_type)
        where this.metric_id = 'customer_satisfaction' and this.period_type = 'week' and this.slice_type = 'all'
            and this.period_start = '2026-03-23' and previous.period_start = '2026-03-16'
        """,
    )
    row = f"Customer satisfaction {100 * value:.1f} % {100 * low:.1f} % to {100 * high:.1f} % {n} {100 * before:.1f} % +{100 * (value - before):.1f} points"
    assert row in page.section("trends")
    assert "1 of 6 metrics got better, none got worse." in page.section("summary")
    assert any("First-contact resolution by week" in label for label in page.images)
    # those who came back are known before those who do not: 50 of 100 is no decline
    assert (
        "First-contact resolution Known in full on 8 April 2026: some of its cases are still open. 50.0 %"
        in page.section("trends")
    )


def test_the_week_tells_new_gaps_fixes_and_where_customers_struggle(pages):
    page = pages["weekly"]
    assert half_a_year.HOSTILE_GAP in page.section("gaps")
    assert "Moving a contract 3" not in page.section("gaps")  # it opened in the week before
    assert "Password reset 17 March 2026 worked 75 % of 40 20 % of 30 −55.0 (−70.0 to −33.0) Leave it." in page.section(
        "fixes"
    )
    assert "Of 1 fix of the last four weeks 1 worked" in page.section("summary")
    assert (
        f"Customers struggle most on {company.HOSTILE}: 40 of 100 left the AI agent with their issue solved"
        in page.section("summary")
    )
    assert f"{company.HOSTILE} left the AI agent with their issue solved 40 %" in page.section("struggles")


# --- wins and declines


def test_wins_and_declines_name_the_change_that_came_before(pages):
    for kind in ("weekly", "monthly", "executive"):
        told = pages[kind].section("moves")
        wins, _, declines = told.partition(" What got worse " if kind == "executive" else " Declines ")
        assert declines
        assert (
            "Issues solved at first contact rose by 8.0 points, from 70 to 78 of 100, since the change of the routing billing first of 12 March."
            in wins
        )
        assert f"Customers who left the AI agent with their issue solved fell by 12.0 points, from 67 to 55 of 100, since version {half_a_year.HOSTILE_CHANGE} of the AI agent of 12 March." in declines  # fmt: skip
        # satisfaction stayed where it was
        assert "answered a survey rose" not in told
        assert "answered a survey fell" not in told
    assert f"Support quality of the AI agent (topic {company.HOSTILE}) is below what is usual: 54.2 where 66.0 is usual, of 100 points, since version" in pages["monthly"].section("moves")  # fmt: skip
    assert "Questions to the AI agent that were solved fell by 8.0 points, to 58 of 100, since version" in pages[
        "monthly"
    ].section("moves")
    assert "Yearly revenue at risk rose from 198,000 EUR to 241,500 EUR; no change is logged for it." in pages[
        "monthly"
    ].section("moves")


def test_a_shift_is_held_to_what_chance_makes_of_all_comparisons():
    # Newcombe's own example (1998, table II, method 10): 56 of 70 against 48 of 80 gives .0524 to .3339
    difference, strength = shift(48, 80, 56, 70, 1.959964)
    assert difference == pytest.approx(0.2)
    assert difference - difference / strength == pytest.approx(0.0524, abs=1e-4)
    assert shift(48, 80, 56, 70, 3.2)[1] < 1


# --- monthly


def test_the_month_equals_the_executive_mart(pages, filled):
    page = pages["monthly"]
    assert "1 to 31 March 2026" in page.text
    rows = _rows(
        filled,
        "select label, unit, value, change, is_better from marts.rpt_executive_monthly where month_start = '2026-03-01' and slice_type = 'all'",
    )
    assert len(rows) == len(half_a_year.MEASURES)
    for label, unit, value, change, _ in rows:
        assert (
            f"{label} {measured(value, unit, 'EUR') if value is not None else 'No customer left in a year'}"
            in page.section("outcomes").replace("Its issues may come back until 15 April 2026. ", "")
        )
        assert change is None or moved(change, unit, "EUR") in page.section("outcomes")
    better = sum(row[4] is True for row in rows)
    worse = sum(row[4] is False for row in rows)
    assert better > 2 < worse
    assert f"{better} of {len(rows)} measures got better in March 2026, {worse} got worse." in page.section("summary")


def test_the_month_ranks_investments_by_money(pages):
    told = pages["monthly"].section("invest")
    # 3300 EUR / 300 issues that a person took over; 12 a week are 12 * 365.25 / 7 / 12 = 52.18 a month
    assert (
        "One issue costs 11.00 EUR: the work on an issue that a person took over from the AI agent, in February 2026."
        in told
    )
    assert f"1 {half_a_year.HOSTILE_GAP} Write article 1. content 52 574 EUR 84,000 EUR 40" in told
    assert "2 Version worse: version 2.4 on plan_change Take it back. engineering 39 430 EUR – 44" in told
    assert told.index("Moving a contract 2") < told.index("Moving a contract 3")


def test_the_month_shows_the_return_and_who_stays(pages):
    told = pages["monthly"].section("return")
    assert "February 2026" in told
    assert "Work that people did not have to do 4,600.00" in told
    assert "The AI agent itself −415.75" in told
    assert "Net benefit 2,570.40" in told
    assert "Containment quality up +410.00 −0.21" in told
    assert "human hourly rate 30" in told
    assert "enterprise 99.0 %" in pages["monthly"].section("retention")


# --- executive


def test_the_executive_page_speaks_the_language_of_the_business(pages, empty, paths):
    for page in (pages["executive"], Page(empty["executive"].read_text())):
        own = page.text.replace(half_a_year.HOSTILE_CHANGE, "").replace(half_a_year.HOSTILE_GAP, "")
        assert not JARGON.findall(own)
        assert not JARGON.findall(" ".join(page.images))
    text = email.message_from_bytes(paths["executive"].with_suffix(".eml").read_bytes(), policy=default)
    assert not JARGON.findall(text.get_body(("plain",)).get_content())


def test_the_executive_sentences_follow_from_the_figures(pages, filled):
    told = pages["executive"].section("summary")
    assert "Of 100 customers 99.0 stayed. 4 customers left. The change may be chance." in told
    assert "Of every 100 EUR of revenue that the month began with, 101.1 are there at its end, with what customers added. That is better than in the month before." in told  # fmt: skip
    assert "Of 100 issues 76 were solved at first contact. We are sure of the direction: better than in the month before. Of 100 issues 18 brought the customer back." in told  # fmt: skip
    assert "61 left with their issue solved. We are sure of the direction: worse than in the month before." in told
    assert "The AI agent saved 3,104 EUR more than it cost and caused." in told
    assert "241,500 EUR of yearly revenue are at risk of 11 customers who met poor support close to a renewal." in told
    ((share,),) = _rows(
        filled,
        "select value from marts.rpt_executive_monthly where measure = 'first_contact_resolution' and month_start = '2026-03-01' and slice_type = 'all'",
    )
    assert f"{100 * share:.0f} were solved at first contact" in told
    assert "First contact and money settle on 15 April 2026" in pages["executive"].text


def test_the_first_month_is_compared_with_nothing(filled):
    months = [
        row
        for row in half_a_year.executive_rows()
        if row["month_start"] == half_a_year.MONTHS[0] and row["slice_type"] == "all"
    ]
    found = Outcomes(half_a_year.MONTHS[0], half_a_year.MONTHS[0], "EUR", months, [], {}, [], None, [])
    summary = executive.summarise(found, SimpleNamespace(as_of=company.AS_OF))
    assert summary.headline == "October 2025 is the first month: there is none to compare it with."
    assert "Of 100 customers 98.5 stayed. 6 customers left." in summary.sentences


# --- all of them


def test_no_page_acts_asks_the_network_or_trusts_a_name(paths, pages):
    for kind, page in pages.items():
        assert not page.tags & {"script", "iframe", "form", "object", "embed", "img", "em", "parquet"}, kind
        assert "default-src 'none'" in page.source
        assert not re.search(r"(?:src|href)=\"(?!#|data:)", page.source), kind
        assert "None" not in page.text, kind
        assert "nan" not in page.text.split(), kind
        assert company.HOSTILE not in page.source, kind
        assert half_a_year.HOSTILE_CHANGE not in page.source, kind


def email_of(settings: Settings, kind: str) -> email.message.EmailMessage:
    found = KINDS[kind](settings, settings.state_dir / "mails" / kind).with_suffix(".eml")
    return email.message_from_bytes(found.read_bytes(), policy=default)


def test_an_email_is_small_and_says_the_same_in_text_and_html(paths, pages):
    for kind, path in paths.items():
        raw = path.with_suffix(".eml").read_bytes()
        assert len(raw) < MOST_BYTES
        message = email.message_from_bytes(raw, policy=default)
        assert not message.defects
        text, html = (message.get_body((part,)).get_content() for part in ("plain", "html"))
        page = Page(html)
        headline = re.search(r"<h1[^>]*>(.*?)</h1>", html)[1]
        assert headline in text
        assert headline.split(".")[0] in message["Subject"]
        assert message["From"] is None
        assert not page.tags & {"script", "img", "link", "svg", "style"}
        assert not re.search(r"<[^>]*\b(?:src|href|background)=|url\(", html)
        assert path.name in text
        assert path.name in html
        for line in (line[2:] for line in text.splitlines() if line.startswith("- ")):
            assert " ".join(line.split()) in page.text, kind


def test_an_email_cuts_what_a_stranger_made_long():
    from touchstone.reports.mail import message
    from touchstone.reports.pages import environment

    summary = Summary(
        "daily",
        "Daily check",
        company.FIRST_DAY,
        company.FIRST_DAY,
        company.AS_OF,
        "x" * 5000 + "\nBcc: a@b.c",
        ["y" * 50_000] * 50,
    )
    found = message(summary, "page.html", environment())
    assert len(found.as_bytes()) < MOST_BYTES
    assert found["Bcc"] is None


def test_an_empty_warehouse_is_told_in_words(empty):
    for kind, path in empty.items():
        page = Page(path.read_text())
        assert "None" not in page.text, kind
        assert path.with_suffix(".eml").stat().st_size < MOST_BYTES
    assert "Nothing is known of this week." in Page(empty["weekly"].read_text()).text
    assert "Nothing is known of March 2026." in Page(empty["monthly"].read_text()).text
    assert "Nothing is known of March 2026 yet." in Page(empty["executive"].read_text()).text


def test_a_part_that_is_not_published_is_said_to_be_so(filled, tmp_path):
    with connect(settings=filled) as connection:
        connection.execute("alter table marts.rpt_executive_monthly rename to hidden")
    try:
        assert "The list of outcomes is not published yet." in Page(
            monthly.render(filled, tmp_path / "m").read_text()
        ).section("outcomes")
        assert "Nothing is known of March 2026 yet." in Page(executive.render(filled, tmp_path / "e").read_text()).text
    finally:
        with connect(settings=filled) as connection:
            connection.execute("alter table marts.hidden rename to rpt_executive_monthly")


def test_a_warehouse_before_its_first_publication_says_what_to_do(server, tmp_path):
    from warehouses import new_warehouse

    with new_warehouse(server, "reports_unpublished", tmp_path / "state") as settings:
        for kind in KINDS:
            with pytest.raises(WarehouseError, match="touchstone run"):
                REPORTS[kind](settings)

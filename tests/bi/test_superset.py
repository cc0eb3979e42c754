"""Superset's dashboards in a browser, on the simulated company: they load, and every number that they show is SQL's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from browser import Page, chromium
from months import run_months

from touchstone.bi import superset
from touchstone.bi.dashboards import Chart, Dashboard, dashboards
from touchstone.settings import get_settings
from touchstone.warehouse.engine import connect
from warehouses import new_warehouse

pytestmark = [pytest.mark.bi, pytest.mark.timeout(3600)]
PICTURES = get_settings().build_dir / "bi"
PAGES = {one.slug: one for one in dashboards()}
# Superset's page of a dashboard: nothing loads, and every chart has drawn something
IS_DRAWN = """
    [...document.querySelectorAll('[data-test="chart-container"], .chart-container')].length >= %d
    && !document.querySelector('[data-test="loading-indicator"], .loading')
    """
NUMBERS = """
    [...document.querySelectorAll('.dashboard-chart-id-%d .header-line')].map(one => one.innerText)
    """
CELLS = """
    [...document.querySelectorAll('.dashboard-chart-id-%d tbody tr')].map(
        row => [...row.querySelectorAll('td')].map(cell => cell.innerText.trim()))
    """


@pytest.fixture(scope="module")
def company(server, tmp_path_factory) -> Iterator[object]:
    """The simulated company's first eleven weeks, published; `touchstone_bi` may log in."""
    if not (superset.environment_folder() / "bin" / "gunicorn").is_file():
        pytest.skip("Superset is not installed; `make test-bi` does it")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOUCHSTONE_BI_PASSWORD", "of-the-test/alone")
        folder = tmp_path_factory.mktemp("superset")
        with new_warehouse(server, "superset", folder / "state") as settings:
            run_months(server, folder, settings)
            yield settings


@pytest.fixture(scope="module")
def page(company) -> Iterator[Page]:
    """A browser that is logged in."""
    entry = superset.start(company)
    try:
        with chromium() as page:
            page.size(1400, 1000)
            page.open(f"{entry.url}/login/")
            page.wait("!!document.querySelector('#csrf_token')")
            form = json.dumps({"username": entry.user, "password": entry.password})
            page.ask(
                "fetch('/login/', {method: 'POST', body: new URLSearchParams(Object.assign("
                f"{form}, {{csrf_token: document.querySelector('#csrf_token').value}}))}}).then(answer => answer.url)"
            )
            page.url = entry.url
            yield page
    finally:
        superset.stop(company)


@pytest.mark.parametrize("slug", PAGES)
def test_a_dashboard_shows_what_sql_says(slug, page, company):
    dashboard = PAGES[slug]
    ids = _open(page, dashboard)
    page.picture(PICTURES / f"{slug}.png")
    _compare(page, ids, dashboard.charts, company)


def test_a_stage_of_maturity_changes_what_is_shown(page, company):
    """Metrics of the stages that are reached at first; a reader who chooses all of them sees more, and each as SQL says."""
    [stage] = PAGES["metrics"].filters
    mask = (
        "(NATIVE_FILTER-maturity_stage:(extraFormData:(filters:!((col:maturity_stage,op:IN,val:!(1,2,3)))),"
        "filterState:(label:'1, 2, 3',value:!(1,2,3)),id:NATIVE_FILTER-maturity_stage,ownState:()))"
    )
    ids = _open(page, PAGES["metrics"], f"?native_filters={mask}")
    page.picture(PICTURES / "metrics_all_stages.png")
    chosen = replace(stage, values=(1, 2, 3))
    _compare(page, ids, [replace(chart, filtered=(chosen.condition,)) for chart in PAGES["metrics"].charts], company)
    [chart] = [chart for chart in PAGES["metrics"].charts if chart.title.startswith("Own baseline")]
    every = replace(chart, filtered=(chosen.condition,))
    with connect("bi", settings=company) as connection:
        first, more = ({row[0]: row[1] for row in connection.execute(one.sql)} for one in (chart, every))
    assert set(first.values()) == {1} == set(stage.values)
    assert set(more.values()) == {1, 2, 3}
    assert len(page.ask(CELLS % ids[chart.title])) == len(more) > len(first)


def test_no_chart_of_the_simulated_company_is_empty(company):
    with connect("bi", settings=company) as connection:
        empty = [
            (chart.dashboard, chart.title)
            for dashboard in PAGES.values()
            for chart in dashboard.charts
            if not connection.execute(f"select count(*) from ({chart.sql}) as rows").fetchone()[0]
        ]
    assert empty == []


def test_the_period_narrows_every_figure_that_has_days(page, company):
    """The page's own filter, as a link sets it: the figures are those of the days asked for."""
    dashboard = PAGES["quality"]
    first, end = _days(company)
    mask = (
        f"(NATIVE_FILTER-period:(extraFormData:(time_range:'{first} : {end}'),filterState:(value:'{first} : {end}'),"
        "id:NATIVE_FILTER-period,ownState:()))"
    )
    ids = _open(page, dashboard, f"?native_filters={mask}")
    with connect("bi", settings=company) as connection:
        expected = connection.execute(
            "select sum(interaction_count) from marts.rpt_coverage_daily where interaction_date >= %s and interaction_date < %s",
            [first, end],
        ).fetchone()[0]
        whole = connection.execute("select sum(interaction_count) from marts.rpt_coverage_daily").fetchone()[0]
    assert 0 < expected < whole
    page.wait(f"{NUMBERS % ids['Interactions']}[0] === '{expected:,}'", 60)


def test_strangers_see_nothing_and_the_password_is_in_no_file_of_superset(page, company):
    entry = superset.login(company)
    other = page.ask(f"fetch('{entry.url}/api/v1/dashboard/', {{credentials: 'omit'}}).then(answer => answer.status)")
    assert other == 401
    assert entry.url.startswith("http://127.0.0.1:")
    kept = b"".join(path.read_bytes() for path in superset.home(company).rglob("*") if path.is_file())
    assert b"of-the-test/alone" not in kept
    assert b"touchstone_bi@" in kept


def _compare(page: Page, ids: dict[str, int], charts: Iterable[Chart], company: object) -> None:
    """What Superset answered and what is on the page, chart by chart, against SQL."""
    assert page.ask("document.querySelectorAll('[data-test=\"error-alert\"], .ant-alert-error').length") == 0
    answers = {int(found): body for found, body in page.bodies(r"/api/v1/chart/data.*slice_id%22%3A(\d+)")}
    with connect("bi", settings=company) as connection:
        for chart in charts:
            cursor = connection.execute(chart.sql)
            names = [column.name for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            given = _merged(answers[ids[chart.title]], chart)
            if chart.x and chart.dimensions:
                rows = [row for row in rows if None not in row.values()]
            assert _rounded(given, names) == _rounded(rows, names), chart.title
            _shown_as_sql_says(page, ids[chart.title], chart, rows)


def _open(page: Page, dashboard: Dashboard, query: str = "") -> dict[str, int]:
    """Open a page so large that everything on it is drawn; chart ids by title."""
    page.size(1400, 1000)
    page.listen()
    page.open(f"{page.url}/superset/dashboard/{dashboard.slug}/{query}")
    page.wait("document.querySelector('.grid-container')?.scrollHeight > 500")
    page.size(1400, page.ask("document.querySelector('.grid-container').scrollHeight") + 320)
    page.wait(IS_DRAWN % len(list(dashboard.charts)), 180)
    page.pause(2)
    charts = page.ask(f"fetch('/api/v1/dashboard/{dashboard.slug}/charts').then(answer => answer.json())")["result"]
    return {chart["slice_name"]: chart["id"] for chart in charts}


def _merged(answer: dict[str, Any], chart: Chart) -> list[dict[str, Any]]:
    """Rows of a chart's answer; one of two queries has its halves joined by what they share."""
    first, *others = answer["result"]
    rows = [dict(row) for row in first["data"]]
    if chart.x and chart.dimensions:
        return _melted(rows, chart)
    for other in others:
        if other["data"] and chart.n and chart.n in other["data"][0]:
            more = {row[chart.axis]: row[chart.n] for row in other["data"]}
            for row in rows:
                row[chart.n] = more[row[chart.axis]]
    return rows


def _melted(rows: list[dict[str, Any]], chart: Chart) -> list[dict[str, Any]]:
    """One row per place on the axis and line, of rows that hold a column per line."""
    [dimension], [measure] = chart.dimensions, chart.measures
    return [
        {chart.axis: row[chart.axis], dimension: line.removeprefix(f"{measure}, "), measure: value}
        for row in rows
        for line, value in row.items()
        if line != chart.axis and value is not None
    ]


def _rounded(rows: list[dict[str, Any]], names: list[str]) -> list[tuple]:
    # a measure that is null in every row is left out of what a line chart gets
    return sorted((tuple(_plain(row.get(name)) for name in names) for row in rows), key=repr)


def _plain(value: Any) -> Any:
    """Numbers to nine places, days as Superset's milliseconds since 1970."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, date):
        day = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)
        return round(day.timestamp() * 1000)
    return round(float(value), 9)


def _shown_as_sql_says(page: Page, chart_id: int, chart: Chart, rows: list[dict[str, Any]]) -> None:
    if chart.kind == "number":
        shown = page.ask(NUMBERS % chart_id)
        assert len(shown) == 1, chart.title
        _same(
            re.sub(r"\s*€$", "", shown[0]) if chart.is_money else shown[0],
            next(iter(rows[0].values())),
            chart.formats.get(next(iter(rows[0])), ",d"),
            chart.title,
        )
    if chart.kind == "table" and rows:
        cells = page.ask(CELLS % chart_id)
        assert len(cells) == len(rows), chart.title
        keys = list(chart.dimensions)
        by_key = {tuple(str(row[key]) for key in keys): row for row in rows}
        for line in cells:
            row = by_key[
                tuple(cell.replace(",", "") if cell.replace(",", "").isdigit() else cell for cell in line[: len(keys)])
            ]
            for label, cell in zip(chart.measures, line[len(keys) :], strict=True):
                _same(cell, row[label], chart.formats.get(label, ",d"), f"{chart.title}: {label}")


def _same(shown: str, value: Any, form: str, what: str) -> None:
    """What is shown is the value, to the last place that its format shows."""
    if value is None or isinstance(value, str):
        assert shown == ("N/A" if value is None else value), what
        return
    places = int(match[1]) if (match := re.search(r"\.(\d)", form)) else 0
    scale = 100 if form.endswith("%") else 1
    assert shown.endswith("%") == form.endswith("%"), f"{what}: {shown}"
    number = Decimal(shown.rstrip("%").replace(",", "").replace("\N{MINUS SIGN}", "-"))
    assert abs(float(number) - float(value) * scale) <= 0.5 * 10**-places + 1e-9, f"{what}: {shown} for {value}"


def _days(company) -> tuple[date, date]:
    with connect("bi", settings=company) as connection:
        return connection.execute(
            "select min(interaction_date) + 5, min(interaction_date) + 12 from marts.rpt_coverage_daily"
        ).fetchone()

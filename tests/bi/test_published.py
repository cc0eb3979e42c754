"""The published tables, as a BI tool finds them: as the contract says, described, indexed, and without a customer's words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal

import pytest

from cycles import WHOLE
from touchstone.bi.contract import read
from touchstone.bi.dashboards import dashboards
from touchstone.dbt import dbt_environment, invoke_dbt
from touchstone.settings import Settings, get_settings
from touchstone.warehouse.engine import connect
from warehouses import new_warehouse

PAGE = (get_settings().root / "docs" / "bi.md").read_text()
QUERIES = dict(re.findall(r"^### \d+\. (.+?)\n.*?^```sql\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL))
CHARTS = [chart for dashboard in dashboards() for chart in dashboard.charts]


@pytest.fixture(scope="module")
def published(server, whole, tmp_path_factory) -> Iterator[Settings]:
    """A copy of the warehouse of the whole cycle: seventeen days of the sample, published."""
    with new_warehouse(server, "published", tmp_path_factory.mktemp("published"), template=WHOLE) as settings:
        yield settings


def test_tables_columns_types_and_keys_are_those_of_the_contract(published):
    with connect("bi", settings=published) as connection:
        columns = connection.execute(
            """
            select relname, attname::text, format_type(atttypid, atttypmod)
            from pg_attribute inner join pg_class on pg_class.oid = attrelid
            where relnamespace = 'marts'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
            """
        ).fetchall()
        keys = connection.execute(
            """
            select conrelid::regclass::text, array_agg(attname::text order by position)
            from pg_constraint
            cross join unnest(conkey) with ordinality as keys (attnum, position)
            inner join pg_attribute on attrelid = conrelid and pg_attribute.attnum = keys.attnum
            where connamespace = 'marts'::regnamespace and contype = 'p' group by conrelid
            """
        ).fetchall()
        tables = read().tables
        expected = {
            (
                name,
                column,
                connection.execute("select format_type(%s::regtype, to_regtypemod(%s))", [data_type] * 2).fetchone()[0],
            )
            for name, table in tables.items()
            for column, data_type in table.columns.items()
        }
    assert set(columns) == expected
    assert {name.removeprefix("marts."): tuple(key) for name, key in keys} == {
        name: table.key for name, table in tables.items()
    }


def test_every_table_and_column_carries_the_description_of_its_model(published):
    with connect("transformer", settings=published) as connection:
        differing = connection.execute(
            """
            select relname, attname
            from pg_attribute inner join pg_class on pg_class.oid = attrelid
            where relnamespace = 'marts'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
                and col_description(attrelid, attnum) is distinct from (
                    select col_description(built.attrelid, built.attnum) from pg_attribute as built
                    where built.attrelid = ('marts_build.' || relname)::regclass and built.attname = pg_attribute.attname
                )
            """
        ).fetchall()
        comments = connection.execute(
            """
            select relname, '', obj_description(oid, 'pg_class') from pg_class
            where relnamespace = 'marts'::regnamespace and relkind = 'r'
            union all
            select relname, attname, col_description(attrelid, attnum)
            from pg_attribute inner join pg_class on pg_class.oid = attrelid
            where relnamespace = 'marts'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
            """
        ).fetchall()
    assert differing == []
    assert len(comments) > 1400
    assert [one for one in comments if not one[2] or "{{" in one[2]] == []
    # a BI tool shows a description alone, so none leans on its neighbour, and a word or two say nothing
    leaning = re.compile(r"(Of (these|them)|The same( before|\.)|As (in|above)|That |Those )")
    assert [one for one in comments if leaning.match(one[2])] == []
    assert [one for one in comments if len(one[2].split()) < 2] == []
    # a table's first words are its grain
    assert [
        name for name, column, comment in comments if not column and not re.match(r"(One|The|Deprecated)\b", comment)
    ] == []


def test_dbt_writes_its_documentation_of_what_is_built(published, tmp_path):
    """`dbt docs generate` over the built warehouse: a page with every mart, its columns as comments say, and every exposure."""
    places = ["--project-dir", str(published.dbt_dir), "--profiles-dir", str(published.dbt_dir)]
    places += ["--target-path", str(tmp_path), "--log-path", str(tmp_path / "logs")]
    state = json.dumps({"as_of": "2026-03-18T00:00:00+00:00", "ledger_id": 0})
    with dbt_environment(published):
        made = invoke_dbt(None, ["docs", "generate", *places, "--quiet", "--vars", state])
    assert made.success, made.exception
    page, catalog, manifest = (
        (tmp_path / name).read_text() for name in ("index.html", "catalog.json", "manifest.json")
    )
    assert "<html" in page
    built = {
        node["metadata"]["name"]: {name: column["comment"] for name, column in node["columns"].items()}
        for node in json.loads(catalog)["nodes"].values()
        if node["metadata"]["schema"] == "marts_build"
    }
    told = {
        node["name"]: {name: column["description"] for name, column in node["columns"].items()}
        for node in json.loads(manifest)["nodes"].values()
        if node["resource_type"] == "model" and node["schema"] == "marts_build"
    }
    assert set(read().tables) <= set(built)
    assert {name: built[name] for name in read().tables} == {name: told[name] for name in read().tables}
    assert len(json.loads(manifest)["exposures"]) >= 15


def test_large_reports_by_slice_are_indexed_by_what_dashboards_filter_on(published):
    """A report with a row per day and slice is read slice by slice: an index begins with the slice."""
    wanted = {
        name
        for name, table in read().tables.items()
        if "slice_type" in table.columns and (name.endswith("_daily") or name == "rpt_quality_trends")
    }
    with connect("bi", settings=published) as connection:
        indexes = connection.execute(
            "select tablename, indexdef from pg_indexes where schemaname = 'marts' and indexdef like '%(slice_type, %'"
        ).fetchall()
    assert len(wanted) >= 5
    assert wanted - {name for name, _ in indexes} == set()


@pytest.mark.parametrize("title", QUERIES)
def test_a_documented_query_runs_and_names_what_it_shows(title, published):
    with connect("bi", settings=published) as connection:
        connection.execute("set enable_seqscan = off")
        # as on a day of the data: a date beyond it would be the most selective condition
        newest = connection.execute("select max(interaction_date) from marts.fct_interactions").fetchone()[0]
        query = QUERIES[title].replace("current_date", f"date '{newest}'")
        plan = "\n".join(line for (line,) in connection.execute(f"explain {query}"))
        cursor = connection.execute(QUERIES[title])
    assert len(cursor.description) >= 3
    assert len({column.name for column in cursor.description}) == len(cursor.description)
    # with the planner kept from reading whole tables, an index serves the conditions
    assert re.search(r"Index Cond: .*(slice_type|agent_key|topic|account_key)", plan), plan


def test_ten_queries_are_documented():
    assert len(QUERIES) == 10


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: f"{chart.dashboard}: {chart.title}")
def test_a_chart_asks_what_the_marts_answer(chart, published):
    with connect("bi", settings=published) as connection:
        cursor = connection.execute(chart.sql)
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    assert set(names) == set(chart.measures) | set(chart.dimensions) | ({chart.axis} if chart.axis else set())
    if chart.n is None:
        return
    for row in rows:
        # a share or a mean lies between its bounds, and a row of few items says so
        low, high = (next((row[name] for name in names if name.endswith(end)), None) for end in ("from", "to"))
        value = next(iter(row[name] for name in chart.measures))
        is_number = all(isinstance(one, int | float | Decimal) for one in (low, high, value))
        if chart.dashboard != "handoffs" and is_number:
            assert float(low) - 1e-9 <= float(value) <= float(high) + 1e-9, (chart.title, row)
        if "note" in row:
            is_small = row["n"] is not None and row["n"] < 30
            assert row["note"] == ("n < 30" if is_small else ""), (chart.title, row)


def test_no_published_value_holds_a_customers_words_or_address(published):
    """Every value of every text column against every sentence that a customer wrote."""
    with connect("transformer", settings=published) as connection:
        texts = connection.execute("select text from clean.messages where text is not null").fetchall()
        columns = connection.execute(
            """
            select table_name, column_name from information_schema.columns
            where table_schema = 'marts' and data_type in ('text', 'jsonb', 'ARRAY')
            """
        ).fetchall()
        values: dict[str, str] = {}
        for table, column in columns:
            rows = connection.execute(
                f'select distinct "{column}"::text from marts."{table}" where "{column}" is not null'
            )
            values |= {value: f"{table}.{column}" for (value,) in rows}
    written = "\n".join(text.lower() for (text,) in texts)
    assert len(texts) > 1000
    assert len(values) > 1000
    assert {value: place for value, place in values.items() if re.search(r"[\w.]@[\w-]+\.\w", value)} == {}
    # shorter ones are words such as a topic's, which a customer may use too
    assert {
        value: place for value, place in values.items() if len(value.split()) >= 4 and value.lower() in written
    } == {}

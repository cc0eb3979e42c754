"""Months of a warehouse that are closed, changed by late data, restated and taken away, cycle after cycle."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import psycopg
import pytest
from psycopg.rows import dict_row
from typer.testing import CliRunner

from checksums import digests
from touchstone import cli, pipeline
from touchstone.errors import ConfigurationError, TouchstoneError
from touchstone.finance.closes import close_month, closed_figures, find_close, parse_month
from touchstone.finance.export import export_month
from touchstone.settings import Settings
from touchstone.sources import files
from touchstone.warehouse import ledger
from touchstone.warehouse.engine import connect
from touchstone.warehouse.publish import publish
from warehouses import new_warehouse

JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)
FIRST_CYCLE, SECOND_CYCLE = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
STEPS = ("stage", "clean", "core", "score", "facts", "gaps", "marts")
FORMULA = "=cmd|' /C calc'!A0"
WHOLE = "month_start = '2026-01-01' and slice_type = 'all' and handled_by = 'all'"


def _conversation(
    name: str, customer: str, topic: str, begun: datetime, *turns: tuple[str, int, str]
) -> dict[str, Any]:
    """One chat: (actor, minutes after its beginning, text); solved five minutes after its last message."""
    messages = []
    for number, (actor, minutes, text) in enumerate(turns, start=1):
        message = {
            "message_id": str(number),
            "actor": actor,
            "actor_id": customer if actor == "customer" else f"the-{actor}",
            "sent_at": (begun + timedelta(minutes=minutes)).isoformat(),
            "text": text,
        }
        messages.append(message | ({"team": "care"} if actor == "human_agent" else {}))
    return {
        "interaction_id": name,
        "channel": "chat",
        "topic": topic,
        "customer_id": customer,
        "account_id": f"account of {customer}",
        "status": "solved",
        "closed_at": (begun + timedelta(minutes=turns[-1][1] + 5)).isoformat(),
        "messages": messages,
    }


def _person(name: str, customer: str, topic: str, begun: datetime, minutes: int = 6) -> dict[str, Any]:
    return _conversation(
        name,
        customer,
        topic,
        begun,
        ("customer", 0, "My invoice is wrong, can you look at it?"),
        ("human_agent", minutes, "I have corrected the invoice for you."),
    )


def _machine(name: str, customer: str, topic: str, begun: datetime) -> dict[str, Any]:
    return _conversation(
        name,
        customer,
        topic,
        begun,
        ("customer", 0, "Where do I find my invoices?"),
        ("ai_agent", 1, "Open the settings and choose Invoices."),
        ("customer", 2, "Thanks, that solved it."),
    )


def _days() -> list[dict[str, Any]]:
    found = []
    for day in range(40):
        begun = datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(days=day)
        found.append(
            _person(f"person-{day}", f"p{day}", FORMULA if day == 3 else "billing", begun, minutes=4 + day % 5)
        )
        found.append(_machine(f"machine-{day}", f"m{day}", "billing", begun))
    # an AI agent first, and a person two days later: one issue of January
    found.append(_machine("again-1", "again", "access", datetime(2026, 1, 30, 9, tzinfo=UTC)))
    found.append(_person("again-2", "again", "access", datetime(2026, 2, 1, 9, tzinfo=UTC)))
    # an issue of February, as long as nobody knows better
    found.append(_person("moved-2", "moved", "access", datetime(2026, 2, 3, 9, tzinfo=UTC)))
    return found


def _late() -> list[dict[str, Any]]:
    """An earlier contact of an issue of February, which makes it one of January."""
    return [_person("moved-1", "moved", "access", datetime(2026, 1, 30, 15, tzinfo=UTC), minutes=9)]


def _land(folder: Path, name: str, found: list[dict[str, Any]], as_of: datetime, settings: Settings) -> None:
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in found))
    files.ingest(folder, as_of=as_of, settings=settings)


def _cycle(as_of: datetime, settings: Settings, steps: tuple[str, ...] = STEPS) -> None:
    for step in steps:
        pipeline.STEPS[step](as_of, settings)
    with ledger.step("publish", as_of=as_of, settings=settings) as run:
        publish(run.run_id, as_of, settings)


def _rows(settings: Settings, query: str, role: str = "bi") -> list[dict[str, Any]]:
    with connect(role, settings=settings) as connection:
        return connection.cursor(row_factory=dict_row).execute(query).fetchall()


def _live(settings: Settings) -> dict[str, Any]:
    (row,) = _rows(settings, f"select * from marts.rpt_cost_per_issue_monthly where {WHOLE}")
    return row


@dataclass
class Story:
    """What was seen on the way: two cycles with late data between them, a close after the first and a restatement after the second."""

    settings: Settings
    live: list[dict[str, Any]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    grown: dict[str, tuple[int, str]] = field(default_factory=dict)

    def refuse(self, name: str, month: date, **more: Any) -> None:
        with pytest.raises(TouchstoneError) as refused:
            close_month(month, **{"closed_by": "R. Okafor", "settings": self.settings} | more)
        self.refused[name] = str(refused.value)


@pytest.fixture(scope="module")
def story(server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    base = tmp_path_factory.mktemp("closing")
    folder = base / "files"
    folder.mkdir()
    with new_warehouse(server, "closing", base / "state") as settings:
        story = Story(settings)
        story.refuse("unpublished", JANUARY)
        _land(folder, "days", _days(), FIRST_CYCLE, settings)
        _cycle(FIRST_CYCLE, settings)
        story.live.append(_live(settings))
        story.refuse("unknown", date(2025, 12, 1))
        story.refuse("incomplete", FEBRUARY)
        story.refuse("nothing to restate", JANUARY, restate=True, reason="late tickets")
        story.refuse("nobody", JANUARY, closed_by=" ")
        story.refuse("reason without restatement", JANUARY, reason="because")
        close_month(JANUARY, closed_by=FORMULA, settings=settings)
        story.refuse("closed", JANUARY)
        story.refuse("unchanged", JANUARY, restate=True, reason="just so")
        _land(folder, "late", _late(), SECOND_CYCLE, settings)
        _cycle(SECOND_CYCLE, settings)
        story.live.append(_live(settings))
        story.refuse("without a reason", JANUARY, restate=True)
        close_month(JANUARY, closed_by="R. Okafor", restate=True, reason="a ticket came late", settings=settings)
        _cycle(SECOND_CYCLE, settings, ("facts", "gaps", "marts"))
        story.grown = digests(settings, "facts", "marts_build")
        yield story


def test_late_data_move_an_issue_to_the_month_of_its_first_contact(story: Story) -> None:
    before, after = story.live
    # 27 days of January with two chats each, and the issue that came back; then the moved one
    assert (before["issue_count"], after["issue_count"]) == (55, 56)
    assert after["human_minutes"] - before["human_minutes"] == 9 + 6
    (february,) = _rows(
        story.settings,
        """
        select issue_count from marts.rpt_cost_per_issue_monthly
        where month_start = '2026-02-01' and slice_type = 'all' and handled_by = 'all'
        """,
    )
    assert february["issue_count"] == 26


def test_labour_is_priced_as_the_assumptions_beside_it_say(story: Story) -> None:
    row = story.live[0]
    assert row["labour_cost"] == round(row["human_minutes"] * 38 / 60, 2)
    assert row["ai_cost"] == row["ai_answer_count"] * Decimal("0.05")
    assert row["assumptions"] == {
        "human_hourly_rate": 38,
        "ai_cost_per_answer": 0.05,
        "ai_cost_per_episode": 0,
        "usd_exchange_rate": 0.9,
    }


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("unpublished", "nothing is published yet"),
        ("unknown", "nothing is known of this month: '2025-12'"),
        (
            "incomplete",
            "this month is not complete: '2026-02, published as of 2026-03-01'. Its issues may come back until 2026-03-15",
        ),
        ("nothing to restate", "this month is not closed: '2026-01'"),
        ("nobody", "nobody answers for the close"),
        ("reason without restatement", "only a restatement has a reason: 'because'"),
        ("closed", "this month is closed already: '2026-01, version 1'"),
        ("unchanged", "nothing of the closed month has changed: '2026-01, version 1'"),
        ("without a reason", "a restatement without a reason"),
    ],
)
def test_what_cannot_be_closed_says_why(story: Story, name: str, message: str) -> None:
    assert story.refused[name].startswith(message)


def test_a_restated_month_keeps_both_versions_with_the_reason(story: Story) -> None:
    rows = _rows(
        story.settings,
        """
        select version, restates_version, reason, closed_by, is_current, value from marts.fct_monthly_closes
        where month_start = '2026-01-01' and report = 'rpt_cost_per_issue_monthly' and row_key = 'all / all / all' and figure = 'total_cost'
        order by version
        """,
    )
    assert [tuple(row.values()) for row in rows] == [
        (1, None, None, FORMULA, False, story.live[0]["total_cost"]),
        (2, 1, "a ticket came late", "R. Okafor", True, story.live[1]["total_cost"]),
    ]
    assert rows[0]["value"] != rows[1]["value"]


def test_a_version_holds_every_figure_of_every_report(story: Story) -> None:
    with connect("transformer", settings=story.settings) as connection:
        figures = closed_figures(connection, JANUARY, 2)
        frozen = {(f.report, f.row_key, f.figure): f.value if f.stated is None else f.stated for f in figures}
        for report in ("rpt_cost_per_issue_monthly", "rpt_roi_monthly", "rpt_roi_scenarios"):
            rows = connection.cursor(row_factory=dict_row).execute(
                f"select * from marts.{report} where month_start = '2026-01-01'"
            )
            keys = ("slice_type", "slice_value", "handled_by", "scenario")
            for row in rows:
                key = " / ".join(str(row[name]) for name in keys if name in row)
                for name, value in row.items():
                    found = frozen[report, key, name]
                    if isinstance(value, Decimal | int) and not isinstance(value, bool):
                        assert found == value
                    elif isinstance(value, bool):
                        assert found == str(value).lower()
                    elif isinstance(value, dict):
                        assert json.loads(found) == value
                    else:
                        assert found == (value.isoformat() if isinstance(value, date) else value)
    assert {f.report for f in figures} >= {"fct_assumptions", "rpt_roi_monthly", "rpt_roi_scenarios"}


def test_nobody_changes_a_closed_month(story: Story) -> None:
    statements = (
        "update finance.closed_figures set value = 0",
        "delete from finance.closes",
        "truncate finance.closed_figures cascade",
    )
    for role, error in ((None, psycopg.errors.RaiseException), ("transformer", psycopg.errors.InsufficientPrivilege)):
        for statement in statements:
            with connect(role, settings=story.settings) as connection, pytest.raises(error):
                connection.execute(statement)
    # nor does anybody add to it, whoever may add versions
    for role in (None, "transformer"):
        with connect(role, settings=story.settings) as connection, pytest.raises(psycopg.errors.RaiseException):
            connection.execute(
                """
                insert into finance.closed_figures (close_id, report, row_key, row_number, figure, figure_number, value)
                select min(close_id), 'rpt_roi_monthly', 'all / all', 1, 'a figure of today', 99, 1 from finance.closes
                """
            )
    for role in ("bi", "reviewer", "loader", "feedback"):
        with connect(role, settings=story.settings) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from finance.closes")
    with connect("transformer", settings=story.settings) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(
            """
            insert into finance.closes (month_start, version, restates_version, closed_by, as_of, run_id)
            values ('2026-01-01', 3, 2, 'x', now(), 1)
            """
        )


def test_a_full_refresh_gives_what_the_cycles_gave(story: Story) -> None:
    with connect(settings=story.settings) as connection:
        connection.execute(
            "update ops.built_relations set definition = 'of an earlier version' where relation like any(array['facts.%', 'marts_build.%'])"
        )
    for step in ("facts", "gaps", "marts"):
        pipeline.STEPS[step](SECOND_CYCLE, story.settings)
    built = digests(story.settings, "facts", "marts_build")
    finance = [name for name in built if re.search(r"work|cost_per_issue|roi|retention|assumptions|closes", name)]
    assert len(finance) == 8
    assert {name for name in finance if built[name] != story.grown[name]} == set()
    assert all(built[name][0] for name in finance if "retention" not in name)


# --- files


@pytest.fixture(scope="module")
def folder(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("export")
    export_month(JANUARY, target, story.settings, version=1)
    export_month(JANUARY, target, story.settings)
    export_month(FEBRUARY, target, story.settings, live=True)
    return target


def _xml(book: zipfile.ZipFile, name: str) -> ElementTree.Element:
    return ElementTree.fromstring(book.read(name))  # noqa: S314 - a file that this test has written


def _sheet(path: Path, name: str) -> list[list[tuple[str, str]]]:
    """Cells of a sheet as (type, value): `n` a number, `s` text, `f` a formula."""
    space = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
    with zipfile.ZipFile(path) as book:
        strings = ["".join(one.itertext()) for one in _xml(book, "xl/sharedStrings.xml")]
        names = [one.get("name") for one in _xml(book, "xl/workbook.xml").find("x:sheets", space)]
        page = _xml(book, f"xl/worksheets/sheet{names.index(name) + 1}.xml")
    rows = []
    for row in page.iterfind(".//x:row", space):
        cells = []
        for cell in row:
            value = cell.findtext("x:v", "", space)
            if cell.find("x:f", space) is not None:
                cells.append(("f", value))
            elif cell.get("t") == "s":
                cells.append(("s", strings[int(value)]))
            else:
                cells.append(("n", value))
        rows.append(cells)
    return rows


def test_a_closed_month_is_a_workbook_and_csv_files(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert {"finance-2026-01-v1.xlsx", "finance-2026-01-v2.xlsx", "finance-2026-02-live.xlsx"} <= names
    assert {
        f"finance-2026-01-v2-{one}.csv" for one in ("about", "assumptions", "cost-per-issue", "roi", "scenarios")
    } <= names
    about = dict(csv.reader((folder / "finance-2026-01-v2-about.csv").read_text().splitlines()))
    assert (about["month"], about["version"], about["restates version"]) == ("2026-01", "2", "1")
    assert about["reason"] == "a ticket came late"


def test_a_sheet_keeps_its_header_in_sight_and_shows_cents(folder: Path) -> None:
    with zipfile.ZipFile(folder / "finance-2026-01-v2.xlsx") as book:
        for number in range(2, 7):
            page = book.read(f"xl/worksheets/sheet{number}.xml").decode()
            assert 'ySplit="1"' in page
            assert "<cols>" in page
            # a report without rows has nothing to filter, and says so
            assert ("<autoFilter" in page) == (page.count("<row ") > 1)
        styles = book.read("xl/styles.xml").decode()
    assert {'formatCode="#,##0.00"', 'formatCode="#,##0.00####"'} - set(
        re.findall(r'formatCode="[^"]*"', styles)
    ) == set()


def test_a_report_without_rows_says_so(folder: Path) -> None:
    assert _sheet(folder / "finance-2026-01-v2.xlsx", "retention at risk") == [
        [("s", "nothing is known of this month")]
    ]


def test_numbers_are_numbers_and_equal_the_closed_figures(story: Story, folder: Path) -> None:
    for version, live in enumerate(story.live, start=1):
        name = f"finance-2026-01-v{version}"
        rows = list(csv.DictReader((folder / f"{name}-cost-per-issue.csv").read_text().splitlines()))
        (row,) = [one for one in rows if one["slice_type"] == one["handled_by"] == "all"]
        assert Decimal(row["total_cost"]) == live["total_cost"]
        header, *cells = _sheet(folder / f"{name}.xlsx", "cost per issue")
        at = [value for _, value in header].index("total_cost")
        found = [line[at] for line in cells if ("s", "all") == line[1] == line[3]]
        assert found == [("n", found[0][1])]
        assert Decimal(found[0][1]) == live["total_cost"]


def test_the_assumptions_have_a_sheet(folder: Path) -> None:
    header, *rows = _sheet(folder / "finance-2026-01-v2.xlsx", "assumptions")
    assert [value for _, value in header][:3] == ["assumption", "applies_to", "label"]
    assert {row[0][1] for row in rows} >= {"human_hourly_rate", "gross_margin", "retention_effect"}
    at = [value for _, value in header].index("value")
    assert all(row[at][0] == "n" for row in rows)


def test_no_text_becomes_a_formula(folder: Path) -> None:
    for path in folder.glob("*.csv"):
        for row in csv.reader(path.read_text().splitlines()):
            assert not [cell for cell in row if cell[:1] in "=+@" and cell and not re.fullmatch(r"-?[\d.]+", cell)]
    assert "'" + FORMULA in (folder / "finance-2026-01-v2-cost-per-issue.csv").read_text()
    kinds = set()
    for path in folder.glob("*.xlsx"):
        for sheet in ("about", "assumptions", "cost per issue", "roi", "scenarios"):
            kinds |= {kind for row in _sheet(path, sheet) for kind, _ in row}
    assert kinds == {"n", "s"}
    assert ("s", FORMULA) in [cell for row in _sheet(folder / "finance-2026-01-v1.xlsx", "about") for cell in row]


def test_what_is_not_closed_is_not_taken_for_it(story: Story, tmp_path: Path) -> None:
    with pytest.raises(TouchstoneError, match=r"this month is not closed: '2026-02'"):
        export_month(FEBRUARY, tmp_path, story.settings)
    with pytest.raises(TouchstoneError, match=r"this month is not closed: '2026-01, version 7'"):
        export_month(JANUARY, tmp_path, story.settings, version=7)
    with pytest.raises(ConfigurationError, match="live figures have no version"):
        export_month(JANUARY, tmp_path, story.settings, version=1, live=True)
    with pytest.raises(ConfigurationError, match=r"nothing is published of this month: '2024-01'"):
        export_month(date(2024, 1, 1), tmp_path, story.settings, live=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="this is no folder"):
        export_month(JANUARY, tmp_path / "file", story.settings)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    with pytest.raises(TouchstoneError, match=r"this is no month: 'March'"):
        parse_month("March")


def test_the_command_line_does_the_same(story: Story, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cli, "_ready", lambda: None)
    monkeypatch.chdir(tmp_path)
    written = CliRunner().invoke(cli.app, ["export-finance", "2026-01", "--to", "finance", "--version", "1"])
    assert written.exit_code == 0, written.output
    assert "finance/finance-2026-01-v1.xlsx" in written.output
    refused = CliRunner().invoke(cli.app, ["close", "2026-01", "--by", "R. Okafor"])
    assert isinstance(refused.exception, TouchstoneError)
    with connect("transformer", settings=story.settings) as connection:
        assert find_close(connection, JANUARY).version == 2

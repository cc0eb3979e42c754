"""The weekly review of knowledge gaps and the evaluation of AI agents: what they ask for, of whom, and that nothing in them acts."""

from __future__ import annotations

import csv
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import company
import pytest
from published import Page, publish_nothing

from touchstone.errors import ConfigurationError, WarehouseError
from touchstone.reports import ai_evaluation, gap_review
from touchstone.settings import Settings
from touchstone.warehouse.engine import connect

AS_OF = company.AS_OF  # Wednesday, April 1, midnight
HOSTILE = '=HYPERLINK("http://x","<script>alert(\'gap\')</script>")'


def _gap(number: int, **values: object) -> dict[str, object]:
    return {
        "gap_id": f"g{number:012d}",
        "gap_kind": "topic",
        "title": f"topic {number}",
        "topic": f"topic_{number}",
        "gap_type": "missing",
        "status": "open",
        "status_reason": "lacking_knowledge",
        "opened_by": "lacking_knowledge",
        "owner_team": "content",
        "owner": "content",
        "recommended_action": f"Write article {number}.",
        "priority_rank": number,
        "question_count": 40,
        "customer_count": 30,
        "account_count": 12,
        "asked_count": 50.0,
        "failed_count": 40,
        "failure_rate": 0.8,
        "failure_ci_low": 0.67,
        "failure_ci_high": 0.89,
        "reference_rate": 0.1,
        "weekly_volume": 12.5,
        "impact": 10.0 / number,
        "arr_touched": 120_000.0,
        "age_days": 9,
        "is_open": True,
        "is_below_min_n": False,
        "example_message_keys": "",
        **dict.fromkeys(("signal_count", "window_question_count", "article_count", "conflict_count", "fix_count"), 0),
        "is_worse_than_before": False,
        "window_end": company.FIRST_DAY,
        "opened_at": AS_OF - timedelta(days=9),
        "status_since": AS_OF - timedelta(days=9),
        "first_seen_at": AS_OF - timedelta(days=15),
        "last_seen_at": AS_OF - timedelta(days=1),
    } | values


@pytest.fixture(scope="module")
def filled(warehouse: Settings) -> Settings:
    """Published marts with eight gaps, one fix, and a week of an AI agent."""
    publish_nothing()
    gaps = [
        _gap(1, title=HOSTILE, opened_at=AS_OF - timedelta(days=3)),
        _gap(2, owner_team="product", owner="ann"),
        *(_gap(number) for number in range(3, 8)),
        _gap(8, status="verified", is_open=False, owner_team="engineering", owner="engineering"),
    ]
    statuses = [
        {
            "gap_id": gap["gap_id"],
            "status": status,
            "status_reason": "r",
            "status_number": number,
            "since": since,
        }
        for gap, status, number, since in (
            (gaps[0], "open", 1, AS_OF - timedelta(days=3)),
            (gaps[1], "open", 1, AS_OF - timedelta(days=9)),
            (gaps[7], "verified", 3, AS_OF - timedelta(days=2)),
        )
    ]
    week = {"period_type": "week", "period_start": date(2026, 3, 23)}
    rows: dict[tuple[str, str], list[dict[str, object]]] = {
        ("marts", "rpt_gate_results"): [
            {"gate_result_id": 1, "gate": "gate_3", "claim": "c", "severity": "blocking", "is_success": True, "as_of": AS_OF}
        ],
        ("marts", "fct_knowledge_gaps"): gaps,
        ("marts", "fct_knowledge_gap_statuses"): statuses,
        ("marts_evidence", "fct_gap_question_quotes"): [
            {"gap_id": gaps[0]["gap_id"], "message_key": "m", "interaction_key": "i", "question_text": company.HOSTILE_QUOTE, "example_number": 1}
        ],
        ("marts", "rpt_gap_fixes"): [
            {
                "gap_id": gaps[7]["gap_id"], "title": "topic 8", "fix_source": "article", "verdict": "worked", "owner_team": "engineering",
                "recommended_action": "Leave it.", "fix_number": 1, "before_n": 40.0, "before_failed_count": 30, "measured_until": company.FIRST_DAY, "after_n": 20.0,
                "after_failed_count": 2, "before_rate": 0.75, "after_rate": 0.1, "rate_change": -0.65, "ci_low": -0.8, "ci_high": -0.45,
                "is_below_min_n": False, "fixed_at": AS_OF - timedelta(days=12),
            }
        ],
        ("marts", "rpt_ai_scorecards"): [
            week | {"slice_type": "all", "slice_value": "all", "n": 200, "pending_count": 3, "resolution_rate": 0.61, "containment_rate": 0.8, "escalation_rate": 0.2, "is_below_min_n": False},
            week | {"period_start": date(2026, 3, 16), "slice_type": "all", "slice_value": "all", "n": 180, "pending_count": 0, "resolution_rate": 0.71, "is_below_min_n": False},
            week | {"slice_type": "topic", "slice_value": company.HOSTILE, "n": 40, "resolution_rate": 0.31, "is_below_min_n": False},
            week | {"slice_type": "topic", "slice_value": "few", "n": 4, "resolution_rate": 0.0, "is_below_min_n": True},
        ],
        ("marts", "rpt_insights"): [
            {"insight_key": "a", "insight_type": "version_worse", "slice_type": "topic", "slice_value": "plan_change", "metric": "resolution", "subject": "version 2.4", "recommended_action": "Take it back.", "owner_team": "engineering", "owner": "engineering", "place": 1, "n": 40, "value": 0.31, "expected_value": 0.72}
        ],
        ("marts", "fct_evaluation_samples"): [
            week | {"interaction_key": f"i{stratum}", "stratum": stratum, "outcome": "abandoned", "episode_number": 1, "draw_number": 1, "stratum_count": 9, "priority": 1.0, "interaction_date": date(2026, 3, 25)}
            for stratum in ("failure", "near_failure", "random")
        ],
        ("marts_evidence", "fct_sample_transcripts"): [
            {"message_key": "m1", "interaction_key": "ifailure", "actor": "customer", "message_text": company.HOSTILE_QUOTE, "episode_number": 1, "ordinal": 1, "interaction_date": date(2026, 3, 25)}
        ],
    }  # fmt: skip
    with connect(settings=warehouse) as connection:
        for (schema, table), filling in rows.items():
            for row in filling:  # rows of one table may have different columns
                company.insert(connection, schema, table, [row])
    return warehouse


@pytest.fixture(scope="module")
def folder(filled: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gap_review.render(filled, tmp_path_factory.mktemp("review")).parent


def test_operations_get_all_gaps_and_a_team_its_own(folder):
    everything, product = (Page((folder / f"{name}.html").read_text()) for name in ("index", "product"))
    assert {path.name for path in folder.iterdir()} == {
        f"{name}.{kind}"
        for name, kinds in {"index": ["html"], "gaps": ["csv"], "product": ["html", "csv"], "content": ["html", "csv"], "engineering": ["html", "csv"]}.items()
        for kind in kinds
    }  # fmt: skip
    assert "Write article 1." in everything.section("first")
    assert "Write article 2. Product team, ann" in everything.section("first")
    assert "topic 7" in everything.section("others")
    assert "topic 8" not in everything.section("first") + everything.section("others")
    assert "Write article 2." in product.section("first")
    assert "Write article 1." not in product.text


def test_the_first_gaps_are_told_with_their_figures(folder):
    page = Page((folder / "index.html").read_text())
    assert "Open gaps 7 1 of them opened in these seven days" in page.section("summary")
    # 10 * (1 + 1/2 + ... + 1/7), and of that the first five
    assert "25.9 a week" in page.section("summary")
    assert "88 % of what all open gaps cost" in page.section("first")
    assert "failed 40 of 50 such questions (80 %, 95 % interval 67 % to 89 %); elsewhere it fails 10 %" in page.section(
        "first"
    )
    assert "75 % of 40" in page.section("fixes")
    assert "−65.0 points (−80.0 to −45.0)" in page.section("fixes")
    assert "verified" in page.section("changes")


def test_a_sheet_evaluates_nothing(folder):
    rows = list(csv.DictReader((folder / "gaps.csv").read_text().splitlines()))
    assert len(rows) == 7
    assert rows[0]["title"] == "'" + HOSTILE
    assert rows[0]["opened_at"] == "2026-03-29T00:00+00:00"
    assert [row["gap_id"] for row in csv.DictReader((folder / "product.csv").read_text().splitlines())] == [
        rows[1]["gap_id"]
    ]


def test_the_evaluation_compares_the_period_with_the_one_before(filled, tmp_path):
    page = Page(ai_evaluation.render("week", filled, tmp_path / "week.html").read_text())
    assert "23 March 2026 to 29 March 2026" in page.text
    assert "Resolved 61 % 71 % −10.0" in page.section("figures")
    assert "Topic: " + company.HOSTILE in page.section("figures")
    assert "few" not in re.findall(r"Topic: (\w+)", page.section("figures"))
    assert "Take it back. Engineering team" in page.section("first")
    assert page.section("cases").count("abandoned") == 3
    assert "Customer " + " ".join(company.HOSTILE_QUOTE.split()) in page.section("cases")
    empty = Page(ai_evaluation.render("month", filled, tmp_path / "month.html").read_text())
    assert "1 March 2026 to 31 March 2026" in empty.text
    assert "No AI agent answered in this period." in empty.text


def test_no_page_acts_or_asks_the_network(folder, filled, tmp_path):
    pages = [*folder.glob("*.html"), ai_evaluation.render("week", filled, tmp_path / "week.html")]
    for path in pages:
        page = Page(path.read_text())
        assert not page.tags & {"script", "iframe", "form", "object", "embed", "img"}
        assert "default-src 'none'" in page.source
        assert not re.search(r"(?:src|href)=\"(?!#|data:,|[\w-]+\.(?:html|csv)\")", page.source)
        assert "None" not in page.text
        assert "nan" not in page.text.split()


def test_periods_are_the_last_whole_ones():
    wednesday = datetime(2026, 4, 1, tzinfo=UTC)
    assert ai_evaluation.period_before(wednesday, "week") == (date(2026, 3, 23), date(2026, 3, 29))
    assert ai_evaluation.period_before(wednesday, "month") == (date(2026, 3, 1), date(2026, 3, 31))
    monday = datetime(2026, 1, 5, tzinfo=UTC)
    assert ai_evaluation.period_before(monday, "week") == (date(2025, 12, 29), date(2026, 1, 4))
    assert ai_evaluation.period_before(monday, "month") == (date(2025, 12, 1), date(2025, 12, 31))
    with pytest.raises(ConfigurationError, match="no such period"):
        ai_evaluation.period_before(monday, "year")


def test_a_warehouse_before_its_first_publication_says_what_to_do(server, tmp_path):
    from warehouses import new_warehouse

    with new_warehouse(server, "periodic_unpublished", tmp_path / "state") as settings:
        for render in (
            lambda: gap_review.render(settings, tmp_path / "r"),
            lambda: ai_evaluation.render("week", settings),
        ):
            with pytest.raises(WarehouseError, match="touchstone run"):
                render()

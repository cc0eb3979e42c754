"""The benchmark harness finds, runs, judges and records benchmarks."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from touchstone import bench
from touchstone.bench import harness
from touchstone.bench.harness import Row, benchmark, compare, run
from touchstone.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, ConfigurationError, TouchstoneError
from touchstone.settings import get_settings

HEAD = "from touchstone.bench.harness import Row, benchmark\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty benchmark package and a checkout of its own to write to."""
    modules = tmp_path / "modules"
    modules.mkdir()
    monkeypatch.setattr(bench, "__path__", [str(modules)])
    monkeypatch.setattr(harness, "_registry", {})
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("TOUCHSTONE_ROOT", str(tmp_path / "checkout"))
    get_settings.cache_clear()
    before = set(sys.modules)
    yield modules
    for name in set(sys.modules) - before:
        if name.startswith("touchstone.bench."):
            del sys.modules[name]
            delattr(bench, name.rpartition(".")[2])
    get_settings.cache_clear()


def add(folder: Path, name: str, *rows: str, module: str | None = None) -> None:
    """Write a module with one benchmark that yields the given expressions."""
    body = "\n".join(f"    yield {row}" for row in rows)
    (folder / f"{module or name}.py").write_text(f"{HEAD}\n@benchmark({name!r})\ndef rows():\n{body}\n")


def recorded() -> list[dict[str, object]]:
    return json.loads((get_settings().build_dir / "bench.json").read_text())


def test_rows_are_written_in_order_with_all_their_fields(folder: Path) -> None:
    add(folder, "speed", "Row('speed: a', 20.5, 'rows/s', 2.0, 10.25, 10, True)", "Row('speed: b', 1, 's')")
    assert run("speed") == EXIT_OK
    assert recorded() == [
        {
            "name": "speed: a",
            "value": 20.5,
            "unit": "rows/s",
            "baseline": 2.0,
            "ratio": 10.25,
            "bar": 10,
            "holds": True,
            "reason": "",
        },
        {
            "name": "speed: b",
            "value": 1,
            "unit": "s",
            "baseline": None,
            "ratio": None,
            "bar": None,
            "holds": None,
            "reason": "",
        },
    ]


def test_columns_of_the_table_are_aligned(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add(
        folder,
        "speed",
        "Row('speed: short', 1234567.8, 'rows/s', 2.5, 493827.12, 10, True)",
        "Row('speed: a much longer name', 3, 's', bar=2, holds=False)",
        "Row('speed: none', bar=2, reason='x.csv is absent')",
    )
    run("speed")
    head, first, second, third = capsys.readouterr().out.splitlines()
    assert head.split() == ["benchmark", "value", "unit", "baseline", "ratio", "bar", "holds", "reason"]
    unit = head.index("unit")
    assert [line[unit:].split()[0] for line in (first, second, third)] == ["rows/s", "s", "-"]
    assert "1,234,568  rows/s" in first
    assert second.endswith("NO")
    assert third.endswith("-      x.csv is absent")


def test_a_missed_bar_fails_the_run(folder: Path) -> None:
    add(folder, "slow", "Row('slow', 9, 'x', bar=10, holds=False)", "Row('fine', holds=True)")
    assert run() == EXIT_FAILED


def test_a_row_that_could_not_be_measured_fails_nothing(folder: Path) -> None:
    add(folder, "absent", "Row('absent', bar=10, reason='no input')")
    assert run() == EXIT_OK
    assert recorded()[0]["holds"] is None
    assert recorded()[0]["reason"] == "no input"


def test_all_benchmarks_run_when_none_is_named(folder: Path) -> None:
    add(folder, "second", "Row('2', holds=True)")
    add(folder, "first", "Row('1', holds=True)")
    assert run() == EXIT_OK
    assert [row["name"] for row in recorded()] == ["1", "2"]


def test_a_named_benchmark_runs_alone_and_imports_no_other(folder: Path) -> None:
    add(folder, "asked", "Row('asked', holds=True)")
    (folder / "other.py").write_text("raise RuntimeError('imported')\n")
    assert run("asked") == EXIT_OK
    assert [row["name"] for row in recorded()] == ["asked"]
    assert "touchstone.bench.other" not in sys.modules


def test_a_benchmark_is_found_in_a_module_of_another_name(folder: Path) -> None:
    add(folder, "asked", "Row('asked', holds=True)", module="collection")
    (folder / "broken.py").write_text("raise RuntimeError('imported')\n")
    assert run("asked") == EXIT_OK


def test_a_module_that_cannot_be_imported_hides_no_other_and_fails_the_run(folder: Path) -> None:
    (folder / "broken.py").write_text("import a_module_that_does_not_exist\n")
    add(folder, "works", "Row('works', holds=True)")
    assert run() == EXIT_FAILED
    broken, works = recorded()
    assert works["holds"] is True
    assert broken["name"] == "broken"
    assert broken["holds"] is False
    assert "a_module_that_does_not_exist" in str(broken["reason"])


def test_asking_for_a_module_that_cannot_be_imported_raises(folder: Path) -> None:
    (folder / "broken.py").write_text("import a_module_that_does_not_exist\n")
    with pytest.raises(TouchstoneError, match=r"'broken'.*a_module_that_does_not_exist") as caught:
        run("broken")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_an_unknown_name_is_refused_with_the_known_ones(folder: Path) -> None:
    add(folder, "known", "Row('known')")
    add(folder, "famous", "Row('famous')")
    (folder / "broken.py").write_text("raise RuntimeError\n")
    with pytest.raises(ConfigurationError, match=r"unknown benchmark: 'knwon'. Known: famous, known\.") as caught:
        run("knwon")
    assert caught.value.exit_code == EXIT_USAGE
    assert "cannot be imported: broken" in str(caught.value)
    assert not (get_settings().build_dir / "bench.json").exists()


@pytest.mark.parametrize("helper", ["harness", "fuzz"])
def test_a_helper_is_no_benchmark(helper: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{helper}'. Known: .*sentiment"):
        run(helper)


def test_a_fault_keeps_earlier_rows_and_other_benchmarks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add(folder, "faulty", "Row('faulty: before', holds=True)", "1 / 0")
    add(folder, "later", "Row('later', holds=True)")
    assert run() == EXIT_FAILED
    before, fault, later = recorded()
    assert before["name"] == "faulty: before"
    assert (fault["name"], fault["holds"], fault["reason"]) == (
        "faulty",
        False,
        "ZeroDivisionError: division by zero",
    )
    assert later["holds"] is True
    assert "Traceback" in capsys.readouterr().err


def test_two_functions_cannot_share_a_name(folder: Path) -> None:
    @benchmark("twice")
    def one() -> list[Row]:
        return []

    benchmark("twice")(one)  # the same function again, as on a reload
    with pytest.raises(ConfigurationError, match="'twice'"):

        @benchmark("twice")
        def two() -> list[Row]:
            return []


def test_a_comparison_takes_turns_and_keeps_the_best_round() -> None:
    now = 0.0
    order: list[str] = []
    costs = {"baseline": iter((8.0, 6.0, 7.0)), "candidate": iter((3.0, 2.0, 4.0))}

    def work(side: str) -> None:
        nonlocal now
        order.append(side)
        now += next(costs[side])

    result = compare(lambda: work("baseline"), lambda: work("candidate"), rounds=3, clock=lambda: now)
    assert order == ["baseline", "candidate"] * 3
    assert (result.baseline_seconds, result.candidate_seconds, result.ratio) == (6.0, 2.0, 3.0)


def test_work_too_short_for_the_clock_has_a_finite_ratio() -> None:
    assert compare(lambda: None, lambda: None, rounds=1, clock=lambda: 0.0).ratio == 1.0


def test_the_sentiment_benchmark_reports_an_absent_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from touchstone.bench import sentiment

    monkeypatch.setattr(sentiment, "star_dialogues", lambda: tmp_path / "absent.jsonl.gz")
    monkeypatch.setattr(sentiment, "_SAMPLE", 50)
    monkeypatch.setattr(sentiment, "_FUZZED", 200)
    star, turns, messages, parity = sentiment.rows()
    assert star.holds is None
    assert "absent.jsonl.gz is absent" in star.reason
    for row in (turns, messages):
        assert row.value
        assert row.baseline
        assert row.ratio == pytest.approx(row.value / row.baseline)
        assert row.holds is (row.ratio >= row.bar)
    assert (parity.value, parity.bar, parity.holds) == (0, 0, True)


def test_the_parity_row_counts_each_differing_double(monkeypatch: pytest.MonkeyPatch) -> None:
    from touchstone.bench import sentiment

    assert sentiment.differing_doubles(["good", "bad", "table"]) == 0
    real = sentiment.sentiment

    def off_by_one_bit(texts):
        polarity, subjectivity = real(texts)
        polarity[0] += 2**-52
        subjectivity[2] = -0.0
        return polarity, subjectivity

    monkeypatch.setattr(sentiment, "sentiment", off_by_one_bit)
    assert sentiment.differing_doubles(["good", "bad", "table"]) == 2


def test_generated_corpora_are_repeatable_and_of_two_lengths() -> None:
    from touchstone.bench.sentiment import long_messages, short_turns

    assert short_turns(100) == short_turns(100)
    assert long_messages(100) == long_messages(100)
    assert sum(map(len, short_turns(500))) / 500 < 60
    assert 150 < sum(map(len, long_messages(500))) / 500 < 300

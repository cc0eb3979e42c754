"""One real PostgreSQL server for the test session; one fresh, bootstrapped database per module that asks for it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from touchstone.settings import Settings

SHARED_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
_numbers = itertools.count(1)
LONGEST_FIRST = (
    (
        *("test_cycle.py", "test_models.py", "test_reviews.py", "test_account.py", "test_questions.py"),
        *("test_metric_values.py", "test_roles.py", "test_published.py", "test_jdbc.py"),
    ),
    ("test_airflow_cycle.py",),
    ("test_upgrade.py",),
    ("test_gap_cycle.py",),
    ("test_intents_cycle.py",),
    ("test_storm.py", "test_start.py", "test_deleted_for_good.py"),
    ("test_learning_model.py", "test_learning_files.py", "test_review_rows.py"),
    ("test_vendor_core.py",),
)
"""Files of tests that share a costly fixture of the session; each group runs on one worker, these before the others."""


def pytest_configure(config: pytest.Config) -> None:
    """Two test files of one name end the run before it begins: one of them would not be read, told only at the end."""
    places: dict[str, Path] = {}
    for file in sorted(Path(__file__).parent.rglob("test_*.py")):
        if file.name in places:
            raise pytest.UsageError(f"{file} and {places[file.name]} have the same name; rename one of them")
        places[file.name] = file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    places = {name: place for place, group in enumerate(LONGEST_FIRST) for name in group}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST_FIRST)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Every file, or group of files, runs on one worker."""
    from xdist.scheduler import LoadFileScheduling

    groups = {name: group[0] for group in LONGEST_FIRST for name in group}

    class ByFixture(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return groups.get(Path(file).name, file)

    return ByFixture(config, log)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """An embedded server of its own, whose state lives in a temporary folder."""
    from touchstone.warehouse.embedded import EmbeddedServer

    instance = EmbeddedServer(Settings(home=tmp_path_factory.mktemp("home"), warehouse_url=None))
    # data of a root's server lies outside its home: a run that was killed leaves it behind, and folders are numbered anew
    instance.remove()
    instance.start()
    yield instance
    instance.remove()


@pytest.fixture(scope="module")
def warehouse(server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a fresh warehouse; `get_settings()` returns the same while the module runs."""
    from warehouses import new_warehouse

    with new_warehouse(server, f"warehouse_{next(_numbers)}", tmp_path_factory.mktemp("state")) as settings:
        yield settings


@pytest.fixture(scope="session")
def whole(server, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, tuple[int, str]], Path]:
    """Digests of a warehouse that was built in one go, and the folder of its days; tests copy its database, `cycles.WHOLE`."""
    from checksums import digests
    from cycles import DAYS, SCHEMAS, WHOLE, run_day, write_days
    from warehouses import new_warehouse

    folder = tmp_path_factory.mktemp("whole")
    write_days(folder, 0, DAYS)
    with new_warehouse(server, WHOLE, folder / "state") as settings:
        run_day(folder, DAYS, settings)
        found = digests(settings, *SCHEMAS)
    return found, folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real conversations, beside the checkout on the developers' machines only."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder of real conversations (../shared/data) is not beside this checkout")
    return SHARED_DATA

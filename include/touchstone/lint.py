"""Lint what needs a warehouse or a manifest: SQL by sqlfluff through dbt, conventions by dbt-bouncer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from touchstone import supervisor
from touchstone.dbt import dbt_environment
from touchstone.settings import get_settings
from touchstone.warehouse.bootstrap import bootstrap


def main() -> int:
    """Run both linters; 0 when both are content."""
    settings = get_settings()
    supervisor.ensure(warehouse=True, airflow=False)
    bootstrap(settings)
    artifacts = settings.build_dir / "dbt"
    artifacts.mkdir(parents=True, exist_ok=True)
    binaries = Path(sys.executable).parent
    project = ["--project-dir", str(settings.dbt_dir), "--profiles-dir", str(settings.dbt_dir)]
    commands = [
        ["sqlfluff", "lint", "dbt_project/models", "dbt_project/tests", "--disable-progress-bar"],
        ["dbt", "--quiet", "parse", *project, "--target-path", str(artifacts), "--log-path", str(artifacts / "logs")],
        ["dbt-bouncer", "run", "--config-file", "dbt-bouncer.yml"],
    ]
    with dbt_environment(settings):
        return max(
            subprocess.run(
                [str(binaries / command[0]), *command[1:]], cwd=settings.root, env=os.environ, check=False
            ).returncode
            for command in commands
        )


if __name__ == "__main__":
    sys.exit(main())

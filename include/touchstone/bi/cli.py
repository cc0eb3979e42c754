"""Commands about BI tools."""

from __future__ import annotations

import sys

import typer

bi_app = typer.Typer(
    help="Apache Superset with the dashboards of bi/dashboards; `make bi` installs and starts it.", no_args_is_help=True
)


@bi_app.command("up")
def up() -> None:
    """Import the dashboards as they are declared now, and start Superset on 127.0.0.1; runs again after each change.

    Example: touchstone bi up
    """
    from touchstone.bi import superset
    from touchstone.cli import _ready
    from touchstone.settings import get_settings

    _ready()
    entry = superset.start(progress=lambda text: print(text, file=sys.stderr, flush=True))
    shown = superset.home(get_settings()) / "login_shown"
    print(f"Superset  {entry.url}")
    print(
        f"          login {entry.user}; its password is in {entry.password_file}"
        if shown.exists()
        else f"          login {entry.user} / {entry.password} (shown this once)"
    )
    shown.touch()


@bi_app.command("down")
def down() -> None:
    """Stop Superset.

    Example: touchstone bi down
    """
    from touchstone.bi import superset

    print("stopped" if superset.stop() else "it did not run")


@bi_app.command("status")
def status() -> None:
    """Whether Superset runs, and where.

    Example: touchstone bi status
    """
    from touchstone.bi import superset

    print(f"running at {superset.login().url}" if superset.is_running() else "stopped")

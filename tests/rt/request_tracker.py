"""A real Request Tracker: Debian's packages in a folder of their own, a database of its own for each run, and its server."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "build" / "request-tracker"
ROOT = FOLDER / "root"
PACKAGES = ("request-tracker5", "rt5-db-sqlite", "rt5-standalone", "starlet", "libdbd-sqlite3-perl", "sqlite3")
CONFIGURATION = "etc/request-tracker5/RT_SiteConfig.d/90-test.pm"
DATABASE = "var/lib/dbconfig-common/sqlite3/request-tracker5/rtdb"
OWN_DATABASE = "var/lib/request-tracker-test/rtdb"
ROOT_PASSWORD = "password"  # what Debian's package sets where nobody answers its questions
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def installed() -> Path:
    """The folder of the installation, made where it is not there yet; skips where that cannot be."""
    if os.geteuid() != 0:
        pytest.skip("a chroot needs root")
    done = FOLDER / "installed"
    if done.is_file():
        return ROOT
    if shutil.which("apt-get") is None:
        pytest.skip("Request Tracker comes from Debian's packages, and this machine has no apt")
    if shutil.which("debootstrap") is None:
        _run("apt-get", "install", "--yes", "--no-install-recommends", "debootstrap")
    mirror, suite = _apt_source()
    if not (FOLDER / "bootstrapped").is_file():
        shutil.rmtree(ROOT, ignore_errors=True)
        ROOT.mkdir(parents=True)
        try:
            _run("nice", "-n", "5", "debootstrap", "--variant=minbase", suite, str(ROOT), mirror)
        finally:
            unmount()
        (FOLDER / "bootstrapped").touch()
    starts_nothing = ROOT / "usr/sbin/policy-rc.d"
    starts_nothing.write_text("#!/bin/sh\nexit 101\n")
    starts_nothing.chmod(0o755)
    _run("nice", "-n", "5", "chroot", str(ROOT), "apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES)
    done.touch()
    return ROOT


def unmount() -> None:
    """Take away what an installation mounted below its folder."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in sorted((one for one in mounted if one.startswith(f"{ROOT}/")), reverse=True):
        subprocess.run(["umount", place], check=True)


def _apt_source() -> tuple[str, str]:
    """Mirror and suite from which this machine has its own packages."""
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    suite = release.get("VERSION_CODENAME", "").strip('"')
    if release.get("ID") != "debian" or not suite:
        pytest.skip("Request Tracker comes from Debian's packages, and this machine is no Debian")
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = [line.split()[0] for line in listed.splitlines() if line.split()[1:] == [suite, "main"]]
    if not found:
        pytest.skip(f"apt of this machine knows no mirror of {suite}")
    return found[0], suite


def _run(*command: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "install.log").open("ab") as log:
        ended = subprocess.run(command, stdout=log, stderr=log, env=os.environ | _ENVIRONMENT)
    assert ended.returncode == 0, f"{' '.join(command[:4])} ... failed; see {FOLDER / 'install.log'}"


class RequestTracker:
    """A server on a free port of 127.0.0.1, with a database that nobody has written to."""

    def __init__(self, initial_data: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._prepare()
        (ROOT / "initial-data.pl").write_text(initial_data)
        self.said = self.command(
            "rt-setup-database-5", "--action", "insert", "--skip-create", "--datafile", "/initial-data.pl"
        )

    @property
    def token(self) -> str:
        """An authentication token that the initial data printed."""
        return re.search(r"TOKEN (\S+)", self.said)[1]

    def command(self, name: str, *arguments: str) -> str:
        """What one of RT's own commands says."""
        ended = subprocess.run(
            ["chroot", str(ROOT), "runuser", "-u", "www-data", "--", f"/usr/sbin/{name}", *arguments],
            capture_output=True,
            text=True,
            env=_ENVIRONMENT,
        )
        assert ended.returncode == 0, f"{name}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def _prepare(self) -> None:
        pristine = FOLDER / "pristine.sqlite"
        if not pristine.is_file():
            shutil.copyfile(ROOT / DATABASE, pristine)
        own = ROOT / OWN_DATABASE
        shutil.rmtree(own.parent, ignore_errors=True)
        own.parent.mkdir(parents=True)
        shutil.copyfile(pristine, own)
        settings = {
            "WebDomain": "127.0.0.1",
            "WebPort": self.port,
            "WebPath": "",
            "WebBaseURL": self.url,
            "MailCommand": "testfile",
            "LogToSyslog": "",
            "LogToSTDERR": "warning",
            "DatabaseName": f"/{OWN_DATABASE}",
        }
        lines = [f"Set(${name}, '{value}');" for name, value in settings.items()]
        (ROOT / CONFIGURATION).write_text("\n".join([*lines, "1;", ""]))
        for folder in ("/etc/request-tracker5", f"/{Path(OWN_DATABASE).parent}"):
            subprocess.run(["chroot", str(ROOT), "chown", "-R", "www-data", folder], check=True)

    @contextlib.contextmanager
    def serving(self) -> Iterator[RequestTracker]:
        server = ["/usr/share/request-tracker5/libexec/rt-server", "--port", str(self.port), "--host", "127.0.0.1"]
        server += ["--server", "Starlet", "--max-workers", "2"]
        # it ends with whoever started it, were that killed
        command = ["setpriv", "--pdeathsig", "TERM", "nice", "-n", "5", "chroot", str(ROOT)]
        command += ["runuser", "-u", "www-data", "--", *server]
        with (FOLDER / "server.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=_ENVIRONMENT,
                start_new_session=True,  # a group of its own, so that it ends with all of its workers
            )
        try:
            self._await(process)
            yield self
        finally:
            _end(process)

    def _await(self, process: subprocess.Popen[bytes]) -> None:
        for _ in range(240):
            assert process.poll() is None, f"Request Tracker ended; see {FOLDER / 'server.log'}"
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{self.url}/REST/2.0/rt", timeout=10)
                return
            time.sleep(0.5)
        raise AssertionError(f"Request Tracker does not answer; see {FOLDER / 'server.log'}")


def _end(process: subprocess.Popen[bytes]) -> None:
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        for _ in range(100):
            if not _is_alive(process.pid):
                return
            time.sleep(0.1)
    raise AssertionError(f"processes of the group {process.pid} are left")


def _is_alive(group: int) -> bool:
    """Whether a process of the group still runs; one that nobody has reaped does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, own = stat.read_text().rpartition(")")[2].split()[:3]
            if int(own) == group and state != "Z":
                return True
    return False

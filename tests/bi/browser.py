"""Headless Chromium, driven over its own DevTools protocol: open a page, wait, ask it, take a picture."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from touchstone.settings import get_settings

FOLDER = get_settings().build_dir / "chromium"
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--force-color-profile=srgb"),
)


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = count(1)
        self._answers: list[tuple[str, str]] = []
        self.url = ""

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the protocol and wait for its answer."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=120))
            if answer.get("method") == "Network.responseReceived":
                self._answers.append((answer["params"]["response"]["url"], answer["params"]["requestId"]))
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def listen(self) -> None:
        """Note what the page gets from now on."""
        self.call("Network.enable", maxTotalBufferSize=200_000_000, maxResourceBufferSize=50_000_000)
        self._answers.clear()

    def bodies(self, pattern: str) -> Iterator[tuple[str, Any]]:
        """JSON of answers whose address matches, with the first group of the match."""
        self.ask("1")
        for url, request in list(self._answers):
            if match := re.search(pattern, url):
                yield match[1], json.loads(self.call("Network.getResponseBody", requestId=request)["body"])

    def pause(self, seconds: float) -> None:
        """Wait for animations, which tell nobody when they end."""
        time.sleep(seconds)

    def ask(self, script: str) -> Any:
        """The value of an expression of JavaScript in the page."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script: str, seconds: float = 90) -> Any:
        """Wait until an expression is true; its value."""
        deadline = time.monotonic() + seconds
        while not (value := self.ask(script)):
            assert time.monotonic() < deadline, (
                f"still not so after {seconds} s: {script}\n{self.ask('document.body.innerText')}"
            )
            time.sleep(0.25)
        return value

    def type(self, selector: str, text: str) -> None:
        self.ask(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)

    def size(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def picture(self, path: Path) -> None:
        """Write what is seen as PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def chromium() -> Iterator[Page]:
    """A tab of a browser of its own; skips where there is no Chromium to be had."""
    program, environment = _program()
    with tempfile.TemporaryDirectory(prefix="touchstone-chromium-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [str(program), *FLAGS, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"],
            env=environment | {"HOME": profile},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            port = _port(Path(profile) / "DevToolsActivePort", process)
            with connect(_tab(port), max_size=None, proxy=None) as socket:
                page = Page(socket)
                page.call("Page.enable")
                yield page
        finally:
            process.terminate()
            process.wait(30)


def _port(file: Path, process: subprocess.Popen) -> int:
    deadline = time.monotonic() + 60
    while not (file.is_file() and file.read_text().strip()):
        assert process.poll() is None, f"Chromium ended with {process.returncode}"
        assert time.monotonic() < deadline, "Chromium does not come up"
        time.sleep(0.1)
    return int(file.read_text().splitlines()[0])


def _tab(port: int) -> str:
    from urllib.request import ProxyHandler, build_opener

    with build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{port}/json/list", timeout=30) as answer:
        tabs = json.load(answer)
    return next(tab["webSocketDebuggerUrl"] for tab in tabs if tab["type"] == "page")


def _program() -> tuple[Path, dict[str, str]]:
    """An installed Chromium, else Debian's, unpacked into build/ with the libraries that this machine lacks."""
    environment = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found), environment
    program = FOLDER / "root/usr/lib/chromium/chromium"
    if not program.is_file():
        _unpack()
    libraries = FOLDER / "root/usr/lib/x86_64-linux-gnu"
    return program, environment | {"LD_LIBRARY_PATH": f"{libraries}:{libraries / 'pulseaudio'}"}


def _unpack() -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        pytest.skip("no Chromium is installed, and this machine has no apt to take Debian's from")
    listed = subprocess.run(
        ["apt-get", "install", "--simulate", "--no-install-recommends", "chromium", "fonts-liberation"],
        capture_output=True,
        text=True,
    )
    packages = re.findall(r"^Inst (\S+)", listed.stdout, re.M)
    if listed.returncode or not packages:
        pytest.skip(f"apt does not give Chromium: {listed.stderr.strip()[-200:]}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    got = subprocess.run(["apt-get", "download", *packages], cwd=FOLDER, capture_output=True, text=True)
    if got.returncode:
        pytest.skip(f"apt does not give Chromium: {got.stderr.strip()[-200:]}")
    for package in sorted(FOLDER.glob("*.deb")):
        subprocess.run(["dpkg", "--extract", str(package), str(FOLDER / "root")], check=True)
        package.unlink()

"""Metabase is prepared over its API: what is asked of it, in which order, and what happens the second time.

A server of the tests stands for Metabase, with the answers that its documentation and its users describe.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from touchstone.bi import metabase
from touchstone.errors import ConfigurationError, TouchstoneError

EMAIL, PASSWORD = "owner@example.com", "long enough 42"


class Stand(HTTPServer):
    """What a Metabase keeps."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.users: dict[str, str] = {}
        self.databases: list[dict] = []
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Stand

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(self._content())

    def do_PUT(self) -> None:
        self._answer(self._content())

    def _content(self) -> dict:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, content: dict) -> None:
        kept, way = self.server, f"{self.command} {self.path}"
        kept.asked.append(way)
        is_in = self.headers.get("X-Metabase-Session") == "a session"
        status, body = 404, {}
        if way == "GET /api/session/properties":
            status, body = 200, {"has-user-setup": bool(kept.users), "setup-token": "a token"}
        elif way == "POST /api/setup" and len(content["user"]["password"]) < 8:
            # Metabase says what it received
            said = f"password is too common., received: {json.dumps(content['user']['password'])}"
            status, body = 400, {"specific-errors": {"user": {"password": [said]}}, "token": content["token"]}
        elif way == "POST /api/setup" and content["token"] == "a token" and not kept.users:
            assert content["prefs"]["allow_tracking"] is False
            kept.users[content["user"]["email"]] = content["user"]["password"]
            status, body = 200, {"id": "a session"}
        elif way == "POST /api/session":
            is_known = kept.users.get(content["username"]) == content["password"]
            status, body = (200, {"id": "a session"}) if is_known else (401, {"errors": {"password": "did not match"}})
        elif is_in and way == "GET /api/database":
            status, body = 200, {"data": kept.databases, "total": len(kept.databases)}
        elif is_in and way == "POST /api/database":
            kept.databases.append(content | {"id": 2})
            status, body = 200, {"id": 2}
        elif is_in and way == "PUT /api/database/2":
            kept.databases[0] |= content
            status, body = 200, {"id": 2}
        elif is_in and way == "POST /api/database/2/sync_schema":
            status, body = 200, {"status": "ok"}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


@pytest.fixture
def stand(monkeypatch) -> Iterator[Stand]:
    with Stand() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        for name, value in {
            "METABASE_URL": server.url,
            "METABASE_ADMIN_EMAIL": EMAIL,
            "METABASE_ADMIN_PASSWORD": PASSWORD,
            "TOUCHSTONE_BI_HOST": "postgres",
            "TOUCHSTONE_BI_PASSWORD": "of bi",
        }.items():
            monkeypatch.setenv(name, value)
        yield server
        server.shutdown()
        thread.join()


def test_a_new_metabase_gets_its_first_user_and_a_connection_to_marts_alone(stand):
    assert metabase.main() == 0
    assert stand.users == {EMAIL: PASSWORD}
    [database] = stand.databases
    details = database["details"]
    assert (details["host"], details["dbname"], details["user"], details["password"]) == (
        *("postgres", "touchstone", "touchstone_bi", "of bi"),
    )
    assert (details["schema-filters-type"], details["schema-filters-patterns"]) == ("inclusion", "marts")


def test_the_second_time_the_connection_is_brought_up_to_date(stand, monkeypatch):
    metabase.main()
    monkeypatch.setenv("TOUCHSTONE_BI_PASSWORD", "another")
    stand.asked.clear()
    assert metabase.main() == 0
    assert [one["details"]["password"] for one in stand.databases] == ["another"]
    assert "POST /api/setup" not in stand.asked
    assert stand.asked[-1] == "POST /api/database/2/sync_schema"


def test_a_refusal_is_named_without_the_password(stand, monkeypatch):
    metabase.main()
    monkeypatch.setenv("METABASE_ADMIN_PASSWORD", "not the one")
    with pytest.raises(TouchstoneError, match=r"refuses POST /api/session.*401") as refusal:
        metabase.main()
    assert "not the one" not in str(refusal.value)


def test_what_is_missing_is_named(stand, monkeypatch):
    monkeypatch.delenv("TOUCHSTONE_BI_HOST")
    with pytest.raises(ConfigurationError, match="TOUCHSTONE_BI_HOST"):
        metabase.main()
    monkeypatch.setenv("TOUCHSTONE_BI_HOST", "postgres")
    monkeypatch.setenv("METABASE_URL", "file:///etc")
    with pytest.raises(ConfigurationError, match="METABASE_URL"):
        metabase.main()


def test_a_password_that_metabase_repeats_is_not_shown(stand, monkeypatch):
    monkeypatch.setenv("METABASE_ADMIN_PASSWORD", 'sh"ört')
    with pytest.raises(TouchstoneError, match=r"refuses POST /api/setup.*400.*too common") as refusal:
        metabase.main()
    assert "ört" not in str(refusal.value)
    assert "u00f6rt" not in str(refusal.value)
    assert "a token" not in str(refusal.value)

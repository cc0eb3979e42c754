"""Access tokens that end: renewed in the midst of a run, and one clear line when nothing renews them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from places import HubspotPlace, Place
from scripted import Answer, scripted
from toolbox import PLENTY, SomeOfZendesk, rows

from sandbox.small_firm import UNTIL, firm, plain
from touchstone.sandbox.api import SandboxOptions, serve_here
from touchstone.sources.http import client
from touchstone.sources.http.client import ApiClient
from touchstone.sources.http.faults import CredentialsError
from touchstone.sources.http.oauth import RenewedAuth


class HubspotByOauth(HubspotPlace):
    def secrets(self) -> dict[str, str]:
        known = self.sandbox.credentials.hubspot
        return {name: getattr(known, name) for name in ("client_id", "client_secret", "refresh_token")}


class ZendeskByOauth(Place):
    source_name = "zendesk"
    plenty = PLENTY

    def defaults(self) -> dict[str, Any]:
        return {"base_url": f"{self.sandbox.url}/zendesk"}

    def connector(self, *streams: str) -> SomeOfZendesk:
        return SomeOfZendesk(*streams)

    def secrets(self) -> dict[str, str]:
        known = self.sandbox.credentials.zendesk
        return {"client_id": known.client_id, "client_secret": known.client_secret}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Pauses that no test waits for, and all that anybody logs."""
    monkeypatch.setattr(client, "FIRST_PAUSE", 0.01)
    with caplog.at_level(logging.DEBUG):
        yield


@pytest.fixture(params=[HubspotByOauth, ZendeskByOauth])
def place(request, warehouse, caplog) -> Iterator[Place]:
    desk = request.param.source_name
    made = [plain(number, UNTIL - timedelta(hours=number), desk=desk) for number in range(1, 60)]
    # every request takes two minutes of the vendor's clock, so a token lives for a few of them
    options = SandboxOptions(clock=UNTIL, clock_step_seconds=120, traps={"oauth_lifetime_seconds": 480})
    with serve_here(firm(made), options) as sandbox:
        place = request.param(warehouse, sandbox)
        yield place
        told = caplog.text + str(rows(place.settings, "select runs::text from ops.runs"))
        told += str(rows(place.settings, "select cursors::text from ops.cursors"))
        for name in ("client_secret", "refresh_token"):
            if name in place.secrets():
                assert place.secrets()[name] not in told, name


def tokens(place: Place) -> dict[str, int]:
    return place.sandbox.control("stats")["endpoints"][f"{place.source_name}.token"]


def test_a_token_that_ends_in_the_midst_of_a_run_is_renewed(place):
    place.run()
    assert len(place.payloads("tickets")) == 59
    assert tokens(place)["200"] > 2
    refused = sum(
        answers.get("401", 0) for answers in place.sandbox.control("stats")["endpoints"].values()
    )  # each found out once
    assert 0 < refused <= tokens(place)["200"]


def test_one_token_serves_while_it_is_good(place):
    place.sandbox.control("traps", oauth_lifetime_seconds=100_000)
    assert set(place.check().values()) == {None}
    assert tokens(place) == {"200": 1}


def test_faults_of_the_token_endpoint_are_waited_out(place):
    name = f"{place.source_name}.token"
    faults = [
        {"kind": "server_error", "endpoint": name, "times": 2},
        {"kind": "rate_limited", "endpoint": name, "skip": 2, "retry_after": 0.0},
        {"kind": "broken_body", "endpoint": name, "skip": 3},
    ]
    place.sandbox.control("traps", faults=faults)
    assert set(place.check().values()) == {None}


def test_what_is_revoked_is_one_line(place):
    place.run("groups", "owners")
    is_hubspot = place.source_name == "hubspot"
    change = {"hubspot": {"is_revoked": True}} if is_hubspot else {"zendesk": {"client_secret": "another"}}
    place.sandbox.control("traps", credentials=change)
    (verdict,) = place.check().values()
    expected = {
        "hubspot": "HubSpot renews no access token: '400 BAD_REFRESH_TOKEN'. Check client id and secret; install the app"
        " anew and set its refresh token if it was removed or revoked.",
        "zendesk": "Zendesk renews no access token: '401 invalid_client'. Check identifier and secret of the OAuth client;"
        " it has to be confidential, and allowed to read.",
    }
    assert verdict == expected[place.source_name]
    with pytest.raises(CredentialsError, match="renews no access token"):
        place.run("groups", "owners")


def test_what_is_revoked_while_a_run_is_under_way_ends_it_and_what_landed_stays(place):
    def progress(stream: str, count: int) -> None:
        change = {"is_revoked": True} if place.source_name == "hubspot" else {"client_secret": "another"}
        place.sandbox.control("traps", credentials={place.source_name: change})

    # Zendesk's tokens are signed with the secret that changes, so the old one is refused at once
    with pytest.raises(CredentialsError, match="renews no access token"):
        place.run(progress=progress)
    assert place.query("select count(*) from ops.loads where instance = %s")[0][0] >= 1


def test_a_token_that_lasts_serves_zendesk_too(warehouse, caplog):
    with serve_here(firm([plain(1, UNTIL - timedelta(hours=1))]), SandboxOptions(clock=UNTIL)) as sandbox:
        place = ZendeskByOauth(warehouse, sandbox)
        known = {"oauth_token": sandbox.credentials.zendesk.oauth_token}
        assert set(place.check(known).values()) == {None}
        place.run("tickets", secrets=known)
        assert len(place.payloads("tickets")) == 1
        (verdict,) = place.check({"oauth_token": "canary-wrong-token"}).values()
        assert verdict == (
            "Zendesk does not accept the credentials: '401'. Renew the OAuth token; its scope has to be `read`."
        )
    assert known["oauth_token"] not in caplog.text
    assert "canary-wrong-token" not in caplog.text


def test_a_refresh_token_that_is_replaced_is_used_from_then_on():
    asked: list[str] = []

    def answer(request) -> Answer:
        if request.path == "/token":
            asked.append(request.body.decode().rpartition("refresh_token=")[2])
            return Answer({"access_token": f"t{len(asked)}", "expires_in": 0, "refresh_token": f"r{len(asked)}"})
        return Answer({"by": request.headers["Authorization"]})

    with scripted(answer) as api:
        auth = RenewedAuth("Acme", f"{api.url}/token", {"grant_type": "refresh_token", "refresh_token": "r0"}, "Ask.")
        with ApiClient("acme:default", api.url, auth) as acme:
            assert [acme.get("/x")["by"] for _ in range(2)] == ["Bearer t1", "Bearer t2"]
    assert asked == ["r0", "r1"]


def test_a_token_is_renewed_shortly_before_its_end(monkeypatch):
    moment = [1000.0]
    monkeypatch.setattr("touchstone.sources.http.oauth.time.monotonic", lambda: moment[0])
    auth = RenewedAuth("Acme", "https://acme.invalid/token", {"grant_type": "client_credentials"}, "Ask.")

    def asks() -> list[str]:
        """Paths of the requests that one request becomes."""
        flow = auth.sync_auth_flow(httpx.Request("GET", "https://acme.invalid/x"))
        request, paths = next(flow), []
        while True:
            paths.append(request.url.path)
            if request.url.path == "/x":
                return paths
            request = flow.send(httpx.Response(200, json={"access_token": "t", "expires_in": 1800}, request=request))

    assert asks() == ["/token", "/x"]
    moment[0] += 1700
    assert asks() == ["/x"]
    moment[0] += 41
    assert asks() == ["/token", "/x"]

"""The client is patient where that helps, and says in one line what a person has to do where it does not."""

from __future__ import annotations

import gzip
import logging
import time

import httpx
import pytest
from scripted import Answer, scripted

from touchstone.sources.http.client import ApiClient
from touchstone.sources.http.faults import (
    BrokenAnswer,
    CredentialsError,
    PermissionRefused,
    RateLimitedError,
    RequestRefused,
    UnreachableError,
)

SECRET = "canary-token-55f1"
PACKED = bytearray(gzip.compress(b'{"tickets": [1, 2, 3], "note": "as long as it takes"}'))
PACKED[20] ^= 0xFF


def client(url: str, **options) -> ApiClient:
    return ApiClient(
        "acme:default", url, httpx.BasicAuth("user", SECRET), **{"first_pause": 0.01, "attempts": 4, **options}
    )


def test_t7_a_limit_without_retry_after_is_waited_out_and_logged(caplog):
    answers = [Answer(status=429)] * 6 + [Answer({"ok": 1})]
    with scripted(answers) as api, client(api.url) as acme, caplog.at_level(logging.WARNING):
        assert acme.get("/things") == {"ok": 1}
    assert len(api.asked) == 7  # more often than a fault would be tried
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 6
    assert all("GET /things met 429 too many requests; again in" in line for line in lines)


def test_t7_a_limit_that_does_not_end_fails_clearly_and_in_bounded_time():
    with scripted([Answer(status=429)]) as api, client(api.url, max_wait=0.4) as acme:
        started = time.monotonic()
        with pytest.raises(RateLimitedError, match=r"asks to wait.*0 s is the limit.*stays landed"):
            acme.get("/things")
        assert time.monotonic() - started < 5


def test_a_stated_pause_is_kept_in_full_and_not_beyond_what_a_run_may_wait():
    with scripted([Answer(status=429, headers={"Retry-After": "1"}), Answer({})]) as api, client(api.url) as acme:
        acme.get("/things")
        assert api.asked[1].at - api.asked[0].at >= 1.0
    with scripted([Answer(status=429, headers={"Retry-After": "3600"})]) as api, client(api.url) as acme:
        with pytest.raises(RateLimitedError, match="asks to wait 3600 s"):
            acme.get("/things")
        assert len(api.asked) == 1


@pytest.mark.parametrize(
    "broken",
    [
        Answer(status=503),
        Answer(b'{"tickets": [{"id": 1}, {"i'),
        Answer(b"<html>Sorry, we are down</html>"),
        Answer(b'{"tickets": []}', cut=40),
        Answer(b""),
        Answer(bytes(PACKED), headers={"Content-Encoding": "gzip"}),
    ],
    ids=["5xx", "cut JSON", "HTML", "cut connection", "nothing", "corrupt gzip"],
)
def test_an_answer_that_another_attempt_may_better_is_asked_for_again(broken):
    with scripted([broken, broken, Answer({"id": 7})]) as api, client(api.url) as acme:
        assert acme.get("/things") == {"id": 7}
        assert len(api.asked) == 3
    with scripted([broken]) as api, client(api.url) as acme:
        with pytest.raises(BrokenAnswer, match=r"acme:default: GET /things failed 4 times.*Run it again"):
            acme.get("/things")
        assert len(api.asked) == 4


def test_no_answer_is_asked_for_again():
    patience = httpx.Timeout(0.3)
    with scripted([Answer(hang=1.0), Answer({"id": 7})]) as api, client(api.url, timeout=patience) as acme:
        assert acme.get("/things") == {"id": 7}


@pytest.mark.parametrize(
    ("answer", "fault", "said"),
    [
        (Answer({"error": "no"}, status=401), CredentialsError, "credentials are not accepted.*401.*renew"),
        (Answer(b"<html>no</html>", status=403), PermissionRefused, "permission is missing.*403.*Grant it"),
        (Answer({"message": "bad cursor"}, status=400), RequestRefused, "GET /things was refused.*400.*bad cursor"),
    ],
)
def test_a_refusal_is_one_clear_line_without_the_secret(answer, fault, said, caplog):
    with (
        scripted([answer]) as api,
        client(api.url) as acme,
        caplog.at_level(logging.DEBUG),
        pytest.raises(fault, match=said) as raised,
    ):
        acme.get("/things")
    assert len(api.asked) == 1  # asking again would not help
    assert "\n" not in str(raised.value)
    assert SECRET not in str(raised.value) + caplog.text
    assert api.asked[0].headers["Authorization"].startswith("Basic ")


def test_an_unknown_host_and_a_closed_port_are_named():
    with (
        client("http://nowhere.invalid") as acme,
        pytest.raises(UnreachableError, match=r"no connection to nowhere\.invalid"),
    ):
        acme.get("/things")
    with client("http://127.0.0.1:9") as acme, pytest.raises(UnreachableError, match="Check `base_url`"):
        acme.get("/things")


def test_t9_a_record_that_is_not_there_is_none_whatever_the_body_holds():
    with scripted([Answer(b"<html></html>", status=403), Answer(b"", status=404)]) as api, client(api.url) as acme:
        assert acme.get("/tickets/1", absent=(403, 404)) is None
        assert acme.get("/tickets/1", absent=(403, 404)) is None


@pytest.mark.parametrize(
    ("body", "value", "count"),
    [
        (rb'{"text": "a\u0000b"}', {"text": "a\ufffdb"}, 1),
        (rb'{"text": "\ud800c"}', {"text": "\ufffdc"}, 1),
        (rb'{"te\u0000xt": ["\udfff", "\u0000"]}', {"te\ufffdxt": ["\ufffd", "\ufffd"]}, 3),
        (rb'{"emoji": "\ud83d\ude00"}', {"emoji": "\U0001f600"}, 0),
    ],
)
def test_t24_nul_and_lone_surrogates_are_replaced_and_counted(body, value, count):
    with scripted([Answer(body)]) as api, client(api.url) as acme:
        assert acme.get("/things") == value
        assert acme.traffic.replaced_characters == count


def test_lines_arrive_whole_however_the_body_is_chunked():
    text = b"\n".join(b'{"n": %d, "text": "%s"}' % (number, b"x" * number * 37) for number in range(300))
    with scripted([Answer(text)]) as api, client(api.url) as acme, acme.lines("/export", {}) as lines:
        assert list(lines) == text.split(b"\n")


def test_a_body_of_lines_that_ends_before_its_time_is_a_fault():
    with (
        scripted([Answer(b'{"a": 1}\n{"a"', cut=30)]) as api,
        client(api.url) as acme,
        pytest.raises(BrokenAnswer, match="was cut"),
        acme.lines("/export", {}) as lines,
    ):
        list(lines)

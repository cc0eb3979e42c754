"""A loader that is killed at any moment and run again lands what an undisturbed one lands."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time

import pytest

KILLS = 20
AS_OF = "2026-04-01T00:00:00+00:00"


def write_files(place) -> None:
    """About 40,000 rows in both shapes and three formats, with bad records and ids left out among them."""
    chance = random.Random(7)

    def message(number: int) -> dict:
        moment = f"2026-03-{1 + number % 28:02}T{number // 60 % 24:02}:{number % 60:02}:00Z"
        actor = "robot" if number % 97 == 0 else chance.choice(["customer", "human_agent", "ai_agent"])
        stated = {"sent_at": moment, "actor": actor, "actor_id": f"p{number % 50}", "text": f"text {number} " * 5}
        return stated if number % 3 else {**stated, "message_id": f"m{number}"}

    documents = [
        {"interaction_id": f"d{number}", "messages": [message(number * 10 + place_in) for place_in in range(10)]}
        for number in range(1500)
    ]
    place.write_jsonl("a/documents.jsonl.gz", [*documents[:700], "{broken", *documents[700:]])
    place.write_jsonl("b/again.jsonl", [{**document, "topic": "edited"} for document in documents[::3]])
    rows = [{"interaction_id": f"r{number % 900}", **message(number)} for number in range(9000)]
    place.write_csv("c.csv", rows)
    place.write_parquet("d.parquet", [{"channel": "chat", **row} for row in rows[::2]])


def content(place) -> dict[str, list[tuple]]:
    return {
        **{
            table: place.query(
                f"select id, interaction_id, payload_hash, payload, version from raw_files.{table}"
                " where instance = INSTANCE order by id"
            )
            for table in ("conversations", "messages")
        },
        "quarantine": sorted(
            place.query(
                "select stream, coalesce(line, 0), coalesce(record_id, ''), reason_code, resolved_at is null"
                " from ops.quarantine where instance = INSTANCE"
            )
        ),
        "cursors": place.query(
            "select stream, state - 'pass_run_id' from ops.cursors where instance = INSTANCE order by stream"
        ),
        "history": place.query("select count(*) from raw_files.messages_history where instance = INSTANCE"),
    }


def load_count(place) -> int:
    return place.query("select count(*) from ops.loads where instance = INSTANCE")[0][0]


def start(place) -> subprocess.Popen:
    command = [sys.executable, "-m", "touchstone.sources.files", str(place.folder), "--as-of", AS_OF]
    return subprocess.Popen(
        [*command, "--instance", place.instance, "--batch-rows", "1500"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(place) -> dict:
    process = start(place)
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error.decode()
    return json.loads(out)


@pytest.mark.long
def test_a_loader_killed_at_random_points_lands_what_an_undisturbed_one_lands(place, capsys):
    write_files(place)
    undisturbed = place.instance
    begun = time.monotonic()
    result = finish(place)
    duration = time.monotonic() - begun
    expected = content(place)
    batches = load_count(place)
    assert len(expected["messages"]) > 20_000
    assert len(expected["quarantine"]) > 100

    chance = random.Random()
    in_the_middle = 0
    for number in range(KILLS):
        place.instance = f"{undisturbed}k{number}"
        process = start(place)
        # evenly over the whole run, each point at random within its share
        time.sleep(duration * (number + chance.random()) / KILLS)
        process.kill()
        process.communicate()
        landed = load_count(place)
        in_the_middle += 0 < landed < batches
        finish(place)
        assert content(place) == expected, f"differs after kill {number}, with {landed} of {batches} batches landed"
        accounts = place.query(
            "select sum(rows_in), sum(rows_inserted + rows_updated + rows_unchanged + rows_quarantined)"
            " from ops.loads where instance = INSTANCE"
        )
        assert accounts == [(result["rows_in"], result["rows_in"])]
        finish(place)
        assert content(place) == expected
    with capsys.disabled():
        sys.stdout.write(
            f"\nloader: {KILLS} kills over {duration:.1f} s, {in_the_middle} between the first batch and the last;"
            f" {result['rows_in']:,} rows, {len(expected['messages']):,} messages, equal each time\n"
        )
    assert in_the_middle > 0

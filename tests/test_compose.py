"""The Compose file is fit for a server: pinned, unprivileged, healthy, private, and without a secret in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from touchstone import __version__
from touchstone.bi.metabase import NEEDED as METABASE_NEEDS
from touchstone.scheduler import POOLS

ROOT = Path(__file__).resolve().parents[1]
ONE_SHOT = {"airflow-init", "metabase-database", "metabase-init"}
IMAGE = re.compile(r"^[a-z0-9./-]+:[a-z0-9.-]*\d+\.\d+[a-z0-9.-]*$")
SECRET_NAME = re.compile(r"PASS|SECRET|FERNET|_URL$|_CONN")
FROM_ENVIRONMENT = re.compile(r"\$\{[A-Z_]+:\?[^}]+\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    return compose["services"]


def _names_needed() -> set[str]:
    return set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "docker-compose.yml").read_text()))


def test_the_version_is_one(services):
    assert services["airflow-scheduler"]["image"] == f"touchstone-airflow:{__version__}"
    assert yaml.safe_load((ROOT / "dbt_project/dbt_project.yml").read_text())["version"] == __version__
    changes = re.findall(r"^\| (\d+\.\d+\.\d+) \|", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert max(changes, key=lambda one: tuple(map(int, one.split(".")))) == __version__


def test_it_has_postgresql_every_service_of_airflow_and_metabase(services):
    parts = {"apiserver", "scheduler", "dag-processor", "triggerer", "init"}
    metabase = {"metabase", "metabase-database", "metabase-init"}
    assert set(services) == {"postgres", *metabase, *(f"airflow-{part}" for part in parts)}


def test_metabase_comes_up_with_the_connection_ready_and_knows_the_warehouse_as_bi_alone(services):
    init, metabase = services["metabase-init"], services["metabase"]
    assert init["entrypoint"] == ["python", "-m", "touchstone.bi.metabase"]
    assert set(init["environment"]) == set(METABASE_NEEDS)
    # the role has its password, and Metabase answers, before it is told
    assert init["depends_on"]["airflow-init"]["condition"] == "service_completed_successfully"
    assert init["depends_on"]["metabase"]["condition"] == "service_healthy"
    assert metabase["environment"]["MB_DB_USER"] == "metabase"
    for service in (init, metabase):
        assert not any("TOUCHSTONE_DB_PASSWORD" in str(value) for value in service["environment"].values())


def test_metabases_database_is_made_once_and_kept(compose, server):
    """The script of the configuration, on a real server: a second run changes the password only."""
    script = compose["configs"]["create-metabase-database"]["content"].replace("$$", "$")
    place = conninfo_to_dict(server.url("postgres"))
    psql = shutil.which("psql")
    if psql is None:
        pytest.skip("psql is not installed")
    for password in ("one", "an'other"):
        environment = {
            **{"PATH": os.environ["PATH"], "PGHOST": place["host"], "PGPORT": place["port"], "PGUSER": place["user"]},
            **{"PGPASSWORD": place["password"], "METABASE_DB_PASSWORD": password},
        }
        subprocess.run(["bash", "-c", script], env=environment, check=True, capture_output=True)
    with psycopg.connect(make_conninfo(server.url("metabase"), user="metabase", password=password)) as connection:
        connection.execute("create table own (n int)")
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute("drop database metabase with (force)")
        connection.execute("drop role metabase")


def test_images_are_pinned_and_airflow_is_the_version_of_the_lock(services):
    base = re.search(r"^FROM (\S+)$", (ROOT / "Dockerfile").read_text(), re.M).group(1)
    for image in [base, *(service["image"] for service in services.values())]:
        assert IMAGE.match(image), image
    locked = re.search(r"^apache-airflow==(\S+)", (ROOT / "requirements.txt").read_text(), re.M).group(1)
    assert locked in base


def test_both_locks_of_the_image_agree():
    # python_full_version splits a pin in the lock of all Pythons; the image has 3.11
    pin = re.compile(r"^([a-z0-9][a-z0-9._\[\]-]*)==([^\s;]+)(?: ; (.*?))?\s*\\$", re.M)
    main: dict[str, set[str]] = {}
    for name, version, _ in pin.findall((ROOT / "requirements.txt").read_text()):
        main.setdefault(name, set()).add(version)
    extra = {name: version for name, version, _ in pin.findall((ROOT / "requirements-image.txt").read_text())}
    assert extra["apache-airflow-providers-fab"]
    assert {name: version for name, version in extra.items() if version not in main.get(name, {version})} == {}


def test_everything_that_keeps_running_has_a_health_check_and_restarts(services):
    for name, service in services.items():
        if name in ONE_SHOT:
            assert service["restart"] == "no"
            continue
        assert service["healthcheck"]["test"], name
        assert service["restart"] == "unless-stopped", name


def test_nothing_runs_as_root_or_with_capabilities(services):
    for name, service in services.items():
        assert service["user"].split(":")[0] not in ("", "0", "root"), name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not service.get("privileged"), name
    users = re.findall(r"^USER (\S+)$", (ROOT / "Dockerfile").read_text(), re.M)
    assert users[-1] != "root"


def test_ports_are_published_on_the_loopback_interface_only(services):
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_secrets_come_from_the_environment_alone(services):
    seen = 0
    for name, service in services.items():
        for variable, value in service["environment"].items():
            if not SECRET_NAME.search(variable) or variable.endswith(("_SERVER_URL", "BASE_URL")):
                continue
            seen += 1
            assert FROM_ENVIRONMENT.search(value), f"{name}: {variable}"
            password = re.search(r"://[^:]+:(.*)@", value)
            assert password is None or FROM_ENVIRONMENT.fullmatch(password.group(1)), f"{name}: {variable}"
    assert seen > 10


def test_the_example_names_every_variable_and_no_value():
    entries = re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.M)
    assert {name for name, _ in entries} == _names_needed()
    assert {value for _, value in entries} == {""}


def test_the_login_is_not_the_one_for_development(services):
    managers = {
        service["environment"]["AIRFLOW__CORE__AUTH_MANAGER"]
        for name, service in services.items()
        if name.startswith("airflow-")
    }
    assert managers == {"airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"}


def test_the_pools_are_those_that_the_dags_name(compose):
    pools = json.loads(compose["configs"]["pools"]["content"])
    assert {name: pool["slots"] for name, pool in pools.items()} == POOLS


def test_named_things_exist(compose, services):
    """Every volume, configuration, dependency and copied folder that is named is also there."""
    volumes = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert {volume for volume in volumes if not volume.startswith(".")} == set(compose["volumes"])
    configs = {config["source"] for service in services.values() for config in service.get("configs", [])}
    assert configs == set(compose["configs"])
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
    copied = re.findall(r"^COPY (?!requirements)(\S+) ", (ROOT / "Dockerfile").read_text(), re.M)
    assert copied
    ignored = (ROOT / ".dockerignore").read_text()
    for folder in copied:
        assert (ROOT / folder).is_dir(), folder
        assert f"!{folder}" in ignored, folder


def test_compose_accepts_the_file():
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("the compose plugin of docker is not installed")
    call = [
        docker,
        "compose",
        "--env-file",
        os.devnull,
        "--file",
        str(ROOT / "docker-compose.yml"),
        "config",
        "--quiet",
    ]
    home = {"HOME": os.environ["HOME"], "PATH": os.environ["PATH"]}
    done = subprocess.run(call, env=home | dict.fromkeys(_names_needed(), "x"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    bare = subprocess.run(call, env=home, capture_output=True, text=True)
    assert bare.returncode != 0
    assert "set it in .env" in bare.stderr

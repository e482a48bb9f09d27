"""`harness doctor`: each missing thing is named, with the line that repairs it."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from harness.cli import doctor
from tests.cli.command import harness


def test_a_full_disk() -> None:
    found = doctor.disk(Path("/"), needed_bytes=2**60)
    assert found.level == "missing"
    assert "1,073,741,824 GiB are needed" in found.what
    assert found.repair.startswith("export TMPDIR=")


def test_too_little_memory() -> None:
    found = doctor.memory(needed_bytes=2**60)
    assert found.level == "missing"
    assert "memory: 1,073,741,824 GiB are needed" in found.what
    assert found.repair.startswith("harness run NAME --set")


def test_a_library_that_is_not_installed() -> None:
    found = doctor.library("no-such-library")
    assert (found.level, found.what) == ("missing", "no-such-library is not installed")
    assert found.repair == "pip install no-such-library"


def test_a_taken_port() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        number = other.getsockname()[1]
        found = doctor.port(number, "AWS", "--aws-port")
    assert found.level == "note"
    assert found.what.startswith(f"port {number} is taken; harness up wants it for AWS")
    assert found.repair == "harness up --aws-port 0"
    assert doctor.port(number, "AWS", "--aws-port").level == "ok"


def test_an_engine_that_does_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    (found,) = doctor.docker()
    assert found.level == "note"
    assert found.what.startswith("no Docker engine answers: ")
    assert found.repair in (
        "sudo systemctl start docker",
        "sudo apt-get install -y docker.io",
        "open -a Docker",
        "brew install --cask docker",
    )
    assert doctor.demanded(found, ["containers"]).level == "missing"


@pytest.mark.containers
def test_an_image_that_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CLICKHOUSE_IMAGE", "clickhouse/clickhouse-server:none")
    engine, localstack, clickhouse = doctor.docker()
    assert (engine.level, localstack.level) == ("ok", "ok")
    assert clickhouse.what.startswith("image clickhouse/clickhouse-server:none is not here")
    assert clickhouse.repair == "docker pull clickhouse/clickhouse-server:none"


@pytest.mark.parametrize(
    ("name", "needed"), [("java", "interop"), ("node", "interop"), ("chromium", "report")]
)
def test_a_program_that_is_not_here(
    name: str, needed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (found,) = [f for f in doctor.examine() if f.what.startswith(f"{name} is not here")]
    assert (found.level, found.lane) == ("note", needed)
    assert found.repair.startswith(("sudo apt-get install -y ", "brew install "))


def test_a_java_that_is_too_old(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk 11.0.2 2019-01-15'\n")
    java.chmod(java.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = doctor.program("java", 17, "interop", "install it")
    assert found.what == "java is 11; the interop lane needs 17 or newer"


def test_what_only_a_lane_needs_is_demanded_when_asked_for(tmp_path: Path) -> None:
    variables = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    assert harness(tmp_path, "doctor", **variables).code == 0
    ended = harness(tmp_path, "doctor", "--for", "containers", **variables)
    assert ended.code == 4
    assert "✗ no Docker engine answers" in ended.out
    wrong = harness(tmp_path, "doctor", "--for", "container")
    assert wrong.code == 2
    assert "did you mean 'containers'" in wrong.err

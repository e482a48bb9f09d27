"""`harness doctor`: is everything here that a run needs, and what to do where it is not."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from harness.errors import BackendError, UsageError, nearest

DISK_MIN_BYTES = 2 * 1024**3
MEMORY_MIN_BYTES = 2 * 1024**3
PORTS = {4566: ("AWS", "--aws-port"), 8123: ("ClickHouse", "--clickhouse-port")}
REQUIRED = ("boto3", "chdb", "clickhouse-connect", "faker", "moto", "orjson", "pydantic", "uvloop")
LANES = ("containers", "interop", "report")
VERSION_SECONDS_MAX = 20.0
IS_MAC = platform.system() == "Darwin"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at.

    Attributes:
        level: ok, note (only a lane needs it) or missing.
        what: what was found.
        repair: the line that mends it.
        lane: what needs it; empty for every run.
    """

    level: str
    what: str
    repair: str = ""
    lane: str = ""


def doctor(
    lanes: Annotated[
        list[str] | None,
        typer.Option(
            "--for", metavar="LANE", help="Also demand what this needs: " + ", ".join(LANES)
        ),
    ] = None,
) -> int:
    """Check this machine: Python, libraries, disk, memory, ports; Docker, its images, Java and more."""
    for lane in lanes or []:
        if lane not in LANES:
            raise UsageError(f"--for takes a lane, not {lane!r}", hint=nearest(lane, LANES))
    console = Console(highlight=False)
    findings = [demanded(finding, lanes or []) for finding in examine()]
    styles = {"ok": ("✓", "green"), "note": ("-", "yellow"), "missing": ("✗", "red")}
    for finding in findings:
        mark, style = styles[finding.level]
        console.print(Text(f" {mark} ", style=style) + Text(finding.what), soft_wrap=True)
        if finding.repair:
            console.print(Text(f"     {finding.repair}", style="dim"), soft_wrap=True)
    return 4 if any(f.level == "missing" for f in findings) else 0


def demanded(finding: Finding, lanes: list[str]) -> Finding:
    """The finding as somebody sees it who wants these lanes."""
    if finding.level == "note" and finding.lane in lanes:
        return replace(finding, level="missing")
    return finding


def examine() -> list[Finding]:
    """Everything that is looked at, in the order it is shown."""
    return [
        python(),
        *[library(name) for name in REQUIRED],
        disk(Path(tempfile.gettempdir())),
        memory(),
        *[port(number, *use) for number, use in PORTS.items()],
        *docker(),
        program("java", 17, "interop", _installing("openjdk-17-jdk-headless", "openjdk@17")),
        program("node", 20, "interop", _installing("nodejs npm", "node@20")),
        chromium(),
    ]


def python() -> Finding:
    """Older ones cannot install the harness at all."""
    where = f"{platform.system()} {platform.machine()}"
    return Finding("ok", f"Python {platform.python_version()} on {where}")


def library(name: str) -> Finding:
    """One of Python's."""
    try:
        return Finding("ok", f"{name} {version(name)}")
    except PackageNotFoundError:
        if importlib.util.find_spec(name.replace("-", "_")):
            return Finding("ok", name)
        return Finding("missing", f"{name} is not installed", f"pip install {name}")


def disk(path: Path, needed_bytes: int = DISK_MIN_BYTES) -> Finding:
    """Room for ClickHouse."""
    free = shutil.disk_usage(path).free
    text = f"{free / 1024**3:.1f} GiB disk free in {path}"
    if free >= needed_bytes:
        return Finding("ok", text)
    repair = "export TMPDIR=…  # a folder on a disk with more room"
    return Finding("missing", f"{text}: {_gib(needed_bytes)} are needed", repair)


def memory(needed_bytes: int = MEMORY_MIN_BYTES) -> Finding:
    """Memory that this machine has."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return Finding("note", "memory: this system does not say how much there is")
    text = f"{total / 1024**3:.1f} GiB memory"
    if total >= needed_bytes:
        return Finding("ok", text)
    repair = "harness run NAME --set workload.items=100 --set workload.changes=200  # smaller runs"
    return Finding("missing", f"{text}: {_gib(needed_bytes)} are needed", repair)


def port(number: int, what: str, option: str) -> Finding:
    """A port that `harness up` takes unless told otherwise."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            text = f"port {number} is taken; harness up wants it for {what}, runs do not"
            return Finding("note", text, f"harness up {option} 0")
    return Finding("ok", f"port {number} is free ({what} of harness up)")


def docker() -> list[Finding]:
    """The engine of the container lane, and its images."""
    from harness.backends import clickhouse_container, docker_engine, localstack

    lane = "containers"
    if importlib.util.find_spec("testcontainers") is None:
        text = "testcontainers is not installed; containers need it"
        return [Finding("note", text, docker_engine.INSTALL_EXTRA, lane)]
    try:
        engine = docker_engine.client()
    except BackendError as error:
        return [Finding("note", error.message, _docker_repair(error.message), lane)]
    findings = [Finding("ok", f"Docker {engine.version()['Version']}", lane=lane)]
    try:
        for image in (localstack.image(""), clickhouse_container.image("")):
            if engine.images.list(name=image):
                findings.append(Finding("ok", f"image {image}", lane=lane))
            else:
                text = f"image {image} is not here; containers need it"
                findings.append(Finding("note", text, f"docker pull {image}", lane))
    finally:
        engine.close()
    return findings


def _docker_repair(message: str) -> str:
    if "ermission denied" in message:
        return "sudo usermod -aG docker $USER  # then log in again"
    if shutil.which("dockerd") or shutil.which("docker"):
        return "open -a Docker" if IS_MAC else "sudo systemctl start docker"
    return "brew install --cask docker" if IS_MAC else "sudo apt-get install -y docker.io"


def program(name: str, oldest: int, lane: str, repair: str) -> Finding:
    """A program that one lane needs, in this major version or a newer one."""
    path = shutil.which(name)
    if path is None:
        return Finding("note", f"{name} is not here; the {lane} lane needs it", repair, lane)
    found = _major(path)
    if found < oldest:
        text = f"{name} is {found}; the {lane} lane needs {oldest} or newer"
        return Finding("note", text, repair, lane)
    return Finding("ok", f"{name} {found}: {path}", lane=lane)


def chromium() -> Finding:
    """The browser that the report is tested in."""
    path = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
    )
    if path:
        return Finding("ok", f"chromium: {path}", lane="report")
    text = "chromium is not here; the tests of the report need it"
    return Finding("note", text, _installing("chromium", "chromium"), "report")


def _major(path: str) -> int:
    """A program's major version; 0 when it does not say."""
    try:
        said = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r"\d+", said.stdout + said.stderr)
    return int(found[0]) if found else 0


def _installing(apt: str, brew: str) -> str:
    return f"brew install {brew}" if IS_MAC else f"sudo apt-get install -y {apt}"


def _gib(size: int) -> str:
    return f"{size / 1024**3:,.0f} GiB"

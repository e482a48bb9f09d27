"""`harness doctor`: is everything here that a run needs, and what to do where it is not."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import socket
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.text import Text

DISK_MIN_BYTES = 2 * 1024**3
MEMORY_MIN_BYTES = 2 * 1024**3
PORTS = {4566: "harness up (AWS)", 8123: "harness up (ClickHouse)"}
REQUIRED = ("boto3", "chdb", "clickhouse-connect", "faker", "moto", "orjson", "pydantic", "uvloop")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `level` is ok, note or missing; `repair` is the line that mends it."""

    level: str
    what: str
    repair: str = ""


def doctor() -> int:
    """Check this machine: Python, libraries, disk, memory, ports; then Docker, Java and Node."""
    console = Console(highlight=False)
    findings = examine()
    styles = {"ok": ("✓", "green"), "note": ("-", "yellow"), "missing": ("✗", "red")}
    for finding in findings:
        mark, style = styles[finding.level]
        console.print(Text(f" {mark} ", style=style) + Text(finding.what), soft_wrap=True)
        if finding.repair:
            console.print(Text(f"     {finding.repair}", style="dim"), soft_wrap=True)
    return 4 if any(f.level == "missing" for f in findings) else 0


def examine() -> list[Finding]:
    """Everything that is looked at, in the order it is shown."""
    return [
        _python(),
        *[_library(name) for name in REQUIRED],
        _disk(Path(tempfile.gettempdir())),
        _memory(),
        *[_port(number, use) for number, use in PORTS.items()],
        _program("docker", "the container lane", "install Docker and start its engine"),
        _program("java", "the Kinesis Client Library lane", "install a JDK, 17 or newer"),
        _program("node", "the Node example", "install Node.js, 20 or newer"),
    ]


def _python() -> Finding:
    # Older ones cannot install the harness at all.
    where = f"{platform.system()} {platform.machine()}"
    return Finding("ok", f"Python {platform.python_version()} on {where}")


def _library(name: str) -> Finding:
    try:
        return Finding("ok", f"{name} {version(name)}")
    except PackageNotFoundError:
        if importlib.util.find_spec(name.replace("-", "_")):
            return Finding("ok", name)
        return Finding("missing", f"{name} is not installed", "make setup")


def _disk(path: Path) -> Finding:
    free = shutil.disk_usage(path).free
    text = f"{free / 1024**3:.1f} GiB free in {path}"
    if free >= DISK_MIN_BYTES:
        return Finding("ok", text)
    return Finding("missing", f"{text}: 2 GiB are needed", "free some, or set TMPDIR elsewhere")


def _memory() -> Finding:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return Finding("note", "memory: this system does not say how much there is")
    text = f"{total / 1024**3:.1f} GiB memory"
    if total >= MEMORY_MIN_BYTES:
        return Finding("ok", text)
    return Finding("missing", f"{text}: 2 GiB are needed", "close something, or add memory")


def _port(number: int, use: str) -> Finding:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            repair = f"only `{use.split(' (')[0]}` needs it; its --help names the option"
            return Finding("note", f"port {number} is taken ({use})", repair)
    return Finding("ok", f"port {number} is free ({use})")


def _program(name: str, use: str, repair: str) -> Finding:
    path = shutil.which(name)
    if path:
        return Finding("ok", f"{name}: {path}")
    return Finding("note", f"{name} is not here; only {use} needs it", repair)

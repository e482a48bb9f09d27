"""The `harness` command as a person runs it: a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SECONDS_MAX = 120


@dataclass(frozen=True)
class Ended:
    """What a command came to."""

    code: int
    out: str
    err: str


def start(folder: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start `harness` in `folder`, leader of a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "harness.cli.app", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
        start_new_session=True,
    )


def harness(folder: Path, *arguments: str, **variables: str) -> Ended:
    """Run `harness` in `folder` to its end."""
    process = start(folder, *arguments, **variables)
    try:
        out, err = process.communicate(timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return Ended(process.returncode, out, err)


def processes_naming(text: str) -> list[str]:
    """Command lines of the running processes whose environment or arguments hold `text`."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if command and text.encode() in environment:
            found.append(command.replace(b"\0", b" ").decode("utf-8", "replace"))
    return found

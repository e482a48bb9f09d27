"""What builds and runs the client programs, and where what was built is kept.

A program is built once for a given state of its sources, into a folder outside the repository:
`$HARNESS_INTEROP_CACHE`, else `~/.cache/cdc-harness-interop`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

CACHE_VARIABLE = "HARNESS_INTEROP_CACHE"
BUILD_SECONDS_MAX = 900
SOURCES = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A language's tools.

    Attributes:
        name: as people say it.
        commands: programs that must be found.
        version: command that prints the version.
        oldest: first part of the version that will do.
    """

    name: str
    commands: tuple[str, ...]
    version: tuple[str, ...]
    oldest: tuple[int, ...]

    def missing(self) -> str:
        """Why it cannot be used, in a few words; empty when it can."""
        absent = [command for command in self.commands if shutil.which(command) is None]
        if absent:
            return f"{self.name}: {' and '.join(absent)} not found"
        told = subprocess.run(self.version, capture_output=True, text=True, check=False)
        number = re.search(r"(\d+)\.(\d+)", told.stdout + told.stderr)
        found = tuple(map(int, number.groups())) if number else (0,)
        if found < self.oldest:
            wanted = ".".join(map(str, self.oldest))
            return f"{self.name}: {wanted} or newer is needed, found {'.'.join(map(str, found))}"
        return ""


JAVA = Toolchain("Java", ("java", "javac", "mvn"), ("java", "-version"), (17,))
NODE = Toolchain("Node", ("node", "npm"), ("node", "--version"), (20,))
# From 1.21 on it fetches the release that go.mod asks for by itself.
GO = Toolchain("Go", ("go",), ("go", "version"), (1, 21))
TOOLCHAINS = {"java": JAVA, "node": NODE, "go": GO}


def built(folder: str, *commands: list[str]) -> Path:
    """A folder with the sources of `tests/interop/<folder>`, in which `commands` have succeeded.

    Raises:
        AssertionError: one of them failed; the message is the end of what it said.
    """
    sources = SOURCES / folder
    digest = hashlib.sha256(repr(commands).encode())
    files = sorted(path for path in sources.rglob("*") if path.is_file())
    for path in files:
        digest.update(str(path.relative_to(sources)).encode() + b"\0" + path.read_bytes())
    cache = Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache" / "cdc-harness-interop")
    cache.mkdir(parents=True, exist_ok=True)
    name = folder.replace("/", "-")
    home = cache / f"{name}-{digest.hexdigest()[:16]}"
    done = home / ".built"
    # Test processes run side by side: one builds, the others wait for it.
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists():
            return home
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(sources, home)
        for command in commands:
            said = subprocess.run(
                command,
                cwd=home,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=BUILD_SECONDS_MAX,
                check=False,
            )
            assert said.returncode == 0, f"{' '.join(command)} failed:\n{said.stdout[-4000:]}"
        done.touch()
    return home

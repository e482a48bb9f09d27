"""Other versions of the embedded ClickHouse: chDB releases, each in a virtual environment of its own.

An environment is made on first use in the user's cache folder and used from then on. Only chDB
and what it asks for are installed in it; the web server is found in the harness's own environment,
which the new one searches last.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cache import cache_home
from harness.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable

RELEASES = {"24.8": "3.1.2", "26.9": "4.4.0"}
"""ClickHouse's version to the chDB release that holds it."""

INSTALL_SECONDS_MAX = 900.0


def cache_folder() -> Path:
    """`$HARNESS_CACHE`, or the user's cache folder."""
    own = os.environ.get("HARNESS_CACHE")
    return Path(own) if own else cache_home() / "cdc-harness"


def python_of(wanted: str, tell: Callable[[str], None]) -> str:
    """An interpreter whose chDB is ClickHouse `wanted`, built when there is none yet.

    Args:
        wanted: a key of `RELEASES`.
        tell: told one line before something slow begins.

    Raises:
        BackendError: it cannot be built; the message is what pip said last.
    """
    release = RELEASES[wanted]
    if _installed() == release:
        return sys.executable
    tag = f"{sys.implementation.cache_tag}-chdb-{release}"
    folder = cache_folder() / tag
    python = folder / "bin" / "python"
    if (folder / "complete").exists() and python.exists():
        return str(python)
    tell(f"installing chdb {release} (ClickHouse {wanted}) into {folder}, once")
    # Built beside its place: whoever comes meanwhile finds all of it or nothing.
    building = folder.with_name(f"{tag}.{os.getpid()}")
    try:
        _build(building, release)
        _move(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return str(python)


def _installed() -> str:
    try:
        return version("chdb")
    except PackageNotFoundError:
        return ""


def _build(folder: Path, release: str) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", "--clear", str(folder)], release)
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, f"chdb=={release}"], release)
    for packages in (folder / "lib").glob("python*/site-packages"):
        # The name sorts last, and its folders come after the environment's own.
        own = [path for path in sys.path if path.endswith("site-packages")]
        (packages / "zz-harness.pth").write_text("".join(f"{path}\n" for path in own))
    (folder / "complete").touch()


def _move(building: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        building.rename(folder)
    except OSError:
        # Another process was quicker; its environment is as good.
        if not (folder / "complete").exists():
            raise


def _run(command: list[str], release: str) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackendError(f"chdb {release} could not be installed: {error}") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise BackendError(
            f"chdb {release} could not be installed: {said}",
            hint="it needs a package index and 1 GiB of disk; --clickhouse embedded needs neither",
        )

"""Room on disk for a ClickHouse that runs here."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from harness.errors import BackendError

if TYPE_CHECKING:
    from pathlib import Path

SPACE_TO_START_BYTES = 256 * 1024**2
SPACE_LEFT_BYTES = 32 * 1024**2
"""Below it ClickHouse may have refused inserts: no verdict on a pipeline can rest on that."""


def require_space(path: Path, needed_bytes: int) -> None:
    """Make sure that ClickHouse has room.

    Raises:
        BackendError: less than `needed_bytes` are free where `path` lies.
    """
    free = shutil.disk_usage(path if path.exists() else path.parent).free
    if free < needed_bytes:
        raise BackendError(
            f"no disk space for ClickHouse: {free / 1024**2:,.0f} MiB are free in {path.parent}, "
            f"{needed_bytes / 1024**2:,.0f} MiB are needed",
            hint="free some, or set TMPDIR to a folder on another disk",
        )

"""Where this user's programs keep what they can make again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_home() -> Path:
    """`$XDG_CACHE_HOME`, or `.cache` in the user's home; an empty variable counts as none.

    Source: the XDG Base Directory Specification.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")

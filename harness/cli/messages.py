"""How the command speaks of what went wrong: one line, and what to do about it."""

from __future__ import annotations

import sys


def print_error(message: str, hint: str) -> None:
    """Write both to stderr."""
    sys.stderr.write(f"error: {message}\n")
    if hint:
        sys.stderr.write(f"  hint: {hint}\n")

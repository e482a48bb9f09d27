"""How long a search may take, as people write it: 60s, 10m, 8h."""

from __future__ import annotations

import re

from harness.errors import UsageError

_SPAN = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|)")
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(text: str, option: str) -> float:
    """The seconds that `text` means.

    Args:
        text: a number with s, m or h behind it; without, it is seconds.
        option: that it was given to, for the message.

    Raises:
        UsageError: it is no time, or none at all.
    """
    found = _SPAN.fullmatch(text)
    if found is None or not float(found[1]):
        raise UsageError(f"{option} takes a time, not {text!r}", hint=f"for example {option} 60s")
    return float(found[1]) * _UNITS[found[2]]

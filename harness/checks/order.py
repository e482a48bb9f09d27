"""In which order a key's writes were made: by their numbers, told from the marker in a row.

The counter in an item would do, but for an item that DynamoDB's time to live has taken away: the
next update makes a new one, and its counter begins again.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence


@lru_cache(maxsize=1)
def numbers_of(evidence: Evidence) -> dict[str, int]:
    """Marker to number, of every write that left one."""
    return {write.id: write.number for write in evidence.writes if write.id}

"""x."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.workload.values import Item


@dataclass(frozen=True, slots=True)
class Captured:
    """One captured change.

    Attributes:
        keys: the primary key.
        image: the item after it; None for a delete.
    """

    keys: Item
    image: Item | None

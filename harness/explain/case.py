"""What the rules of `fit` look at: one key that went wrong, and what its run shows of others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.explain.backdrop import Backdrop
    from harness.explain.life import Change, Life
    from harness.explain.material import End, Material


_CUT = re.compile(r"… \(([\d,]+) characters\)$")


@dataclass(frozen=True)
class Case:
    """One key that went wrong.

    Attributes:
        life: of the key.
        end: how it ended.
        backdrop: what happened around it.
        material: the run.
        last: its last effective write; None when the history tells of none.
        shown: the write that FINAL shows; None when it shows none that was made.
    """

    life: Life
    end: End
    backdrop: Backdrop
    material: Material
    last: Change | None
    shown: Change | None

    @property
    def kind(self) -> str:
        """How it differs; empty when a check speaks of its rows alone."""
        return self.end.differ

    @cached_property
    def failing(self) -> frozenset[str]:
        """Names of the checks that fail."""
        checks = self.material.verdict.get("checks", [])
        return frozenset(str(c.get("name")) for c in checks if c.get("verdict") == "fail")

    @property
    def has_log(self) -> bool:
        """Every row that entered is known, and not only those that are left."""
        return self.material.applied is not None

    def act(self, *names: str) -> bool:
        """One of these acts, ends or faults happened in the run."""
        return any(act.name in names for act in self.backdrop.acts)

    def saw(self, sighting: str) -> bool:
        """The run met it."""
        return bool(self.material.verdict.get("sightings", {}).get(sighting))

    def tagged(self, *tags: str) -> bool:
        """One of these oddities was met in the key's life."""
        return any(m.tag in tags for m in self.life.moments)

    @property
    def rows(self) -> tuple[Mapping[str, Any], ...]:
        """Rows that entered; those that are left where the others are not known."""
        return self.end.applied or self.end.rows

    def is_of(self, row: Mapping[str, Any], change: Change) -> bool:
        """The row is what the change calls for."""
        if change.is_delete:
            return bool(row.get("deleted"))
        return not row.get("deleted") and row.get("id") == change.write

    def entered(self, change: Change) -> bool:
        """A row of it entered, as far as that is known."""
        return any(self.is_of(row, change) for row in self.rows)

    @property
    def entered_delete(self) -> bool:
        """A tombstone of the key entered after its last put."""
        return self.last is not None and self.last.is_delete and self.entered(self.last)

    def version_of(self, change: Change) -> int | None:
        """The highest version of its rows."""
        found = [int(r["version"]) for r in (*self.rows, *self.end.rows) if self.is_of(r, change)]
        return max(found, default=None)

    def handed_out_with(self, change: Change) -> set[str]:
        """Writes of the key that came in one page with it."""
        return {
            write
            for moment in self.life.moments
            if moment.kind == "read" and change.write in moment.write.split()
            for write in moment.write.split()
        } - {change.write}

    @cached_property
    def unread(self) -> list[Change]:
        """Changes that lie in the stream, and that no page ever held."""
        if not self.backdrop.asked:
            return []
        return [
            change
            for change in self.life.changes
            if not change.readings and any(number for _, _, number in change.deliveries)
        ]

    @cached_property
    def has_tombstones(self) -> bool:
        """Somewhere in the run a deleted row was stored."""
        return any(row.get("deleted") for end in self._ends() for row in (*end.rows, *end.applied))

    @cached_property
    def removes_rows(self) -> bool:
        """Rows of deleted items are gone though there are no tombstones."""
        return not self.has_tombstones and any(
            end.source is None and end.found is None and (end.applied or end.rows)
            for end in self._ends()
        )

    @cached_property
    def differing(self) -> frozenset[str]:
        """How keys of the run differ."""
        return frozenset(end.differ for end in self._ends())

    @cached_property
    def has_empty_key(self) -> bool:
        """A row without a key is shown, which nobody wrote."""
        return any(
            end.differ == "phantom" and set(key) & {"", "0"}
            for key, end in self.material.ends.items()
        )

    @cached_property
    def is_unstable(self) -> bool:
        """One record got two versions: a write that the export did not hold has two."""
        for end in self._ends():
            versions: dict[str, set[int]] = {}
            for row in end.applied:
                if row.get("id") and not row.get("deleted"):
                    versions.setdefault(str(row["id"]), set()).add(int(row["version"]))
            late = {c.write for c in self.life.changes if c.phase == "after"}
            if any(len(found) > 1 and write in late for write, found in versions.items()):
                return True
        return False

    @cached_property
    def is_larger_than_all(self) -> bool:
        """Every item that is missing is larger than every one that is well."""
        missing = [size_of(end) for end in self._ends() if end.differ == "missing"]
        well = [size_of(end) for end in self._ends() if end.source and not end.what]
        return bool(missing and well) and min(missing) > max(well)

    def _ends(self) -> Iterable[End]:
        return self.material.ends.values()


def size_of(end: End) -> int:
    """How many characters an item has, those that were cut off for the eye too."""
    size = 0
    for value in (end.source or {}).values():
        cut = _CUT.search(value)
        size += int(cut.group(1).replace(",", "")) if cut else len(value)
    return size

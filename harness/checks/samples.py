"""What samples of FINAL showed while the pipeline ran, key by key.

A `sample` event holds what has changed since the one before: `shown` lists `[key, id]` of rows that
are new or show another write, `gone` lists keys that are no longer shown; a key is a list of texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.checks.check import KEYS_SHOWN, Finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.checks.evidence import Write

HARMLESS = frozenset(
    {"split", "merge", "reshard", "export", "incremental-export", "second-instance", "land"}
    | {"lose-checkpoints", "keep-checkpoints", "roll-back-checkpoints", "add-column"}
    | {"alter-column", "destination-off", "destination-on", "outage", "save-checkpoints"}
    | {"foreign-records", "clock-step", "change-precision", "enable-time-to-live"}
    | {"catch-up"}
)
"""What an operator may do without the target having leave to show anything older."""


class Shown:
    """Feeds on samples and keeps what contradicts the writes.

    A row of an export may be ahead of the stream, which then carries the same changes from the first
    on: what a sample shows right after such rows were stored may be gone back from, once. Where the
    pipeline fetches the files itself nobody sees which rows are the export's: once for each key.

    Args:
        writes: every write of the run.

    Attributes:
        samples: how many there were.
        changes: how often a key showed another write than in the sample before.
        wrong: how many contradictions there were.
        findings: the first of them.
    """

    def __init__(self, writes: Sequence[Write] = ()) -> None:
        self._writes = writes
        self._by_id: dict[str, Write] = {}
        self._floors: dict[tuple[str, ...], tuple[int, str, bool]] = {}
        self._ahead: set[tuple[str, ...]] = set()
        self._was_export = False
        self._knows_export_rows = False
        self._fetches_export = False
        self._excused: set[tuple[str, ...]] = set()
        self.samples = 0
        self.changes = 0
        self.wrong = 0
        self.findings: list[Finding] = []

    def feed(self, event: Mapping[str, Any]) -> None:
        """One more sample."""
        self.samples += 1
        if not self._by_id:
            self._by_id = {w.id: w for w in self._writes if w.id}
        for cells in event["gone"]:
            floor = self._floors.get(tuple(cells))
            if floor is not None:
                self._floors[tuple(cells)] = (floor[0], floor[1], True)
        for cells, marker in event["shown"]:
            self._look(tuple(cells), marker)
            if self._was_export:
                self._ahead.add(tuple(cells))
        self._was_export = False

    def stored_export(self) -> None:
        """Rows of an export were stored."""
        self._was_export = self._knows_export_rows = True

    def fetched_export(self) -> None:
        """The pipeline was given a data file of an export."""
        self._fetches_export = True

    def _look(self, key: tuple[str, ...], marker: str) -> None:
        floor = self._floors.get(key)
        write = self._by_id.get(marker)
        if write is None or not _is_of(write, key):
            self._add(key, f"shows write {marker!r}, which was never made to this key")
            return
        if floor is not None:
            self.changes += 1
            number, last, was_gone = floor
            if key in self._ahead:
                self._ahead.discard(key)
                self._floors[key] = (write.number, marker, False)
                return
            if write.number < number and self._may_be_export(key):
                self._floors[key] = (write.number, marker, False)
                return
            if write.number < number:
                self._add(key, f"showed write {last}, and later shows the older {marker}")
                return
            if write.number == number and was_gone:
                self._add(key, f"showed write {last}, was gone, and shows {marker} again")
                return
        self._floors[key] = (write.number, marker, False)

    def _may_be_export(self, key: tuple[str, ...]) -> bool:
        """Whether what the key showed before may have been an export's row; true once for a key."""
        if not self._fetches_export or self._knows_export_rows or key in self._excused:
            return False
        self._excused.add(key)
        return True

    def forget_after(self, act: str) -> None:
        """An operator did something to the target itself: it may begin anew."""
        if act not in HARMLESS:
            self._floors.clear()
            self._ahead.clear()

    def _add(self, key: tuple[str, ...], what: str) -> None:
        self.wrong += 1
        if len(self.findings) < KEYS_SHOWN:
            names = [f"key {at}" for at in range(len(key))]
            self.findings.append(Finding(dict(zip(names, key, strict=True)), what))


def _is_of(write: Write, key: tuple[str, ...]) -> bool:
    """Whether a write was made to a key; numbers and bytes have more than one spelling: yes."""
    if any("S" not in value for value in write.key.values()):
        return True
    return sorted(value["S"] for value in write.key.values()) == sorted(key)

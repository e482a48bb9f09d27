"""Version order: the version column orders each key's rows as its writes were made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.checks.check import KEYS_SHOWN, Finding, Verdict, checks
from harness.checks.order import numbers_of
from harness.checks.undelivered import undelivered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.checks.evidence import Evidence, RawRow

_Ranked = tuple[int, int, str]
"""A write's number, the highest version of its rows, its marker."""


class VersionOrder:
    """Proves that, for each key, a later write has a higher version, superseded rows included.

    FINAL hides such a fault whenever the right row happens to win; the apply log does not. Two
    writes with one version are a tie: which of them FINAL shows is then left to the order of
    inserts. Of several rows of one write the highest counts: an export taken while the stream goes
    on carries writes that the stream carries too, below all of the stream. A write that the stream
    never carried is the export's alone, and not held against the earlier ones that it did carry.
    Where no whole log was kept the stored rows are judged, without those that a merge, or an INSERT
    of several rows of one key, has dropped already.

    Needs: a version column and write markers.

    Could not have failed: when no key has two rows.
    """

    name = "version_order"

    def check(self, evidence: Evidence) -> Verdict:
        """Fail on a pair of rows of one key whose versions contradict their write counters."""
        if evidence.raw_rows is None or not evidence.counter_column:
            why = "the target has no version column" if evidence.raw_rows is None else "no markers"
            told = f"{why}: the order of rows cannot be judged"
            return Verdict(self.name, "unknown", False, told)
        rows = evidence.raw_rows if evidence.applied is None else evidence.applied
        numbers = numbers_of(evidence)
        newest: dict[tuple[Any, ...], tuple[int, int]] = {}
        suspects: set[tuple[Any, ...]] = set()
        pairs = 0
        for row in rows:
            number = numbers.get(row.id)
            if row.deleted or number is None:
                continue
            last = newest.get(row.key)
            pairs += last is not None
            # Rows that come in order are in order; only the others need to be sorted.
            if last is None or (row.version > last[0] and number > last[1]):
                newest[row.key] = (row.version, number)
            else:
                suspects.add(row.key)
        wrong = _contradictions(evidence, rows, suspects, numbers, set()) if suspects else []
        alone = undelivered(evidence) if wrong else set()
        if alone:
            wrong = _contradictions(evidence, rows, suspects, numbers, alone)
        if wrong:
            message = f"{len(wrong):,} keys have rows whose versions contradict their writes"
            return Verdict(self.name, "fail", True, message, tuple(wrong[:KEYS_SHOWN]))
        message = f"{pairs:,} pairs of rows of one key, each in order"
        return Verdict(self.name, "pass", pairs > 0, message)


def _contradictions(
    evidence: Evidence,
    rows: Iterable[RawRow],
    suspects: set[tuple[Any, ...]],
    numbers: dict[str, int],
    alone: set[int],
) -> list[Finding]:
    """For each suspect a pair that contradicts its writes, if there is one.

    Args:
        alone: writes that the stream never carried.
    """
    by_key: dict[tuple[Any, ...], dict[str, int]] = {}
    for row in rows:
        if row.key in suspects and not row.deleted and row.id in numbers:
            best = by_key.setdefault(row.key, {})
            best[row.id] = max(row.version, best.get(row.id, row.version))
    names = [column.name for column in evidence.key_columns]
    found = []
    for key, best in by_key.items():
        ranked = [(numbers[marker], version, marker) for marker, version in best.items()]
        pair = _first_pair(sorted(ranked, reverse=True), alone)
        if pair is not None:
            (_, above, earlier), (_, below, later) = pair
            if above == below:
                what = f"write {later} (version {below}) has the same version as write {earlier}"
            else:
                what = f"write {earlier} (version {above}) has a higher version than the later"
                what += f" write {later}"
            what += f" (version {below})"
            shown = {n: str(v) for n, v in zip(names, key, strict=True)}
            found.append(Finding(shown, what))
    return found


def _first_pair(ranked: list[_Ranked], alone: set[int]) -> tuple[_Ranked, _Ranked] | None:
    """An earlier write and a later one that it is not below; of writes from the last to the first."""
    lowest: _Ranked | None = None
    lowest_carried: _Ranked | None = None
    for write in ranked:
        against = lowest if write[0] in alone else lowest_carried
        if against is not None and write[1] >= against[1]:
            return write, against
        if lowest is None or write[1] < lowest[1]:
            lowest = write
        if write[0] not in alone and (lowest_carried is None or write[1] < lowest_carried[1]):
            lowest_carried = write
    return None


checks.add(VersionOrder.name, VersionOrder())

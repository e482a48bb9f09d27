"""Version order: the version column orders each key's rows as its writes were made."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from harness.checks.check import KEYS_SHOWN, Finding, Verdict, checks

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence, RawRow


class VersionOrder:
    """Proves that, for each key, a later write has a higher version, superseded rows included.

    FINAL hides such a fault whenever the right row happens to win; the apply log does not. Two
    writes with one version are a tie: which of them FINAL shows is then left to the order of
    inserts. Of several rows of one write the highest counts: an export taken while the stream goes on
    carries writes that the stream carries too, below all of the stream. Where no whole log was kept the stored rows are judged, without those that a merge, or
    an INSERT of several rows of one key, has dropped already.

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
        by_key: dict[tuple[Any, ...], list[RawRow]] = {}
        for row in evidence.raw_rows if evidence.applied is None else evidence.applied:
            if not row.deleted and row.counter:
                by_key.setdefault(row.key, []).append(row)
        wrong: list[Finding] = []
        pairs = 0
        for key, rows in by_key.items():
            pairs += len(rows) - 1
            finding = _first_contradiction(evidence, key, rows)
            if finding is not None:
                wrong.append(finding)
        if wrong:
            message = f"{len(wrong):,} keys have rows whose versions contradict their writes"
            return Verdict(self.name, "fail", True, message, tuple(wrong[:KEYS_SHOWN]))
        message = f"{pairs:,} pairs of rows of one key, each in order"
        return Verdict(self.name, "pass", pairs > 0, message)


def _first_contradiction(
    evidence: Evidence, key: tuple[Any, ...], rows: list[RawRow]
) -> Finding | None:
    best: dict[int, RawRow] = {}
    for row in rows:
        known = best.get(row.counter)
        if known is None or row.version > known.version:
            best[row.counter] = row
    ordered = sorted(best.values(), key=lambda row: (row.version, row.counter))
    for lower, higher in pairwise(ordered):
        tie = lower.version == higher.version and lower.counter != higher.counter
        if tie or lower.counter > higher.counter:
            relation = "the same version as" if tie else "a higher version than the later"
            names = [column.name for column in evidence.key_columns]
            return Finding(
                {n: str(v) for n, v in zip(names, key, strict=True)},
                f"write {higher.id} (counter {higher.counter}, version {higher.version}) has "
                f"{relation} write {lower.id} (counter {lower.counter}, version {lower.version})",
            )
    return None


checks.add(VersionOrder.name, VersionOrder())

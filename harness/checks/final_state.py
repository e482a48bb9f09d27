"""Final state: FINAL equals the source, row by row and column by column, typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.checks.check import KEYS_SHOWN, Verdict, checks
from harness.checks.difference import compare

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence


class FinalState:
    """Proves that every item has exactly its row, and that there is no other row.

    Sums up all differences; the other checks say of which nature each is. An item whose value its
    column cannot hold is listed, not judged (docs/mapping.md). So is one whose last change was too
    large for the stream: AWS documents that it leaves such records out.

    Could not have failed: when nothing was written.
    """

    name = "final_state"

    def check(self, evidence: Evidence) -> Verdict:
        """Fail on any difference."""
        comparison = compare(evidence)
        different = len(comparison.differences)
        could_fail = comparison.items > 0 or comparison.deleted_keys > 0
        listed = len(comparison.unstorable)
        aside = f"; {listed:,} items cannot be stored in their columns" if listed else ""
        skipped = tuple(comparison.known_skipped)
        aside += f"; {len(skipped):,} are known to be skipped by AWS" if skipped else ""
        if different:
            message = f"{different:,} of {max(comparison.items, comparison.rows):,} keys differ"
            keys = tuple(d.finding for d in comparison.differences[:KEYS_SHOWN])
            return Verdict(self.name, "fail", could_fail, message + aside, keys, skipped)
        if not could_fail:
            return Verdict(self.name, "unknown", False, "nothing was written, nothing is proven")
        message = f"{comparison.items:,} items equal {comparison.rows:,} rows{aside}"
        listed_keys = tuple(comparison.unstorable[:5])
        return Verdict(self.name, "pass", could_fail, message, listed_keys, skipped)


checks.add(FinalState.name, FinalState())

"""Monotone reads: while the pipeline runs, FINAL never goes back to an earlier write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.checks.check import Verdict, checks
from harness.checks.journal import journal_of

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence


class MonotoneReads:
    """Proves that no sample of FINAL showed a key at an earlier write than a sample before it did.

    Nor at a write that was never made. A key that was shown, was gone and is shown again must show
    a later write. What an operator does to the target itself (truncate, alter) begins it anew.

    Needs: samples taken while the pipeline runs, and write markers. Between two samples a key may
    have gone back and forth unseen.

    Could not have failed: when no key showed two different writes in two samples.
    """

    name = "monotone_reads"

    def check(self, evidence: Evidence) -> Verdict:
        """Fail on a key that went back, or showed what was never written."""
        journal = journal_of(evidence)
        if journal is None or not evidence.id_column or not journal.shown.samples:
            why = "no write markers" if not evidence.id_column else "FINAL was not sampled"
            return Verdict(self.name, "unknown", False, why)
        shown = journal.shown
        if shown.wrong:
            message = f"{shown.wrong:,} times FINAL went back or showed what was never written"
            return Verdict(self.name, "fail", True, message, tuple(shown.findings))
        message = f"{shown.samples:,} samples, {shown.changes:,} keys seen going on, none back"
        return Verdict(self.name, "pass", shown.changes > 0, message)


checks.add(MonotoneReads.name, MonotoneReads())

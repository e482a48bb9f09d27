"""Convergence: once writing stops and everything is delivered, the target becomes the source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.checks.check import Verdict, checks
from harness.checks.difference import compare

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence


class Convergence:
    """Proves that the target came to equal the source at every barrier, and stayed so.

    A barrier is a point where writing has stopped, faults have ended and every change is delivered.
    A target that has come to rest and differs will not converge by itself; one that was still
    changing when time was up may have, so that is unknown.

    Needs: how each barrier ended.

    Could not have failed: without a barrier.
    """

    name = "convergence"

    def check(self, evidence: Evidence) -> Verdict:
        """Fail on a target at rest that differs."""
        barriers = list(evidence.barriers)
        if not barriers:
            return Verdict(self.name, "unknown", False, "the run had no barrier")
        differ = len(compare(evidence).differences)
        if barriers[-1] in ("stalled", "ended") and differ:
            how = "has not changed any more" if barriers[-1] == "stalled" else "the pipeline ended"
            return Verdict(self.name, "fail", True, f"{how}, and {differ:,} keys differ")
        if barriers[-1] in ("timeout", "stuck"):
            return Verdict(self.name, "unknown", True, "the target had not come to rest")
        count = "the barrier" if len(barriers) == 1 else f"{len(barriers):,} barriers"
        return Verdict(self.name, "pass", True, f"the target had become the source at {count}")


checks.add(Convergence.name, Convergence())

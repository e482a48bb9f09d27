"""No phantom: nothing is shown that was never written, and no key is shown twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.checks.check import KEYS_SHOWN, Verdict, checks
from harness.checks.difference import compare

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence


class NoPhantom:
    """Proves that each row of FINAL belongs to a key that was written, and to one row only.

    Could not have failed: when FINAL shows no row.
    """

    name = "no_phantom"

    def check(self, evidence: Evidence) -> Verdict:
        """Fail on a row of an unknown key, e.g. the empty key of a badly mapped delete."""
        comparison = compare(evidence)
        shown = comparison.of("phantom", "twice")
        if shown:
            message = f"{len(shown):,} rows belong to no item that was ever written"
            return Verdict(self.name, "fail", True, message, tuple(shown[:KEYS_SHOWN]))
        message = f"{comparison.rows:,} rows, each of a key that was written"
        return Verdict(self.name, "pass", comparison.rows > 0, message)


checks.add(NoPhantom.name, NoPhantom())

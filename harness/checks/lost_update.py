"""No lost update: every item shows its last write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.checks.check import KEYS_SHOWN, Verdict, checks
from harness.checks.difference import compare

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence


class NoLostUpdate:
    """Proves that no item is missing and none shows an earlier write than its last.

    With write markers it names the two writes that changed places. Without them a stale row cannot
    be told from an altered one, and only missing rows are found here.
    """

    name = "no_lost_update"

    def check(self, evidence: Evidence) -> Verdict:
        """Fail on missing and on stale rows."""
        comparison = compare(evidence)
        lost = comparison.of("missing", "stale")
        if lost:
            missing = len(comparison.of("missing"))
            message = f"{missing:,} items are missing, {len(lost) - missing:,} show an older write"
            return Verdict(self.name, "fail", True, message, tuple(lost[:KEYS_SHOWN]))
        weaker = "" if evidence.id_column else " (no write markers: stale rows are not told apart)"
        message = f"{comparison.items:,} items show their last write{weaker}"
        return Verdict(self.name, "pass", comparison.items > 0, message)


checks.add(NoLostUpdate.name, NoLostUpdate())

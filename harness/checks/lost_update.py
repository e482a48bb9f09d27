"""No lost update: every item shows its last write."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.checks.check import KEYS_SHOWN, Verdict, checks
from harness.checks.difference import compare
from harness.checks.journeys import journeys_of

if TYPE_CHECKING:
    from harness.checks.check import Finding
    from harness.checks.evidence import Evidence


class NoLostUpdate:
    """Proves that no item is missing and none shows an earlier write than its last.

    With write markers it names the two writes that changed places, and with the apply log whether
    the last write's row ever entered the target. Without markers a stale row cannot be told from an
    altered one, and only missing rows are found here.

    Could not have failed: when the source holds no item.
    """

    name = "no_lost_update"

    def check(self, evidence: Evidence) -> Verdict:
        """Fail on missing and on stale rows."""
        comparison = compare(evidence)
        lost = comparison.of("missing", "stale")
        if lost:
            missing = len(comparison.of("missing"))
            message = f"{missing:,} items are missing, {len(lost) - missing:,} show an older write"
            return Verdict(self.name, "fail", True, message, tuple(_told(evidence)[:KEYS_SHOWN]))
        weaker = "" if evidence.id_column else " (no write markers: stale rows are not told apart)"
        message = f"{comparison.items:,} items show their last write{weaker}"
        return Verdict(self.name, "pass", comparison.items > 0, message)


def _told(evidence: Evidence) -> list[Finding]:
    """What is lost, and whether its row ever entered the target."""
    found = compare(evidence).keys_of("missing", "stale")
    journeys = journeys_of(evidence)
    told = []
    for key, finding in found.items():
        stored = journeys.lost[key].is_stored if journeys is not None else None
        how = {True: "; its row entered and was outranked", False: "; its row never entered"}
        what = finding.what + (how[stored] if stored is not None else "")
        told.append(replace(finding, what=what))
    return told


checks.add(NoLostUpdate.name, NoLostUpdate())

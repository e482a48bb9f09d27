"""Hand-off: snapshot and stream together cover every key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.checks.check import KEYS_SHOWN, Finding, Verdict, checks
from harness.checks.journal import journal_of
from harness.checks.journeys import journeys_of

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence
    from harness.checks.journeys import Journey


class HandOff:
    """Proves that no key fell between the export and the stream.

    A key that no change record tells of is the export's alone: it must have been loaded. A key
    whose last change lies in the stream must have been read there: a reader that begins behind it,
    at the export's cut or at a new shard, leaves a gap.

    Needs: the history; for the export's keys, that the pipeline was given an export.

    Could not have failed: when the pipeline was given no export and read no record.
    """

    name = "hand_off"

    def check(self, evidence: Evidence) -> Verdict:
        """Fail on a lost key that neither feed brought."""
        journal, journeys = journal_of(evidence), journeys_of(evidence)
        if journal is None or journeys is None:
            return Verdict(self.name, "unknown", False, "no history was kept")
        wrong = []
        for journey in journeys.lost.values():
            what = _uncovered(journey, has_export=evidence.has_export)
            if what:
                found = journey.finding
                wrong.append(Finding(found.key, what, found.source, found.found))
        if wrong:
            message = f"{len(wrong):,} keys were covered neither by the export nor by the stream"
            return Verdict(self.name, "fail", True, message, tuple(wrong[:KEYS_SHOWN]))
        could_fail = evidence.has_export or journal.records > 0
        message = f"{journal.deliveries:,} records in the stream, no key between it and the export"
        return Verdict(self.name, "pass", could_fail, message)


def _uncovered(journey: Journey, *, has_export: bool) -> str:
    if journey.is_stored:
        return ""
    if not journey.places:
        return "only the export holds it, and it was never loaded" if has_export else ""
    if journey.began_beyond and not journey.read_in:
        shard, number = journey.places[0]
        return f"reading of {shard} began behind its last change (sequence number {number})"
    return ""


checks.add(HandOff.name, HandOff())

"""Checkpoint honesty: nothing counts as done before it is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.checks.check import KEYS_SHOWN, Finding, Verdict, checks
from harness.checks.journal import journal_of
from harness.checks.journeys import journeys_of

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence
    from harness.checks.journeys import Journey


class CheckpointHonesty:
    """Proves that no restart went on behind a record whose row was never stored.

    Where a pipeline keeps its position is its own affair: a table, a file, a lease. What can be
    seen of any pipeline is what it reads. A record was handed to one incarnation; its row never
    entered the target; after that incarnation's end the next did not ask for it again. Or nobody
    was ever given it, because the next incarnation began behind it. Then the position that was kept
    was beyond what was stored.

    Needs: the history with the pages that were read, an incarnation's end and another's start. A
    record that a later change of its key made good is not found.

    Could not have failed: when no record had been read before an incarnation ended.
    """

    name = "checkpoint_honesty"

    def check(self, evidence: Evidence) -> Verdict:
        """Fail on a lost key whose last change was left behind at a restart."""
        journal, journeys = journal_of(evidence), journeys_of(evidence)
        if journal is None or journeys is None:
            return Verdict(self.name, "unknown", False, "no history was kept")
        if not journal.readers["kinesis"] and journal.records:
            why = "records of this feed cannot be told apart"
            return Verdict(self.name, "unknown", False, why)
        if not journal.ends or not journal.records_before_end:
            return Verdict(self.name, "pass", False, "nothing was read before a restart")
        wrong = []
        for journey in journeys.lost.values():
            what = _left_behind(journey, journeys.generations)
            if what:
                found = journey.finding
                wrong.append(Finding(found.key, what, found.source, found.found))
        if wrong:
            message = f"{len(wrong):,} changes were never stored, and a restart went on behind them"
            return Verdict(self.name, "fail", True, message, tuple(wrong[:KEYS_SHOWN]))
        message = f"{len(journal.ends):,} ends of the pipeline, no record left behind"
        return Verdict(self.name, "pass", True, message)


def _left_behind(journey: Journey, generations: int) -> str:
    """What a restart did to a change; empty when it is not to blame."""
    if journey.is_stored is not False or not journey.places:
        return ""
    place = f"{journey.places[0][0]}, sequence number {journey.places[0][1]}"
    if journey.read_in:
        last = max(journey.read_in)
        if last < generations - 1:
            return (
                f"its last change ({place}) was read before restart {last + 1}, "
                "never stored, and never read again"
            )
        return ""
    if journey.skipped_in and min(journey.skipped_in) > 0:
        return (
            f"its last change ({place}) was never read: "
            f"reading went on behind it after restart {min(journey.skipped_in)}"
        )
    return ""


checks.add(CheckpointHonesty.name, CheckpointHonesty())

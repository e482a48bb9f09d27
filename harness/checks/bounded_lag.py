"""Bounded lag: no shard is left standing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.checks.check import KEYS_SHOWN, Finding, Verdict, checks
from harness.checks.journal import journal_of
from harness.checks.journeys import journeys_of

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence

STANDING_SECONDS = 2.0


class BoundedLag:
    """Proves that every change that the target needs was read within bounded time.

    At rest, a record that nobody has read, of a key that is not as it should be, is a shard that
    stands: its iterator has expired, it was never found, or the pipeline waits for what never
    comes. Records that would change nothing may stay unread.

    The message gives the longest time that a record waited in the stream. `[settle]
    lag_seconds_max` bounds it in a live run.

    Needs: the history of a pipeline that reads the stream the relay writes.

    Could not have failed: when no record reached the stream, or another feed was read.
    """

    name = "bounded_lag"

    def check(self, evidence: Evidence) -> Verdict:
        """Fail on a standing shard, and on a longer wait than the scenario allows."""
        journal, journeys = journal_of(evidence), journeys_of(evidence)
        if journal is None or journeys is None:
            return Verdict(self.name, "unknown", False, "no history was kept")
        if not journal.readers["kinesis"]:
            return Verdict(self.name, "pass", False, "nothing was read from the stream")
        standing = [
            Finding(j.finding.key, f"nobody read its last change in {j.places[0][0]}")
            for j in journeys.lost.values()
            if j.places and not j.read_in and not j.skipped_in
        ]
        waited = (journal.end_us - journal.oldest_unread_us) / 1e6
        if standing and waited >= STANDING_SECONDS:
            shards = ", ".join(sorted(journal.unread))
            message = f"{sum(journal.unread.values()):,} records of {shards} were never read"
            return Verdict(self.name, "fail", True, message, tuple(standing[:KEYS_SHOWN]))
        lag = journal.lag_us_max / 1e6
        bound = evidence.lag_seconds_max
        if bound is not None and lag > bound:
            message = f"a record waited {lag:,.3f} s in the stream, more than {bound:g} s"
            return Verdict(self.name, "fail", True, message)
        message = f"{journal.deliveries:,} records, none waited longer than {lag:,.3f} s"
        return Verdict(self.name, "pass", journal.deliveries > 0, message)


checks.add(BoundedLag.name, BoundedLag())

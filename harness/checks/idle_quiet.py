"""Idle quiet: with nothing new, a pipeline writes nothing and asks in moderation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.checks.check import Verdict, checks
from harness.checks.journal import journal_of

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence

POLLS_PER_SECOND_MAX = 200.0
"""Of one shard. AWS allows five to all consumers together; what ships asks more often in a run."""


class IdleQuiet:
    """Proves that nothing goes in while nothing is new, and that no shard is asked in a loop.

    Idle is a time of a second or more after the last write, delivery, page with records, fault or
    restart. Rows that go in then, beyond twice of what was ever read, have no cause. More than 200
    GetRecords a second of one shard are a loop without a pause, refused ones counted.

    Needs: the history, with an idle time in it.

    Could not have failed: when there was none.
    """

    name = "idle_quiet"

    def check(self, evidence: Evidence) -> Verdict:
        """Fail on writes without a cause, and on polling without a pause."""
        journal = journal_of(evidence)
        if journal is None:
            return Verdict(self.name, "unknown", False, "no history was kept")
        if not journal.idle_seconds:
            return Verdict(self.name, "pass", False, "there was always something new")
        if journal.idle_rows:
            message = f"{journal.idle_rows:,} rows went in while nothing was new"
            return Verdict(self.name, "fail", True, message)
        polls = journal.idle_polls_per_second
        if polls > POLLS_PER_SECOND_MAX:
            message = f"a shard was asked {polls:,.0f} times a second while nothing was new"
            return Verdict(self.name, "fail", True, message)
        message = f"idle for {journal.idle_seconds:,.1f} s, asked {polls:.1f} times a second"
        return Verdict(self.name, "pass", True, message)


checks.add(IdleQuiet.name, IdleQuiet())

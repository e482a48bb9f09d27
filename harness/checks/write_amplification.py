"""Write amplification: no more rows go in than what was read calls for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.checks.check import Verdict, checks
from harness.checks.journal import journal_of

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence

ROWS_PER_RECORD_MAX = 2


class WriteAmplification:
    """Proves that the rows inserted stay within twice of what the pipeline was handed out.

    Twice, since a pipeline may write a change as two rows. Handed out are: each record, as often as
    it was read; for each read of the snapshot as many rows as were ever written; and the rows of an
    INSERT that was sent again, as the error that it met justifies. So a restart or a duplicate is
    no fault, but a loop that stores the same rows again and again is.

    Needs: the history, and either the apply log or INSERTs that name the target.

    Could not have failed: when nothing was inserted, or nobody saw what was read.
    """

    name = "write_amplification"

    def check(self, evidence: Evidence) -> Verdict:
        """Fail on more rows than that."""
        journal = journal_of(evidence)
        if journal is None:
            return Verdict(self.name, "unknown", False, "no history was kept")
        rows = journal.rows if evidence.applied is None else len(evidence.applied)
        rows = max(rows, journal.rows)
        if not rows or not journal.budget:
            return Verdict(self.name, "pass", False, "nothing was seen going in or out")
        bound = ROWS_PER_RECORD_MAX * journal.budget
        if rows > bound:
            message = f"{rows:,} rows were inserted for {journal.budget:,} records and items read"
            return Verdict(self.name, "fail", True, message)
        share = rows / journal.budget
        message = f"{rows:,} rows for {journal.budget:,} records and items read: {share:.2f} each"
        return Verdict(self.name, "pass", True, message)


checks.add(WriteAmplification.name, WriteAmplification())

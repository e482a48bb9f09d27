"""Apply order: where the last row to arrive is the one shown, rows arrive in the order of writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.checks.check import KEYS_SHOWN, Finding, Verdict, checks
from harness.checks.journal import journal_of
from harness.checks.order import numbers_of

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence


class ApplyOrder:
    """Proves that no row entered an order-sensitive target after a row of a later write of its key.

    A target without a version column shows what came last. There a row of an earlier write that
    comes for the first time after a later one is wrong from then on, whatever FINAL shows at the
    end. A row that comes again is a redelivery, and another check's affair. Where versions decide,
    the same disorder is harmless: it is counted and told, not failed.

    Needs: the whole apply log, with write markers.

    Could not have failed: where versions decide; where no key had two rows; where the stream
    itself was out of order, which no reader can see.
    """

    name = "apply_order"

    def check(self, evidence: Evidence) -> Verdict:
        """Fail on rows that arrive in another order than that of their writes."""
        if evidence.applied is None or not evidence.counter_column:
            return Verdict(self.name, "unknown", False, "no whole log of the rows that went in")
        numbers = numbers_of(evidence)
        newest: dict[tuple[Any, ...], tuple[int, str]] = {}
        seen: set[str] = set()
        late: list[Finding] = []
        followed = again = 0
        names = [column.name for column in evidence.key_columns]
        for row in evidence.applied:
            number = numbers.get(row.id)
            if row.deleted or number is None:
                continue
            if row.id in seen:
                again += 1
                continue
            seen.add(row.id)
            last = newest.get(row.key)
            if last is not None:
                followed += 1
                if number < last[0]:
                    key = {n: str(v) for n, v in zip(names, row.key, strict=True)}
                    late.append(Finding(key, f"write {row.id} entered after the later {last[1]}"))
                    continue
            newest[row.key] = (number, row.id)
        return self._verdict(evidence, late, followed, again)

    def _verdict(
        self, evidence: Evidence, late: list[Finding], followed: int, again: int
    ) -> Verdict:
        told = f"{followed:,} rows came after others of their key, {len(late):,} of them late"
        told += f"; {again:,} came again" if again else ""
        if evidence.raw_rows is not None:
            return Verdict(self.name, "pass", False, f"{told}; versions decide")
        journal = journal_of(evidence)
        if journal is None or journal.overtaken:
            return Verdict(self.name, "pass", False, f"{told}; the stream was not in order")
        if late:
            return Verdict(self.name, "fail", True, told, tuple(late[:KEYS_SHOWN]))
        return Verdict(self.name, "pass", followed > 0, told)


checks.add(ApplyOrder.name, ApplyOrder())

"""Poison isolation: what cannot be stored harms nothing but itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.checks.check import KEYS_SHOWN, Verdict, checks
from harness.checks.difference import compare

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence


class PoisonIsolation:
    """Proves that a record which cannot be stored neither stops nor loses its neighbours.

    Poison is an item whose value its column cannot hold (docs/mapping.md). Every other item must
    have arrived. Where the pipeline keeps an error table, `<target>…error`, it must hold a row.

    Needs: an item that cannot be stored.

    Could not have failed: when there was none.
    """

    name = "poison_isolation"

    def check(self, evidence: Evidence) -> Verdict:
        """Fail on a lost neighbour, and on poison that no error table knows."""
        comparison = compare(evidence)
        poison = len(comparison.unstorable)
        if not poison:
            return Verdict(self.name, "pass", False, "every item can be stored")
        lost = comparison.of("missing", "stale", "resurrected")
        if lost:
            message = (
                f"beside {poison:,} items that cannot be stored, {len(lost):,} others are lost"
            )
            return Verdict(self.name, "fail", True, message, tuple(lost[:KEYS_SHOWN]))
        rows = evidence.count_errors() if evidence.count_errors is not None else None
        if rows == 0:
            message = f"{poison:,} items cannot be stored, and the error table holds no row"
            found = tuple(comparison.unstorable[:KEYS_SHOWN])
            return Verdict(self.name, "fail", True, message, found)
        kept = "" if rows is None else f"; {rows:,} rows in the error table"
        message = f"{poison:,} items cannot be stored, all others arrived{kept}"
        return Verdict(self.name, "pass", True, message)


checks.add(PoisonIsolation.name, PoisonIsolation())

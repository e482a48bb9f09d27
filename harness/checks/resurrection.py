"""No resurrection: what was deleted stays deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.checks.check import KEYS_SHOWN, Verdict, checks
from harness.checks.difference import compare

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence


class NoResurrection:
    """Proves that no key that was written and then deleted is still, or again, shown by FINAL.

    Could not have failed: when nothing was deleted.
    """

    name = "no_resurrection"

    def check(self, evidence: Evidence) -> Verdict:
        """Fail on a shown key that the source no longer holds; needs a delete to be able to."""
        comparison = compare(evidence)
        shown = comparison.of("resurrected")
        if shown:
            message = f"{len(shown):,} deleted items are still shown"
            return Verdict(self.name, "fail", True, message, tuple(shown[:KEYS_SHOWN]))
        could_fail = comparison.deleted_keys > 0
        message = f"{comparison.deleted_keys:,} deleted items, none shown"
        return Verdict(self.name, "pass", could_fail, message)


checks.add(NoResurrection.name, NoResurrection())

"""Type fidelity: a value arrives as it was, to the last digit and byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.checks.check import KEYS_SHOWN, Verdict, checks
from harness.checks.difference import compare

if TYPE_CHECKING:
    from harness.checks.evidence import Evidence


class TypeFidelity:
    """Proves that a row of the right write holds the write's values, compared without floats.

    The rules for each pair of types are docs/mapping.md.

    Could not have failed: when the source holds no item.
    """

    name = "type_fidelity"

    def check(self, evidence: Evidence) -> Verdict:
        """Fail on a row of the last write whose values differ from the item's."""
        comparison = compare(evidence)
        altered = comparison.of("altered")
        if altered:
            message = f"{len(altered):,} rows hold values that their item does not"
            return Verdict(self.name, "fail", True, message, tuple(altered[:KEYS_SHOWN]))
        count = len(evidence.columns)
        message = f"{comparison.items:,} items in {count} columns arrived unaltered"
        return Verdict(self.name, "pass", comparison.items > 0, message)


checks.add(TypeFidelity.name, TypeFidelity())

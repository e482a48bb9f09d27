"""Which defect class fits what was observed of a key.

Each rule looks at one key and names a class of the catalogue with its reason, or stays silent.
They are asked from the particular to the general, so the first answer is the best; a rule speaks
of what was recorded, never of the pipeline's code. Without any answer nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.defects.catalogue import Defect, defect
from harness.explain.case import Case
from harness.explain.fit_order import early_rules, order_rules
from harness.explain.fit_values import value_rules
from harness.explain.fit_way import way_rules

if TYPE_CHECKING:
    from harness.explain.backdrop import Backdrop
    from harness.explain.life import Life
    from harness.explain.material import Material


@dataclass(frozen=True, slots=True)
class Fit:
    """A class of the catalogue, and what speaks for it."""

    defect: Defect
    because: str


def fits(life: Life, backdrop: Backdrop, material: Material) -> list[Fit]:
    """Classes that fit, the best first; empty when the key is well or nothing speaks for any."""
    end = life.end
    if end is None or not end.what:
        return []
    by_write = {change.write: change for change in life.changes}
    shown = by_write.get((end.found or {}).get("_w", ""))
    last = life.changes[-1] if life.changes else None
    case = Case(life, end, backdrop, material, last, shown)
    found: dict[str, Fit] = {}
    for rule in (*early_rules, *value_rules, *way_rules[:2], *order_rules, *way_rules[2:]):
        for name, because in rule(case):
            found.setdefault(name, Fit(defect(name), because))
    return list(found.values())

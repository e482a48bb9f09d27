"""The verdict on a key: what is wrong, what it took, which class fits, and what usually helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.explain.fit import Fit, fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.explain.backdrop import Backdrop
    from harness.explain.life import Life
    from harness.explain.material import Material

NAMED_MAX = 3


@dataclass(frozen=True, slots=True)
class Explanation:
    """What can be said of one key.

    Attributes:
        sentence: the whole of it in one sentence.
        repair: what usually helps; empty when no class fits.
        fits: classes of the catalogue that fit, the best first.
        present: faults and acts that were present when it went wrong.
        necessary: what was found necessary; None when nobody tried.
    """

    sentence: str
    repair: str
    fits: tuple[Fit, ...]
    present: tuple[str, ...]
    necessary: tuple[str, ...] | None = None


def explain(
    life: Life,
    backdrop: Backdrop,
    material: Material,
    necessary: Sequence[str] | None = None,
) -> Explanation:
    """Explain one life.

    Args:
        life: of the key.
        backdrop: what happened around it.
        material: the run.
        necessary: what the failure does not happen without, found by leaving out each in turn;
            None when that was not tried.
    """
    found = fits(life, backdrop, material)
    present = present_in(life, backdrop)
    end = life.end
    if end is None:
        said = f"Of {life.label} the run kept no end: it is not among the keys that differ"
    elif not end.what:
        said = f"{life.label} ended as DynamoDB has it"
        if end.found is None and end.source is None:
            said += ": deleted, and not shown"
    else:
        said = f"{life.label} {end.what}"
        if found:
            said += f": {found[0].because} ({found[0].defect.name})"
        said += _cause(necessary, present)
    return Explanation(
        said + ".",
        found[0].defect.repair if found else "",
        tuple(found),
        tuple(present),
        None if necessary is None else tuple(necessary),
    )


def _cause(necessary: Sequence[str] | None, present: Sequence[str]) -> str:
    if necessary:
        return f"; it does not happen without {_listed(necessary)}"
    if necessary is not None:
        return "; it takes no fault, the writes alone bring it"
    if present:
        return f"; present when it failed: {_listed(present)}"
    return "; no fault fell into its life"


def present_in(life: Life, backdrop: Backdrop) -> list[str]:
    """Faults, kills, disorder and acts that fell into the life, each once."""
    found: dict[str, None] = {}
    words = {
        "overtakes": "a reordered delivery",
        "again": "a repeated delivery",
        "late-again": "a repeated delivery after a newer change",
    }
    for moment in life.moments:
        if moment.lane == "stream" and moment.tag in words:
            found[words[moment.tag]] = None
        elif moment.kind == "fault":
            found[moment.text] = None
        elif moment.kind == "operator":
            found[f"{moment.text} by the operator"] = None
        elif moment.kind == "life" and moment.text.endswith(("killed", "exited")):
            end = moment.text.rpartition(" ")[2]
            found["a kill" if end == "killed" else "an end of the pipeline by itself"] = None
    return list(found)


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:NAMED_MAX])
    if len(names) > NAMED_MAX:
        shown.append(f"{len(names) - NAMED_MAX} more")
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1]

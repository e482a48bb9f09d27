"""The defect classes as data: their names are what mutants, repro files and verdicts speak of.

The text is in `catalogue.toml` beside this module, so that it can be read and extended as prose.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.errors import UsageError, nearest

FILE = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True, slots=True)
class Defect:
    """One class of defects.

    Attributes:
        number: its place in the catalogue.
        name: what mutants and reports call it.
        group: its theme.
        sentence: what goes wrong.
        trigger: what must happen for it to show.
        repair: what usually helps.
        checks: names of the checks that typically show it.
        reference: public addresses where it was met or is explained.
    """

    number: int
    name: str
    group: str
    sentence: str
    trigger: str
    repair: str
    checks: tuple[str, ...]
    reference: tuple[str, ...]


@cache
def defects() -> dict[str, Defect]:
    """Every class by its name, in the order of the catalogue."""
    found = tomllib.loads(FILE.read_text(encoding="utf-8"))["defect"]
    made = [
        Defect(
            **{**entry, "checks": tuple(entry["checks"]), "reference": tuple(entry["reference"])}
        )
        for entry in found
    ]
    return {defect.name: defect for defect in made}


def defect(name: str) -> Defect:
    """The class of that name.

    Raises:
        UsageError: there is none; the hint lists the nearest.
    """
    known = defects()
    if name not in known:
        raise UsageError(f"unknown defect {name!r}", hint=nearest(name, known))
    return known[name]

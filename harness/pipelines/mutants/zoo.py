"""The zoo: every mutant of the reference sync by name, with the defect that it has.

A mutant differs from the reference in one step and has one defect of `harness.defects`, whose name
it bears; a further word tells variants of one class apart. They are listed in `zoo.toml`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = "harness.pipelines.mutants"
FILE = Path(__file__).with_name("zoo.toml")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mutant.

    Attributes:
        name: as a pipeline.
        defect: name of its class in the catalogue.
        does: one sentence: what it does instead of the right thing.
        module: of this package.
        attribute: its class there.
        checks: those that name its nature: it counts as found only when one of them fails.
        equivalent: why nothing can tell it from the reference; empty when something can.
    """

    name: str
    defect: str
    does: str
    module: str
    attribute: str
    checks: tuple[str, ...]
    equivalent: str = ""


@cache
def zoo() -> dict[str, Mutant]:
    """Every mutant by name, in the order of the catalogue."""
    found = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {name: _mutant(name, **members) for name, members in found.items()}


def _mutant(
    name: str, *, defect: str, does: str, made_by: str, checks: list[str], equivalent: str = ""
) -> Mutant:
    module, _, attribute = made_by.partition(".")
    return Mutant(name, defect, does, module, attribute, tuple(checks), equivalent)

"""The kill matrix as a whole: who was found by what, who survived, who was accused wrongly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.matrix.cell import CORRECT, Cell, Kill
from harness.pipelines.mutants.zoo import zoo

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(slots=True)
class Matrix:
    """All cells.

    Attributes:
        cells: by pipeline, then by scenario, in the order in which they were planned.
    """

    cells: dict[str, dict[str, Cell]] = field(default_factory=dict)

    @classmethod
    def of(cls, cells: Sequence[Cell]) -> Matrix:
        """From single cells."""
        matrix = cls()
        for cell in cells:
            matrix.cells.setdefault(cell.pipeline, {})[cell.scenario] = cell
        return matrix

    @property
    def scenarios(self) -> list[str]:
        """Every scenario that some pipeline met."""
        return list(dict.fromkeys(name for row in self.cells.values() for name in row))

    def kills(self, pipeline: str) -> list[Kill]:
        """By which it was found: for each scenario, the checks that name its nature."""
        return [kill for cell in self.cells[pipeline].values() for kill in cell.expected]

    def beside(self, pipeline: str) -> list[Kill]:
        """Failing checks that say nothing of its nature, where none that does has failed."""
        return [k for c in self.cells[pipeline].values() if not c.expected for k in c.kills]

    @property
    def survivors(self) -> list[str]:
        """Mutants that nothing found, those left out that are equivalent by proof."""
        return [
            name
            for name in self.cells
            if name in zoo() and not zoo()[name].equivalent and not self.kills(name)
        ]

    @property
    def found(self) -> list[str]:
        """Mutants that were found."""
        return [name for name in self.cells if name in zoo() and self.kills(name)]

    @property
    def false_alarms(self) -> list[dict[str, Any]]:
        """Correct pipelines that failed, or that no seed of a scenario could judge."""
        alarms: list[dict[str, Any]] = []
        for name in CORRECT:
            for scenario, cell in self.cells.get(name, {}).items():
                alarms += [
                    {"pipeline": name, "scenario": scenario, "seed": k.seed, "check": k.check}
                    for k in cell.kills
                ]
                if len(cell.unknown) == cell.seeds:
                    reason = cell.unknown[0]
                    alarms.append(
                        {"pipeline": name, "scenario": scenario, "check": "", "reason": reason}
                    )
        return alarms

    @property
    def undecided(self) -> list[dict[str, str]]:
        """Examples that could not be judged."""
        return [
            {"pipeline": name, "scenario": scenario, "reason": reason}
            for name, row in self.cells.items()
            for scenario, cell in row.items()
            for reason in cell.unknown
        ]

    @property
    def exit_code(self) -> int:
        """1 when a mutant survived or a correct pipeline was accused."""
        return 1 if self.survivors or self.false_alarms else 0

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints; members are only ever added."""
        mutants = zoo()
        rows: dict[str, Any] = {}
        for name, row in self.cells.items():
            mutant = mutants.get(name)
            rows[name] = {
                "defect": mutant.defect if mutant else "",
                "does": mutant.does if mutant else "",
                "equivalent": mutant.equivalent if mutant else "",
                "killed_by": [
                    {"scenario": k.scenario, "check": k.check, "seed": k.seed, "what": k.what}
                    for k in self.kills(name)
                ],
                "failed_beside": [
                    {"scenario": k.scenario, "check": k.check, "seed": k.seed}
                    for k in self.beside(name)
                ],
                "examples": sum(cell.seeds for cell in row.values()),
            }
        return {
            "pipelines": rows,
            "scenarios": self.scenarios,
            "survivors": self.survivors,
            "false_alarms": self.false_alarms,
            "undecided": self.undecided,
        }

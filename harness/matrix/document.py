"""The zoo as a page of the documentation, and as what the tests try first."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from harness.clock import WallClock
from harness.defects.catalogue import defect
from harness.matrix.cell import CORRECT
from harness.matrix.plan import KNOWN_KILLS, known_kills
from harness.pipelines.mutants.zoo import zoo

if TYPE_CHECKING:
    from pathlib import Path

    from harness.matrix.matrix import Matrix

HEAD = """# The zoo

{mutants} mutants of the reference sync, each with one defect that real pipelines had, and what finds
them. They are what tells whether the harness is any good: a defect that no scenario finds is a hole
in it. Written by `harness matrix --doc docs/zoo.md` on {date} with cdc-harness {harness} and
ClickHouse {clickhouse}; the figures are those of stepped runs, which anybody can repeat:

```
harness matrix --jobs 2
harness run delete-reinsert --pipeline delete-event-ignored
```

The matrix runs every mutant, and the correct pipelines {correct}, under every small scenario. A
mutant counts as found only when a check fails that names the nature of its defect; `harness matrix`
exits with 1 when one survives, or when a correct pipeline fails. `--pipeline` and `--scenario`
choose, `--seeds` says how many seeds each cell gets (more where a mutant was found before, until it
is found again), `--set` overrides a key of every scenario, `--json` prints one object. `--record`
keeps where each mutant was found: the tests begin there. Each mutant is a pipeline by its name, in
stepped runs and in live ones.
"""
WITHOUT_MUTANT = {
    "zombie-lease-dual-writer": "the reference has no lease to lose. What an instance saves it has "
    "stored itself, so a second one can only make it read again; stepped runs start second ones",
    "streaming-destination-gap": "a hole before the stream is out of every pipeline's sight; what a "
    "pipeline can do about it, a second snapshot, has mutants of its own",
    "global-table-replica-echo": "the emulated AWS replicates no table",
}
"""Classes of the catalogue that no mutant of the reference can have, and why."""

ROW_HEAD = """
| mutant | what it does | found by | check |
|---|---|---|---|
"""


def write_document(path: Path, matrix: Matrix) -> None:
    """Write the page."""
    path.write_text(document(matrix, _clickhouse()), encoding="utf-8")


def document(matrix: Matrix, clickhouse: str) -> str:
    """The page's text.

    Args:
        matrix: what it tells of.
        clickhouse: the engine's version.
    """
    mutants = [zoo()[name] for name in matrix.cells if name in zoo()]
    correct = [name for name in matrix.cells if name in CORRECT]
    lines = [
        HEAD.format(
            mutants=len(mutants),
            date=WallClock().datetime().date().isoformat(),
            harness=version("cdc-harness"),
            clickhouse=clickhouse,
            correct=", ".join(f"`{name}`" for name in correct),
        ),
        "## What it comes to\n",
        f"- {len(matrix.found)} of {len([m for m in mutants if not m.equivalent])} mutants found"
        + (f"; survivors: {', '.join(matrix.survivors)}" if matrix.survivors else ""),
    ]
    examples = sum(cell.seeds for name in correct for cell in matrix.cells[name].values())
    lines.append(
        f"- {len(matrix.false_alarms)} false alarms in {examples} examples of the correct pipelines"
    )
    lines.append(f"- {len(matrix.scenarios)} scenarios: " + ", ".join(_links(matrix.scenarios)))
    lines += _drawn(matrix)
    for name in dict.fromkeys(mutant.defect for mutant in mutants):
        found = defect(name)
        lines += [
            f"\n## {found.number} · {found.name}\n",
            f"{found.sentence} Shows with: {found.trigger}.",
            f"\n**Repair.** {found.repair}",
            f"\n**Met in** {', '.join(f'<{address}>' for address in found.reference)}",
            ROW_HEAD.rstrip("\n"),
        ]
        lines += [_row(matrix, m.name) for m in mutants if m.defect == name]
    lines.append("\n## Classes without a mutant\n")
    for name, why in WITHOUT_MUTANT.items():
        lines.append(f"- {defect(name).number} · {name}: {why}.")
    return "\n".join(lines) + "\n"


def _drawn(matrix: Matrix) -> list[str]:
    """The matrix itself: ● found by a check that names the defect, ○ another check failed."""
    scenarios = matrix.scenarios
    numbers = " | ".join(str(number) for number in range(1, len(scenarios) + 1))
    lines = [
        "\n## The matrix\n",
        "● a check that names the defect failed, ○ another one did, empty: nothing did.\n",
        "; ".join(f"{number} {name}" for number, name in enumerate(scenarios, 1)) + "\n",
        f"| pipeline | {numbers} |",
        "|---|" + ":-:|" * len(scenarios),
    ]
    for name, row in matrix.cells.items():
        cells = [row.get(scenario) for scenario in scenarios]
        marks = ["●" if c and c.expected else "○" if c and c.kills else " " for c in cells]
        lines.append(f"| `{name}` | {' | '.join(marks)} |")
    return lines


def _row(matrix: Matrix, name: str) -> str:
    mutant = zoo()[name]
    kills = matrix.kills(name)
    scenarios = list(dict.fromkeys(kill.scenario for kill in kills))
    checks = list(dict.fromkeys(kill.check for kill in kills))
    by = ", ".join(scenarios) or ("nothing can" if mutant.equivalent else "**nothing**")
    return (
        f"| `{name}` | {mutant.does} {mutant.equivalent}".rstrip()
        + f" | {by} | {', '.join(f'`{check}`' for check in checks)} |"
    )


def _links(scenarios: list[str]) -> list[str]:
    return [f"`{name}`" for name in scenarios]


def _clickhouse() -> str:
    from harness.run.step_world import Bench

    with Bench() as bench:
        return bench.sql("SELECT version()").decode().strip()


def write_known_kills(matrix: Matrix) -> None:
    """Keep, for each mutant, one scenario and seed that finds it: those of before if they still do."""
    lines = ["# Where each mutant was found, tried first; written by `harness matrix --record`.\n"]
    before = known_kills()
    for name in zoo():
        kills = matrix.kills(name) if name in matrix.cells else []
        kept = before.get(name)
        if kills:
            # The one that the fewest seeds lead to is the dearest to search for again.
            chosen = max(kills, key=lambda kill: matrix.cells[name][kill.scenario].seeds == 1)
            scenario, seed, check = chosen.scenario, chosen.seed, chosen.check
        elif kept is not None:
            scenario, seed, check = kept.scenario, kept.seed, kept.check
        else:
            continue
        lines.append(f'[{name}]\nscenario = "{scenario}"\nseed = {seed}\ncheck = "{check}"\n')
    KNOWN_KILLS.write_text("\n".join(lines), encoding="utf-8")

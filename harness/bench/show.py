"""A bench's rows for people: a table in the terminal, and sections of docs/benchmarks.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from harness.bench.growth import Point

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.bench.result import Measured

UNSUPPORTED = "–"
TITLE = "# Benchmarks\n"
INTRODUCTION = """
Each section is written by the command named in it. What counts is the ratio: both sides of it were
measured in the same run by the same client process, in turn. Figures of different runs or machines
cannot be compared. A dash: the endpoint does not do this; the notes say how that shows.
"""


def table(rows: Sequence[Measured], peers: Sequence[str]) -> Table:
    """For the terminal."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("row", no_wrap=True)
    for name in ("unit", "ours", *peers, "ratio", "bar"):
        shown.add_column(name, justify="right", no_wrap=True)
    shown.add_column("")
    for one in rows:
        style = "" if one.passed else "red"
        shown.add_row(*cells(one, peers), "" if one.passed else "below", style=style)
    return shown


def cells(one: Measured, peers: Sequence[str]) -> list[str]:
    """One row as text."""
    return [
        one.row.name,
        one.row.unit,
        figure(one.ours),
        *(figure(one.peers.get(name)) for name in peers),
        UNSUPPORTED if one.ratio is None else f"{one.ratio:.2f}",
        UNSUPPORTED if one.row.bar is None else f"{one.row.bar:.1f}",
    ]


def points_table(points: Sequence[Point]) -> Table:
    """For the terminal: costs by size."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in Point.__slots__:
        shown.add_column(name, justify="right", no_wrap=True)
    for point in points:
        shown.add_row(*point_cells(point))
    return shown


def points_markdown(points: Sequence[Point]) -> str:
    """The same for the document."""
    names = Point.__slots__
    lines = [
        "Costs in microseconds a record, by the records that the stream holds:",
        "",
        "| " + " | ".join(names) + " |",
        "|" + "---:|" * len(names),
    ]
    lines += ["| " + " | ".join(point_cells(point)) + " |" for point in points]
    return "\n".join(lines) + "\n"


def point_cells(point: Point) -> list[str]:
    """One size as text."""
    return [figure(getattr(point, name)) for name in Point.__slots__]


def figure(value: float | None) -> str:
    """A figure in four digits at most."""
    if value is None:
        return UNSUPPORTED
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def markdown(
    rows: Sequence[Measured], peers: Sequence[str], machine: dict[str, Any], command: str
) -> str:
    """A section of the document, without its heading."""
    header = ["row", "unit", "ours", *peers, "ratio", "bar"]
    lines = [
        *_about(machine, command),
        "| " + " | ".join(header) + " |",
        "|" + "---|" * 2 + "---:|" * (len(header) - 2),
    ]
    lines += ["| " + " | ".join(cells(one, peers)) + " |" for one in rows]
    reasons = notes(rows)
    if reasons:
        lines += ["", "Why there is no figure:", "", *(f"- {_plain(line)}" for line in reasons)]
    below = [one.row.name for one in rows if not one.passed]
    lines += ["", f"Below the bar: {', '.join(below)}." if below else "Every row reaches its bar."]
    return "\n".join(lines) + "\n"


def _about(machine: dict[str, Any], command: str) -> list[str]:
    versions = ", ".join(
        f"{name} {known or '(unknown version)'}" for name, known in machine["versions"].items()
    )
    return [
        f"`{command}` on {machine['date']}; {machine['cores']} cores of {machine['cpu']},"
        f" {machine['memory_gb']} GB, {machine['system']}, Python {machine['python']},"
        f" boto3 {machine['boto3']}, load average {machine['load_average']} at the end.",
        *([f"Endpoints: {versions}."] if versions else []),
        "",
    ]


def notes(rows: Sequence[Measured]) -> list[str]:
    """Why there is no figure, a line for each endpoint and reason."""
    rows_by_reason: dict[tuple[str, str], list[str]] = {}
    for one in rows:
        for name, why in one.reasons.items():
            rows_by_reason.setdefault((name, why), []).append(one.row.name)
    return [
        f"{name}, {', '.join(names)}: {why}"
        for (name, why), names in sorted(rows_by_reason.items())
    ]


def _plain(text: str) -> str:
    return text.replace("|", "/").replace("`", "'").replace("<", "(").replace(">", ")")


def write_section(path: Path, heading: str, body: str) -> None:
    """Put a section into the document, in place of the one with the same heading.

    Args:
        path: the document; made when it is not there.
        heading: without the marks; sections stand in the order they were first written in.
        body: what stands under it.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else TITLE + INTRODUCTION
    first, *sections = text.split("\n## ")
    known = {section.partition("\n")[0]: section.partition("\n")[2] for section in sections}
    known[heading] = f"\n{body.strip()}\n"
    parts = [first.rstrip("\n") + "\n"]
    parts += [f"## {name}\n{content.rstrip()}\n" for name, content in known.items()]
    path.write_text("\n".join(parts), encoding="utf-8")

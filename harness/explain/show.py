"""An explanation in the terminal: the key's timeline, its two sides, and the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.explain.material import label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from harness.explain.backdrop import Backdrop
    from harness.explain.life import Life, Moment
    from harness.explain.material import Material
    from harness.explain.necessity import Trial
    from harness.explain.sentence import Explanation

LANES = {
    "write": ("DynamoDB", "cyan"),
    "stream": ("stream", "blue"),
    "pipeline": ("pipeline", "magenta"),
    "rows": ("ClickHouse", "yellow"),
    "final": ("FINAL", "green"),
}
FITS_SHOWN = 3


def rendered(
    material: Material,
    life: Life,
    backdrop: Backdrop,
    explanation: Explanation,
    tried: Sequence[Trial] | None = None,
) -> RenderableType:
    """Everything, top to bottom, for a console."""
    verdict = material.verdict
    told = [
        Text.assemble(
            ("the life of ", "dim"), (life.label, "bold"), (f"  in {material.name}", "dim")
        )
    ]
    if verdict.get("reason"):
        told.append(Text(f"  {verdict.get('verdict', '')}: {verdict['reason']}", style="dim"))
    parts: list[RenderableType] = [*told, Text(""), _timeline(life, backdrop)]
    if life.end is not None and life.end.what and (life.end.source or life.end.found):
        parts += [Text(""), _sides(life)]
    if tried:
        parts += [Text(""), _steps(tried)]
    parts += [Text(""), _verdict(explanation)]
    parts += [Text(f"  note: {gap}", style="yellow") for gap in material.gaps]
    return Group(*parts)


def _timeline(life: Life, backdrop: Backdrop) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for moment in life.moments:
        lane, colour = LANES[moment.lane]
        style = "bold red" if moment.tag else ""
        what = Text(moment.text, style=style)
        if moment.detail:
            what.append(f"  {moment.detail}", style="red" if moment.tag else "dim")
        table.add_row(since(moment, backdrop), Text(lane, style=colour), what)
    if not life.moments:
        table.add_row("", "", Text("nothing of this key is in the history", style="dim"))
    return Padding(table, (0, 0, 0, 2))


def since(moment: Moment, backdrop: Backdrop) -> str:
    """Seconds since the run began."""
    return f"{(moment.at_us - backdrop.start_us) / 1_000_000:.6f}"


def _sides(life: Life) -> RenderableType:
    assert life.end is not None
    source, found = life.end.source, life.end.found
    table = Table(title_justify="left", expand=False)
    for heading in ("column", "DynamoDB holds", "ClickHouse FINAL shows"):
        table.add_column(heading, overflow="fold")
    names = life.end.wrong or tuple((source or found or {}).keys())
    for name in names:
        one = Text("no such item", style="italic dim") if source is None else source.get(name, "")
        other = Text("no row", style="italic dim") if found is None else found.get(name, "")
        table.add_row(
            Text(name), one if isinstance(one, Text) else Text(one),
            other if isinstance(other, Text) else Text(other, style="red"),
        )  # fmt: skip
    return Padding(table, (0, 0, 0, 2))


def _steps(tried: Sequence[Trial]) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    for trial in tried:
        mark, style = ("needed", "bold") if trial.is_necessary else ("not needed", "dim")
        table.add_row(Text(mark, style=style), Text(trial.step, style=style))
    lead = Text("each step left out in turn, and the rest played again:", style="dim")
    return Group(lead, Padding(table, (0, 0, 0, 2)))


def _verdict(explanation: Explanation) -> RenderableType:
    lines: list[RenderableType] = [Text(explanation.sentence, style="bold")]
    for place, fit in enumerate(explanation.fits[:FITS_SHOWN]):
        lead = "fits" if place == 0 else "or"
        lines.append(Text(f"  {lead:<4} {fit.defect.name}: {fit.defect.sentence} ({fit.because})"))
    if explanation.repair:
        lines.append(Text(f"  what usually repairs it: {explanation.repair}", style="green"))
    return Group(*lines)


def as_json(
    material: Material,
    life: Life,
    backdrop: Backdrop,
    explanation: Explanation,
    tried: Sequence[Trial] | None = None,
) -> dict[str, Any]:
    """What `harness explain --json` prints; members are only ever added."""
    end = life.end
    return {
        "run": material.name,
        "key": dict(zip(life.names, life.key, strict=False)),
        "label": label(life.key),
        "sentence": explanation.sentence,
        "repair": explanation.repair,
        "fits": [
            {"defect": f.defect.name, "because": f.because, "repair": f.defect.repair}
            for f in explanation.fits
        ],
        "present": list(explanation.present),
        "necessary": None if explanation.necessary is None else list(explanation.necessary),
        "steps": None
        if tried is None
        else [{"step": t.step, "words": t.words, "needed": t.is_necessary} for t in tried],
        "differ": end.differ if end else "",
        "source": end.source if end else None,
        "found": end.found if end else None,
        "rows": list(end.rows) if end else [],
        "moments": [moment_json(moment, backdrop) for moment in life.moments],
        "gaps": list(material.gaps),
    }


def moment_json(moment: Moment, backdrop: Backdrop) -> dict[str, Any]:
    """One moment, its time in µs since the run began; members that are empty are left out."""
    members = {
        "lane": moment.lane, "kind": moment.kind, "text": moment.text, "detail": moment.detail,
        "write": moment.write, "shard": moment.shard, "tag": moment.tag,
    }  # fmt: skip
    found: dict[str, Any] = {"at_us": moment.at_us - backdrop.start_us}
    found.update({name: value for name, value in members.items() if value})
    return found

"""One run as a page: what it came to, what differed, and the lives of its keys.

A run of a million events makes a page as quick as any other: of its keys only those that differ
and a sample are told, the rest is in an index that is unpacked when somebody searches.
"""

from __future__ import annotations

from collections import Counter
from importlib.metadata import version
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import orjson

from harness.explain.choose import failing_key
from harness.explain.lives import Lives
from harness.explain.material import KeyText, Material, label, open_run, wire_key
from harness.explain.necessity import necessary
from harness.explain.sentence import explain
from harness.explain.show import moment_json
from harness.report.html import packed, render
from harness.report.rates import Rates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.explain.backdrop import Act, Backdrop
    from harness.explain.life import Life
    from harness.explain.necessity import Trial

DIFFER_MAX = 1_000
LIVES_DIFFER_MAX = 200
LIVES_SAMPLE = 40
INDEX_MAX = 200_000
ACTS_DRAWN_MAX = 150
ACTS_LISTED_MAX = 30
MOMENTS_MAX = 300
LOG_CHARACTERS_MAX = 20_000
CELL_MAX = 400
ONE_SIDED_COLUMNS = 4
STEPS_MAX = 500
TRACE = "trace.json"
_FAILING_FIRST = {"fail": 0, "unknown": 1, "pass": 2}


def write_report(folder: Path, out: Path | None = None) -> Path:
    """Write the page of a run directory; returns where it lies.

    Args:
        folder: the run directory.
        out: another place than `report.html` in it.

    Raises:
        UsageError: it is no run directory.
        BackendError: the page cannot be written.
    """
    from harness.report.pages import keep

    return keep(run_page(open_run(folder)), out or folder / "report.html")


def run_page(material: Material, tried: Sequence[Trial] | None = None) -> str:
    """The page of one run.

    Args:
        material: the run.
        tried: of a repro what came of leaving out each step; None where that was not tried.
    """
    lives, rates, index = _pass_by(material)
    told = [lives.life(key) for key in lives.keys_wanted]
    backdrop = lives.backdrop
    verdict = material.verdict
    differ = [(key, end) for key, end in material.ends.items() if end.differ]
    keys = max(material.keys, len(index))
    place = {life.key: n for n, life in enumerate(told)}
    needed = None if tried is None else necessary(list(tried))
    data = {
        "run": str(material.folder or material.name),
        "columns": material.columns,
        "keys": keys,
        "indexed": len(index),
        "differing": max(len(differ), int(verdict.get("differing", 0))),
        "differ": [_difference(key, end, place) for key, end in differ[:DIFFER_MAX]],
        "lives": [_life(life, backdrop, material, needed) for life in told],
    }
    return render(
        "run.html.j2",
        **_head(material),
        **_around(material, backdrop, rates),
        keys=keys,
        lives=len(told),
        differing=len(differ),
        data=packed(data),
        index=packed("\n".join(index)),
        gaps=material.gaps,
        steps=_steps(material, tried),
        are_tried=tried is not None,
    )


class _Chosen(Lives):
    """The lives of the keys that a page tells."""

    def __init__(self, material: Material, wanted: Sequence[KeyText]) -> None:
        super().__init__(material, wanted)
        self.keys_wanted = list(wanted)


def _pass_by(material: Material) -> tuple[_Chosen, Rates, list[str]]:
    """Read the history once, for everything that the page shows of it."""
    lives = _Chosen(material, _wanted(material))
    rates = Rates(str(material.scenario.get("target", {}).get("table", "")))
    writes: Counter[KeyText] = Counter()
    deliveries: Counter[KeyText] = Counter()
    names = material.key_names
    for event in material.events():
        lives.feed(event)
        rates.feed(event)
        kind = event.get("event")
        if kind in ("write", "delivery"):
            key = wire_key(names, event.get("key") or {})
            counted = writes if kind == "write" else deliveries
            if key in writes or len(writes) < INDEX_MAX:
                counted[key] += 1
    if not lives.keys_wanted:
        # Nobody kept how keys ended: tell the first that were written.
        return _first_written(material, list(writes)[:LIVES_SAMPLE], rates, writes, deliveries)
    return lives, rates, _index(writes, deliveries)


def _first_written(
    material: Material, keys: list[KeyText], rates: Rates,
    writes: Counter[KeyText], deliveries: Counter[KeyText],
) -> tuple[_Chosen, Rates, list[str]]:  # fmt: skip
    lives = _Chosen(material, keys)
    lives.feed_all()
    return lives, rates, _index(writes, deliveries)


def _index(writes: Counter[KeyText], deliveries: Counter[KeyText]) -> list[str]:
    return [
        f"{' '.join(label(key).split())}\t{count}\t{deliveries[key]}"
        for key, count in writes.items()
    ]


def _wanted(material: Material) -> list[KeyText]:
    """Which keys are told: first the one that explain tells, then what differs, then a sample."""
    chosen: dict[KeyText, None] = {}
    first = failing_key(material)
    if first is not None:
        chosen[first] = None
    for key, end in material.ends.items():
        if end.what and len(chosen) < LIVES_DIFFER_MAX:
            chosen[key] = None
    well = [key for key, end in material.ends.items() if not end.what]
    # Keys with more rows have more to tell.
    well.sort(key=lambda key: -len(material.ends[key].applied or material.ends[key].rows))
    for key in well[: LIVES_SAMPLE // 2] + well[:: max(1, len(well) // (LIVES_SAMPLE // 2))]:
        if len(chosen) < LIVES_DIFFER_MAX + LIVES_SAMPLE:
            chosen[key] = None
    return list(chosen)


def _life(
    life: Life, backdrop: Backdrop, material: Material, needed: Sequence[str] | None = None
) -> dict[str, Any]:
    said = explain(life, backdrop, material, needed)
    end = life.end
    return {
        "label": life.label,
        "kind": end.differ or ("wrong" if end.what else "") if end else "",
        "sentence": said.sentence,
        "repair": said.repair,
        "fits": [
            {"name": f.defect.name, "sentence": f.defect.sentence, "because": f.because}
            for f in said.fits
        ],
        "moments": [moment_json(moment, backdrop) for moment in life.moments[:MOMENTS_MAX]],
        "source": _cells(end.source) if end and end.what else None,
        "found": _cells(end.found) if end and end.what else None,
        "wrong": list(end.wrong) if end else [],
    }


def _difference(key: KeyText, end: Any, place: dict[KeyText, int]) -> dict[str, Any]:
    names = list(end.wrong) or _telling(end.source or end.found or {}, key)
    return {
        "label": label(key),
        "kind": end.differ,
        "what": end.what,
        "names": names,
        "source": _cells(end.source, names),
        "found": _cells(end.found, names),
        "life": place.get(key, -1),
    }


def _telling(cells: Mapping[str, str], key: KeyText) -> list[str]:
    """Some columns of an item that is on one side alone: what its key does not say already."""
    return [name for name, value in cells.items() if value not in key][:ONE_SIDED_COLUMNS]


def _steps(material: Material, tried: Sequence[Trial] | None) -> list[dict[str, Any]]:
    """The steps of a stepped run: of a repro those of the file, else what its trace holds."""
    if tried is not None:
        return [
            {"do": t.step.split()[0], "said": t.step.partition(" ")[2], "meaning": t.words,
             "is_needed": t.is_necessary}
            for t in tried
        ]  # fmt: skip
    path = material.folder / TRACE if material.folder else None
    if path is None or not path.exists():
        return []
    try:
        trace = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError:
        material.gaps.append(f"{TRACE} cannot be read")
        return []
    return [
        {"do": str(step.get("do", "")), "meaning": str(step.get("saw", "")), "is_needed": True,
         "said": " ".join(str(step[name]) for name in ("what", "how") if step.get(name))}
        for step in trace[:STEPS_MAX]
    ]  # fmt: skip


def _cells(cells: Any, names: Sequence[str] | None = None) -> dict[str, str] | None:
    if cells is None:
        return None
    return {name: str(cells.get(name, ""))[:CELL_MAX] for name in names or cells}


def _head(material: Material) -> dict[str, Any]:
    """What stands on top: the verdict, the figures, the command."""
    verdict, scenario = material.verdict, material.scenario
    counts, rates = verdict.get("counts", {}), verdict.get("rates", {})
    tiles = [(name.replace("_", " "), f"{count:,}") for name, count in counts.items()]
    if rates.get("us_per_change"):
        tiles.append(("µs a change", f"{rates['us_per_change']:,.0f}"))
    total = verdict.get("seconds", {}).get("total")
    if total:
        tiles.append(("seconds in all", f"{total:,.1f}"))
    name, seed = verdict.get("scenario") or scenario.get("name", ""), verdict.get("seed")
    pipeline = verdict.get("pipeline") or scenario.get("pipeline", {}).get("name", "")
    seed = scenario.get("seed", 1) if seed is None else seed
    return {
        "verdict": str(verdict.get("verdict") or "unfinished"),
        "scenario": name or material.name,
        "pipeline": pipeline,
        "reason": verdict.get("reason") or "The run did not come to a verdict.",
        "description": scenario.get("description", ""),
        "tiles": tiles,
        "replay": verdict.get("replay")
        or f"harness run {name} --seed {seed} --pipeline {pipeline}",
        "checks": sorted(
            verdict.get("checks", []), key=lambda c: _FAILING_FIRST.get(c.get("verdict"), 1)
        ),
        "expected": ", ".join(verdict.get("expected_failures", [])),
        "sightings": sorted(verdict.get("sightings", {}).items()),
        "notes": [
            *(
                f"Supplied: {part.get('feature')}, by {part.get('how')}; {part.get('reason')}"
                for part in verdict.get("supplied", [])
            ),
            *verdict.get("notes", []),
        ],
        "log": "\n".join(verdict.get("pipeline_log", []))[-LOG_CHARACTERS_MAX:],
        "took": list(verdict.get("seconds", {}).items()),
        "environment": [
            ("scenario", name),
            ("pipeline", pipeline),
            ("seed", seed),
            *verdict.get("backends", {}).items(),
            ("harness", version("cdc-harness")),
            ("run directory" if material.folder else "file", str(material.folder or material.name)),
        ],
        "run": material.name,
        "version": version("cdc-harness"),
    }


def _around(material: Material, backdrop: Backdrop, rates: Rates) -> dict[str, Any]:
    """What the time charts show, and what was injected."""
    start, span = backdrop.start_us, rates.busy_us

    def place(at_us: int) -> float:
        return round((at_us - start) / span * 1000, 1)

    phases = []
    begun = [(at, name) for at, name, state in backdrop.phases if state == "started"]
    for (at, name), (end, _) in pairwise([*begun, (start + span, "")]):
        if at < start + span:
            width = (min(end, start + span) - at) / span * 100
            phases.append({"name": name, "x": place(at), "width": width})
    odd = [act for act in backdrop.acts if not (act.kind == "life" and act.name == "stopped")]
    return {
        "charts": rates.charts(),
        "span": rates.span_us / 1e6,
        "shown": rates.busy_us / 1e6,
        "phases": phases,
        "acts": [
            {"x": place(act.at_us), "name": act.name, "about": act.about}
            for act in odd[:ACTS_DRAWN_MAX]
            if act.name != "started" and act.at_us < start + span
        ],
        "faults": _listed([act for act in odd if act.name != "started"]),
    }


def _listed(acts: Sequence[Act]) -> list[tuple[str, str]]:
    """The acts by name: how often, and which the first were about."""
    by_name: dict[str, list[str]] = {}
    for act in acts:
        by_name.setdefault(act.name, []).append(act.about)
    listed = []
    for name, about in list(by_name.items())[:ACTS_LISTED_MAX]:
        first = "; ".join(dict.fromkeys(about[:3]))
        listed.append((f"{name} × {len(about):,}", first + ("; …" if len(about) > 3 else "")))
    return listed

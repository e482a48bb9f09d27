"""Several endpoints side by side: each is run in turn, and the table is written as Markdown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from harness.conformance.case import GROUPS
from harness.conformance.run import (
    EMBEDDED,
    Outcome,
    Results,
    in_order,
    run_embedded,
    run_on,
)
from harness.errors import UsageError
from harness.peers.catalog import PEERS, peer
from harness.peers.peer import RunningPeer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from harness.clock import Clock
    from harness.conformance.case import Case

_MARKS = {"pass": "✓", "fail": "✗", "unsupported": "–"}


@dataclass(frozen=True, slots=True)
class Contender:
    """One endpoint of a comparison: a peer to start, an address, or the embedded endpoint.

    Attributes:
        label: name, and version where it is known.
        url: empty for one that is started.
        peer: name in the catalogue; empty for one that runs already.
    """

    label: str
    url: str = ""
    peer: str = ""


def contenders(words: Sequence[str]) -> list[Contender]:
    """What `--compare` names: peers of the catalogue, `NAME=URL`, or several joined by commas.

    The embedded endpoint always comes first.

    Raises:
        UsageError: neither.
    """
    found = [Contender(f"harness {version('cdc-harness')}", url=EMBEDDED)]
    for word in (part for text in words for part in text.split(",") if part):
        name, equals, url = word.partition("=")
        if equals:
            if not name or not url.startswith(("http://", "https://")):
                raise UsageError(f"--compare takes NAME=URL or a peer's name, not {word!r}")
            found.append(Contender(name, url=url))
        elif word != EMBEDDED:
            found.append(Contender(peer(word).label, peer=word))
    return found


def compare(
    chosen: Sequence[Contender],
    cases: Sequence[Case],
    *,
    seed: int = 0,
    told: Callable[[str], None],
) -> dict[str, Results]:
    """Run every contender in turn; `told` hears of each.

    Raises:
        BackendError: a peer could not be installed or started.
    """
    results: dict[str, Results] = {}
    for one in chosen:
        told(f"{one.label} …")
        if one.url == EMBEDDED:
            found = run_embedded(cases, seed=seed)
        elif one.url:
            found = run_on(one.url, cases, seed=seed)
        else:
            with RunningPeer(PEERS[one.peer]) as running:
                found = _run_on_peer(running, cases, seed)
        if one.url == EMBEDDED:
            for outcome in found.outcomes:
                if outcome.verdict != "pass":
                    told(f"  {outcome.verdict} {outcome.case.id}: {outcome.message}")
        results[one.label] = Results(one.label, found.outcomes, found.seconds)
        counts = [
            f"{found.count(verdict)} {verdict}" for verdict in ("pass", "fail", "unsupported")
        ]
        told(f"{one.label}: {', '.join(counts)} in {found.seconds:.0f} s")
    return results


def _run_on_peer(running: RunningPeer, cases: Sequence[Case], seed: int) -> Results:
    """Run the cases; those about a service that the peer does not claim to have are unsupported."""
    lacks = running.peer.lacks
    found = run_on(running.url, [one for one in cases if one.group not in lacks], seed=seed)
    missing = [
        Outcome(one, "unsupported", f"{running.peer.name} has no {one.group}")
        for one in cases
        if one.group in lacks
    ]
    return Results(found.endpoint, in_order([*found.outcomes, *missing], cases), found.seconds)


def markdown(results: dict[str, Results], clock: Clock, command: str) -> str:
    """The table of groups and the list of cases, with date and versions."""
    labels = list(results)
    total = len(next(iter(results.values())).outcomes)
    lines = [
        "# Conformance",
        "",
        f"{total} behaviours of AWS that change data capture rests on, each checked through boto3"
        " alone.",
        "`harness conformance` runs them on the embedded endpoint, `--aws URL` on any other.",
        "",
        f"Measured on {clock.datetime():%Y-%m-%d} by `{command}`, which wrote this page.",
        "A check passes (✓), fails (✗), or needs what the endpoint does not offer (–): an operation"
        " that it does not have, or a clock that can be advanced.",
        "An operation that answers with HTTP 500 fails its checks: that does not say that it is"
        " missing.",
        "The embedded endpoint throttles, and stays in a passing state for longer, where a check sets"
        " it so by the endpoint's own settings; the others are checked as they come.",
        "",
        *_table(
            ["passed", *labels],
            [
                [group, *(_score(results[label], group) for label in labels)]
                for group in (*GROUPS, "all")
            ],
        ),
        "",
        "Each cell is passed / failed / unsupported.",
        "",
        "## Cases",
    ]
    marks = {
        label: {one.case.id: _MARKS[one.verdict] for one in found.outcomes}
        for label, found in results.items()
    }
    cases = [one.case for one in next(iter(results.values())).outcomes]
    for group in GROUPS:
        rows = [
            [f"[`{case.id}`]({case.source}): {case.sentence}"]
            + [marks[label][case.id] for label in labels]
            for case in cases
            if case.group == group
        ]
        if rows:
            lines += ["", f"### {group}", "", *_table(["case", *labels], rows)]
    return "\n".join(lines) + "\n"


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = "|---|" + ":-:|" * (len(heads) - 1)
    return [line(heads), rule, *map(line, rows)]


def _score(results: Results, group: str) -> str:
    name = "" if group == "all" else group
    counts = [results.count(verdict, name) for verdict in ("pass", "fail", "unsupported")]
    return " / ".join(map(str, counts))


def write_record(results: dict[str, Results], path: Path) -> None:
    """Which cases failed where by their claim, as JSON: the proof that a check can fail."""
    failed: dict[str, Any] = {
        label: [one.case.id for one in found.outcomes if one.by_claim]
        for label, found in results.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(failed, indent=1) + "\n", encoding="utf-8")

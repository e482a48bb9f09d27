"""How often does a replay of a program's example repeat? It is measured after each search.

Pipelines in this process always repeat. A program has timers of its own, so that a recording of its
requests may fit once and not again: whoever reads a repro file should know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.clock import VirtualClock
from harness.errors import ScenarioError
from harness.fuzz.ground import draw
from harness.fuzz.replay import replay
from harness.run.step_external import is_program
from harness.run.step_repeat import Repeats, repeats
from harness.run.stepped import run_stepped

if TYPE_CHECKING:
    from harness.fuzz.campaign import Campaign, Findings
    from harness.fuzz.replay import Replayed
    from harness.fuzz.repro import Repro
    from harness.run.step_world import Bench

REPLAYS = 3


def repeats_of(campaign: Campaign, findings: Findings) -> Repeats | None:
    """Replay the first failure, or an example drawn for it when nothing failed.

    Returns:
        None for what runs in this process, and where no example could be run.
    """
    if not findings.examples or not is_program(campaign.bases[0], campaign.pipeline):
        return None
    from harness.run.step_world import Bench

    with Bench() as bench:
        found = next(iter(findings.found.values()), None)
        if found is not None:
            return of_replays([_played(bench, found.repro) for _ in range(REPLAYS + 1)])
        random = VirtualClock(seed=campaign.seed).substream("repeats")
        try:
            drawn = draw(campaign.bases[0], random, changes_max=campaign.changes_max)
            return repeats(bench, drawn, run_stepped(bench, drawn), times=REPLAYS)
        except ScenarioError:
            return None


def of_replays(played: list[Replayed | None]) -> Repeats:
    """What repeated among replays of one file: each is compared with the first.

    Args:
        played: None where a step could not be done.
    """
    first, *others = played
    hashes = [one.result.trace_hash for one in others if one is not None]
    same_trace = 0 if first is None else hashes.count(first.result.trace_hash)
    same_verdict = sum(one is not None and one.same_check for one in others)
    return Repeats(len(others), same_trace, same_verdict)


def _played(bench: Bench, repro: Repro) -> Replayed | None:
    try:
        return replay(bench, repro)
    except ScenarioError:
        return None

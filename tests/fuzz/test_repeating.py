"""How often a replay repeats: counted right, and told after a search with a program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.fuzz.repeating import of_replays
from harness.fuzz.replay import Replayed
from harness.run.step_repeat import Repeats
from harness.run.stepped import StepResult

PROGRAM = Path(__file__).parents[1] / "run" / "programs" / "threads.py"
SECONDS_MAX = 240


def played(trace_hash: str, *, same_check: bool) -> Replayed:
    result = StepResult(1, trace_hash=trace_hash)
    return Replayed(result, None, same_check=same_check, same_key=same_check)


def test_each_replay_is_compared_with_the_first() -> None:
    first, same = played("a", same_check=True), played("a", same_check=True)
    other, harmless = played("b", same_check=True), played("a", same_check=False)
    assert of_replays([first, same, other, harmless]) == Repeats(3, 2, 2)
    assert of_replays([first]) == Repeats(0, 0, 0)


def test_a_replay_that_cannot_be_done_is_not_the_same() -> None:
    first = played("a", same_check=True)
    assert of_replays([first, None, played("a", same_check=True)]) == Repeats(2, 1, 1)
    assert of_replays([None, first]) == Repeats(1, 0, 1)


@pytest.mark.slow
def test_a_search_with_a_program_says_how_often_a_replay_repeats(tmp_path: Path) -> None:
    settings = [
        f"pipeline.command={json.dumps([sys.executable, str(PROGRAM)])}",
        *("pipeline.name=stranger", "workload.items=0", "snapshot.export=false"),
        *("settle.stall_seconds=1", "stepped.reshards_max=0", "stepped.kills_max=0"),
    ]
    command = [sys.executable, "-m", "harness.cli.app", "fuzz", "--scenario", "hot-key"]
    command += ["--examples", "1", "--changes", "4", "--seed", "1", "--allow-command", "--json"]
    for setting in settings:
        command += ["--set", setting]
    ended = subprocess.run(
        [*command, "--database", str(tmp_path / "known")],
        cwd=tmp_path,
        capture_output=True,
        timeout=SECONDS_MAX,
    )
    told = json.loads(ended.stdout)
    assert (ended.returncode, told["failures"]) == (0, []), ended.stderr
    assert told["repeats"]["times"] == 3
    assert 0 <= told["repeats"]["same_trace"] <= told["repeats"]["same_verdict"] == 3

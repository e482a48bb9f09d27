"""What a live run says of a scenario that the scheduler of a stepped run is meant for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.clock import VirtualClock
from harness.history import History
from harness.run.operator import STEPS_ALONE, Operator
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from pathlib import Path


def test_a_scenario_made_for_steps_says_so_in_a_live_run(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl", VirtualClock())
    kill = "operator=[{act='kill', phase='settle'}]"
    for name, overrides, said in (
        ("crash", [], [STEPS_ALONE]),
        ("quickstart", [], []),
        ("crash", [kill], ["act 'kill' never had its moment"]),
    ):
        operator = Operator(load_scenario(name, overrides=overrides), history, [])
        assert operator.notes({}) == said
    history.close()

"""The matrix on a real Dask cluster: the same cells as in one process, also when a worker is killed."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from distributed import Client, LocalCluster

from harness.matrix.cell import run_cell
from harness.matrix.plan import Task
from harness.matrix.workers import run_tasks
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from harness.matrix.cell import Cell
    from harness.run.step_world import Bench

NAMES = ("delete-event-ignored", "clickpipes")


def test_a_killed_worker_loses_no_cell_and_gives_none_twice(bench: Bench) -> None:
    scenarios = [load_scenario(name) for name in ("redelivery", "crash")]
    tasks = [Task(name, scenario, (0, 1)) for name in NAMES for scenario in scenarios]
    seen: list[Cell] = []
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        address = cluster.scheduler_address

        def kill_one(cell: Cell) -> None:
            seen.append(cell)
            if len(seen) == 1:
                with Client(address, set_as_default=False) as client:
                    pids = client.run(os.getpid)
                os.kill(sorted(pids.values())[0], signal.SIGKILL)

        found = run_tasks(tasks, 1, kill_one, dask=address)
    assert len(seen) == len(tasks)
    assert found == [run_cell(bench, t.pipeline, t.scenario, t.seeds) for t in tasks]

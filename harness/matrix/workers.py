"""Cells on several processes or a cluster: each has an engine of its own, as a process has only one."""

from __future__ import annotations

import multiprocessing
import queue
import signal
import sys
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.matrix.cell import Cell, run_cell
from harness.run.step_world import Bench

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.matrix.plan import Task

POLL_SECONDS = 1.0
END_SECONDS = 10.0


def run_tasks(
    tasks: Sequence[Task], jobs: int, done: Callable[[Cell], None], *, dask: str = ""
) -> list[Cell]:
    """Every cell, in the order of `tasks` whatever the order in which they end.

    Args:
        tasks: what to run.
        jobs: processes; 1 runs everything in this one.
        done: told each cell as it ends.
        dask: address of a Dask scheduler, in place of processes.

    Raises:
        HarnessError: a process died; or there is no such cluster.
    """
    if dask:
        from harness.run.cluster import on_cluster

        found: dict[int, Cell] = {}
        for place, cell in on_cluster(dask, _numbered, enumerate(tasks)):
            found[place] = cell
            done(cell)
        return [found[place] for place in range(len(tasks))]
    if jobs == 1 or len(tasks) == 1:
        cells = []
        with Bench() as bench:
            for task in tasks:
                cells.append(run_cell(bench, task.pipeline, task.scenario, task.seeds))
                done(cells[-1])
        return cells
    return _side_by_side(tasks, min(jobs, len(tasks)), done)


def _numbered(bench: Bench, numbered: tuple[int, Task]) -> tuple[int, Cell]:
    place, task = numbered
    return place, run_cell(bench, task.pipeline, task.scenario, task.seeds)


def _side_by_side(tasks: Sequence[Task], jobs: int, done: Callable[[Cell], None]) -> list[Cell]:
    context = multiprocessing.get_context("spawn")
    todo: Any = context.Queue()
    ended: Any = context.Queue()
    for place, task in enumerate(tasks):
        todo.put((place, task))
    for _ in range(jobs):
        todo.put(None)
    workers = [context.Process(target=_work, args=(todo, ended), daemon=True) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    found: dict[int, Cell] = {}
    try:
        while len(found) < len(tasks):
            try:
                place, cell = ended.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if any(worker.exitcode not in (None, 0) for worker in workers):
                    raise HarnessError(
                        "a process of the matrix died",
                        hint="run the same with --jobs 1 to see why",
                    ) from None
                continue
            if not isinstance(cell, Cell):
                message, hint = cell
                raise HarnessError(message, hint=hint)
            found[place] = cell
            done(cell)
    finally:
        # What nobody will take any more must not keep this process from its end.
        todo.cancel_join_thread()
        for worker in workers:
            if len(found) < len(tasks):
                worker.terminate()
            worker.join(END_SECONDS)
    return [found[place] for place in range(len(tasks))]


def _work(todo: Any, ended: Any) -> None:
    # The parent decides when it is over; leaving properly removes the engine's folder.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with Bench() as bench:
        while (taken := todo.get()) is not None:
            place, task = taken
            try:
                ended.put((place, run_cell(bench, task.pipeline, task.scenario, task.seeds)))
            except HarnessError as error:
                ended.put((place, (error.message, error.hint)))

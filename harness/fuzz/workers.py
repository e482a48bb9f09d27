"""Blocks in processes of their own, several at a time.

Even one job runs beside the command's process: a pipeline that spins, forks, ends the process or
never comes back takes only its worker with it, and is told as such in bounded time.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.clock import stopwatch
from harness.errors import BackendError, HarnessError
from harness.fuzz.block import Block, BlockReport, Found, run_block
from harness.fuzz.seen import Seen, seen_in
from harness.run.step_world import BENCH_PREFIX, SHARED_MEMORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from multiprocessing.connection import Connection

SILENT_SECONDS_MAX = 120.0
"""An example takes a second; one of a program that spins at each of its starts a minute."""

BEAT = "beat"

LOST_MAX = 3


@dataclass(slots=True)
class _Worker:
    process: Any
    pipe: Connection
    block: Block | None = None
    examples: int = 0
    found: dict[int, Found] = field(default_factory=dict)
    silence: Callable[[], float] = field(default_factory=stopwatch)


def in_processes(
    blocks: Iterable[Block],
    jobs: int,
    *,
    tell: Callable[[Seen | None], Any] = lambda _: None,
    silent_seconds_max: float = SILENT_SECONDS_MAX,
) -> Iterator[BlockReport]:
    """The reports of blocks as they come.

    Args:
        blocks: taken as workers become free, so they may end when time is up.
        jobs: how many at a time.
        tell: told what each example met; None each time that a failure is cut further.
        silent_seconds_max: a worker that says nothing for so long is ended.

    Raises:
        HarnessError: a block cannot be run at all; or workers are lost again and again.
        KeyboardInterrupt: after the reports of what the workers had found by then.
    """
    pool = _Pool(iter(blocks), jobs, tell, silent_seconds_max)
    try:
        yield from pool.reports()
    except KeyboardInterrupt:
        yield from [_so_far(worker) for worker in pool.workers if worker.found]
        raise
    finally:
        pool.end()


class _Pool:
    def __init__(
        self,
        blocks: Iterator[Block],
        jobs: int,
        tell: Callable[[Seen | None], Any],
        silent: float,
    ) -> None:
        self.blocks = blocks
        self.jobs = jobs
        self.tell = tell
        self.silent_seconds_max = silent
        self.workers: list[_Worker] = []
        self.lost = 0
        self.paused: set[int] = set()

    def reports(self) -> Iterator[BlockReport]:
        while len(self.workers) < self.jobs and self._employ():
            pass
        while self.workers:
            ready = wait([w.pipe for w in self.workers], timeout=1.0)
            for worker in list(self.workers):
                if worker.pipe in ready:
                    report = self._hear(worker)
                elif not worker.process.is_alive():
                    report = self._lose(worker, _ended(worker.process.exitcode))
                elif (
                    worker.silence() > self.silent_seconds_max
                    and worker.process.pid not in self.paused
                ):
                    report = self._lose(worker, f"silent for {self.silent_seconds_max:g} s")
                else:
                    continue
                if report is not None:
                    self._go_on()
                    yield report
                    if self.lost < LOST_MAX:
                        self._next(worker)

    def _employ(self) -> bool:
        block = next(self.blocks, None)
        if block is None:
            return False
        # Spawned, as a fork would copy the threads and the engine of this process half way.
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs,), daemon=True)
        process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self.workers.append(worker)
        self._give(worker, block)
        return True

    def _give(self, worker: _Worker, block: Block) -> None:
        worker.block, worker.examples, worker.silence = block, 0, stopwatch()
        worker.found.clear()
        worker.pipe.send(block)

    def _next(self, worker: _Worker) -> None:
        if worker not in self.workers:
            self._employ()
            return
        block = next(self.blocks, None)
        if block is None:
            self._dismiss(worker)
        else:
            self._give(worker, block)

    def _hear(self, worker: _Worker) -> BlockReport | None:
        try:
            told = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            worker.process.join(1.0)
            return self._lose(worker, _ended(worker.process.exitcode))
        worker.silence = stopwatch()
        if isinstance(told, HarnessError):
            raise told
        if isinstance(told, BlockReport):
            return told
        if isinstance(told, Found):
            worker.found[told.example] = told
            return None
        self.tell(told if isinstance(told, Seen) else None)
        if isinstance(told, Seen):
            worker.examples += 1
        # What a paused one had said before must not stop the one that goes on.
        elif worker.process.pid not in self.paused and worker.block and worker.block.first_only:
            self._pause_others(worker)
        return None

    def _pause_others(self, worker: _Worker) -> None:
        """One has the only failure that is wanted, and cuts it down: it needs the machine more."""
        for other in self.workers:
            if other is not worker and other.process.pid not in self.paused:
                self.paused.add(other.process.pid)
                with suppress(ProcessLookupError):
                    os.kill(other.process.pid, signal.SIGSTOP)

    def _go_on(self) -> None:
        for worker in self.workers:
            if worker.process.pid in self.paused:
                with suppress(ProcessLookupError):
                    os.kill(worker.process.pid, signal.SIGCONT)
                worker.silence = stopwatch()
        self.paused.clear()

    def _lose(self, worker: _Worker, how: str) -> BlockReport:
        self._dismiss(worker)
        self.lost += 1
        report = _so_far(worker)
        report.unknown[
            f"the process of the pipeline {how}, in example {worker.examples} of its block"
        ] = 1
        return report

    def _dismiss(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        with suppress(ProcessLookupError, PermissionError):
            # Its group: what the pipeline has forked goes too.
            os.killpg(worker.process.pid, signal.SIGKILL)
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        for folder in SHARED_MEMORY.glob(f"{BENCH_PREFIX}{worker.process.pid}-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def end(self) -> None:
        for worker in list(self.workers):
            self._dismiss(worker)


def _so_far(worker: _Worker) -> BlockReport:
    """What a worker had told of a block that it did not finish."""
    assert worker.block is not None
    found = list(worker.found.values())
    return BlockReport(worker.block.number, worker.examples, is_whole=False, found=found)


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended by itself with exit code {code}"


def _work(pipe: Connection) -> None:
    """What a worker does: block after block, until it is ended."""
    from harness.run.step_world import Bench

    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Bench() as bench:
        while True:
            try:
                block = pipe.recv()
            except EOFError:
                return
            try:
                report: Any = run_block(
                    bench,
                    block,
                    tell=lambda example: pipe.send(seen_in(example)),
                    beat=lambda: pipe.send(BEAT),
                    keep=pipe.send,
                )
            except HarnessError as error:
                report = error
            except Exception as error:  # noqa: BLE001 - the edge of the worker: told, not lost
                place = traceback.extract_tb(error.__traceback__)[-1]
                where = f"{Path(place.filename).name}:{place.lineno}"
                told = f"{type(error).__name__}: {str(error)[:300]}"
                report = BackendError(f"the harness broke in {where}: {told}")
            pipe.send(report)

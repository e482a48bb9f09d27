"""Blocks on a Dask cluster, for days of seeds: results stream back as they come.

A worker that dies takes its blocks with it, and the scheduler gives them to another one. As a block
finds the same anywhere, and its report counts once, no seed is lost or counted twice.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from harness.errors import BackendError, UsageError
from harness.fuzz.block import Block, BlockReport, run_block

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.run.step_world import Bench

WAITING_PER_WORKER = 2
CONNECT_SECONDS = 10
_ALONE = Lock()
_benches: list[Bench] = []


def in_cluster(address: str, blocks: Iterable[Block]) -> Iterator[BlockReport]:
    """The reports of blocks as they come.

    Args:
        address: of the scheduler, `tcp://host:8786`.
        blocks: taken as workers become free.

    Raises:
        UsageError: Dask is not installed.
        BackendError: there is no scheduler, or a block cannot be run.
        HarnessError: a block cannot be run at all.
    """
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise UsageError(
            "a campaign on a cluster needs Dask", hint="pip install 'cdc-harness[dask]'"
        ) from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise BackendError(
            f"no Dask scheduler at {address}: {error}", hint="dask scheduler; dask worker ADDRESS"
        ) from None
    todo = iter(blocks)
    with client:
        running = as_completed(loop=client.loop)
        submitted: list[Any] = []

        def submit() -> bool:
            block = next(todo, None)
            if block is None:
                return False
            # Never taken from another run's results: the same block of a repaired pipeline differs.
            future = client.submit(work, block, pure=False)
            submitted.append(future)
            running.add(future)
            return True

        workers = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
        for _ in range(workers * WAITING_PER_WORKER):
            if not submit():
                break
        try:
            for future in running:
                yield future.result()
                submit()
        finally:
            client.cancel([future for future in submitted if not future.done()])


def work(block: Block) -> BlockReport:
    """Run a block in this process; one at a time, as there is one engine a process."""
    with _ALONE:
        return run_block(_bench(), block)


def _bench() -> Any:
    from harness.run.step_world import Bench

    if not _benches:
        _benches.append(Bench())
    return _benches[0]

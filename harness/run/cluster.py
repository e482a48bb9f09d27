"""Stepped work on a Dask cluster, for days of seeds: answers stream back as they come.

A worker that dies takes what it was given with it, and the scheduler gives that to another one. As
the same work comes to the same anywhere, and its answer counts once, nothing is lost or counted twice.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from harness.errors import BackendError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.run.step_world import Bench

Given = TypeVar("Given")
Answer = TypeVar("Answer")

WAITING_PER_WORKER = 2
CONNECT_SECONDS = 10
_ALONE = Lock()
_NOTHING: Any = object()
_benches: list[Bench] = []


def on_cluster(
    address: str, work: Callable[[Bench, Given], Answer], todo: Iterable[Given]
) -> Iterator[Answer]:
    """The answers as they come.

    Args:
        address: of the scheduler, `tcp://host:8786`.
        work: a function of a module, which every worker can import.
        todo: what it is called with, taken as workers become free.

    Raises:
        UsageError: Dask is not installed.
        BackendError: there is no scheduler, or whoever is given a piece of work dies.
        HarnessError: what `work` raises.
    """
    try:
        from distributed import Client, KilledWorker, as_completed
    except ImportError:
        raise UsageError(
            "work on a cluster needs Dask", hint="pip install 'cdc-harness[dask]'"
        ) from None
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise BackendError(
            f"no Dask scheduler at {address}: {error}", hint="dask scheduler; dask worker ADDRESS"
        ) from None
    left = iter(todo)
    with client:
        running = as_completed(loop=client.loop)
        submitted: list[Any] = []

        def submit() -> bool:
            given = next(left, _NOTHING)
            if given is _NOTHING:
                return False
            # Never taken from another run's results: a repaired pipeline comes to something else.
            future = client.submit(_alone, work, given, pure=False)
            submitted.append(future)
            running.add(future)
            return True

        workers = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
        for _ in range(workers * WAITING_PER_WORKER):
            if not submit():
                break
        try:
            for future in running:
                try:
                    answer = future.result()
                except KilledWorker as error:
                    raise BackendError(
                        f"workers of the cluster die of the same work: {error}",
                        hint="run the same with --jobs 1 to see why",
                    ) from None
                yield answer
                submit()
        finally:
            client.cancel([future for future in submitted if not future.done()])


def _alone(work: Callable[[Bench, Given], Answer], given: Given) -> Answer:
    """Work in this process; one at a time, as there is one engine a process."""
    with _ALONE:
        return work(_bench(), given)


def _bench() -> Bench:
    from harness.run.step_world import Bench

    if not _benches:
        _benches.append(Bench())
    return _benches[0]

"""Readers at work: shared among a few threads, or read one after the other in the pipe's own.

Pages of one shard stay in order: a shard is read by one thread at a time, and its page is handed
over before it is read again. The hand-over is bounded, so that a stream that is far ahead waits in
Kinesis and not in memory.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.pipelines.reference.retry import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.pipelines.pipeline import Environment
    from harness.pipelines.reference.shards import Page, Reader

RECORDS_WAITING_MAX = 12_000
BYTES_WAITING_MAX = 12_000_000
PAUSE_SECONDS = (0.001, 0.02)


@dataclass(slots=True)
class _Task:
    shard_id: str
    reader: Reader
    due_us: int = 0
    busy: bool = False


class Pause:
    """Waits of an idle loop: short at first, longer while nothing happens."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._seconds = PAUSE_SECONDS[0]

    def wait(self) -> bool:
        """Let a little time pass; returns False once stopping."""
        seconds = self._seconds
        self._seconds = min(2 * seconds, PAUSE_SECONDS[1])
        return self._env.pause(seconds)

    def wait_for(self, has_news: Callable[[], bool], until_us: int) -> None:
        """As many waits as pass until there is news, or it is as late as that."""
        if self._env.stopping():
            return
        turns = [self._seconds]
        while turns[-1] < PAUSE_SECONDS[1]:
            turns.append(min(2 * turns[-1], PAUSE_SECONDS[1]))
        taken = self._env.clock.sleep_in_turns(
            turns, lambda: self._env.stopping() or has_news(), until_us
        )
        self._seconds = turns[min(taken, len(turns) - 1)]

    def reset(self) -> None:
        """Something happened."""
        self._seconds = PAUSE_SECONDS[0]


class Readers:
    """All open shards.

    Args:
        env: clock, stop signal and threads.
        workers: threads that share the shards; 0 reads in the caller's thread, by `next_page`.
        poll_seconds: pause of a shard that has nothing more.
        dedicated: each shard gets a thread of its own (enhanced fan-out blocks in a read).
    """

    def __init__(
        self, env: Environment, *, workers: int, poll_seconds: float, dedicated: bool = False
    ) -> None:
        self._env = env
        self._workers = workers
        self._poll_us = round(poll_seconds * 1e6)
        self._dedicated = dedicated
        self._tasks: list[_Task] = []
        self._pages: deque[Page] = deque()
        self._waiting_records = 0
        self._waiting_bytes = 0
        self._reading = 0
        self._page_bytes = 0
        self._is_closed = False
        self._lock = threading.Lock()
        self._threads = 0
        self._turn = 0
        self.failure: Exception | None = None

    def add(self, shard_id: str, reader: Reader) -> None:
        """Begin to read a shard."""
        task = _Task(shard_id, reader)
        if self._dedicated:
            task.busy = True
        with self._lock:
            self._tasks.append(task)
        if self._dedicated:
            self._env.start_thread(lambda: self._run(task), f"reader {shard_id}")
        elif self._threads < self._workers:
            self._threads += 1
            self._env.start_thread(lambda: self._run(None), f"reader {self._threads}")

    def close(self) -> None:
        """End every reader."""
        self._is_closed = True
        with self._lock:
            tasks = list(self._tasks)
        for task in tasks:
            task.reader.close()

    @property
    def open_shards(self) -> int:
        """How many shards are being read."""
        return len(self._tasks)

    def next_page(self) -> Page | None:
        """The next page that was read, or None when there is none now.

        Raises:
            Exception: what a reader died of.
        """
        if self.failure is not None:
            raise self.failure
        if self._pages:
            page = self._pages.popleft()
            with self._lock:
                self._waiting_records -= len(page.records)
                self._waiting_bytes -= page.size_bytes
            return page
        if not self._workers and not self._dedicated:
            task = self._take()
            if task is not None:
                self._reading = 0  # here it is read at once, and nothing waits
                return self._read(task)
        return None

    def has_news(self) -> bool:
        """Whether a page waits, or a reader has died."""
        return bool(self._pages) or self.failure is not None

    def due_us(self) -> int | None:
        """When the caller's thread can read a shard next; None when others read."""
        if self._workers or self._dedicated:
            return None
        return min((task.due_us for task in self._tasks if not task.busy), default=None)

    def _run(self, own: _Task | None) -> None:
        pause = Pause(self._env)
        try:
            while not self._is_closed and not self._env.stopping():
                task = self._take(own)
                if task is None:
                    pause.wait()
                    continue
                pause.reset()
                page = self._read(task)
                with self._lock:
                    self._reading -= 1
                    self._page_bytes = page.size_bytes
                    self._waiting_records += len(page.records)
                    self._waiting_bytes += page.size_bytes
                self._pages.append(page)
                task.busy = own is not None
                if own is not None and page.ended:
                    return
        except Stopped:
            return
        except Exception as error:  # noqa: BLE001 - carried to the pipe's own thread
            if not self._is_closed and not self._env.stopping():
                self.failure = error
        finally:
            if own is not None:
                # What it opened while the pipe was closing its readers is still open.
                own.reader.close()

    def _take(self, own: _Task | None = None) -> _Task | None:
        """A shard that is due and free, in turn; none while enough waits."""
        now = self._env.clock.now_us()
        with self._lock:
            if self._is_full(own):
                return None
            if own is not None:
                self._reading += 1
                return own
            count = len(self._tasks)
            for step in range(count):
                task = self._tasks[(self._turn + step) % count]
                if not task.busy and task.due_us <= now:
                    self._turn = (self._turn + step + 1) % count
                    task.busy = True
                    self._reading += 1
                    return task
        return None

    def _is_full(self, own: _Task | None) -> bool:
        # What is being read now will be about as large as the last page; a subscription may wait
        # for long, and brings little at once.
        coming = 0 if own is not None else self._reading * self._page_bytes
        return (
            self._waiting_records >= RECORDS_WAITING_MAX
            or self._waiting_bytes + coming >= BYTES_WAITING_MAX
        )

    def _read(self, task: _Task) -> Page:
        page = task.reader.read()
        has_more = page.behind_ms > 0 and bool(page.records)
        task.due_us = 0 if has_more else self._env.clock.now_us() + self._poll_us
        if page.ended:
            with self._lock:
                self._tasks.remove(task)
        elif not self._workers and not self._dedicated:
            task.busy = False
        return page

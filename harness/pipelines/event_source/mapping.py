"""The mapping: every shard is polled, filtered, spread over lanes by key, and checkpointed.

A child shard is read only after all of its parents are done, so that a key's records stay in order
across a split or a merge.
"""

from __future__ import annotations

import sys
import zlib
from typing import TYPE_CHECKING

from harness.errors import HarnessError, PipelineError
from harness.pipelines.event_source.checkpoints import Checkpoint, Checkpoints, Progress
from harness.pipelines.event_source.delivery import Delivery
from harness.pipelines.event_source.filters import Filters
from harness.pipelines.event_source.lanes import Lane
from harness.pipelines.event_source.records import Record, filter_view
from harness.pipelines.event_source.shards import Shard, Stream, is_expired
from harness.pipelines.event_source.windows import Window, Windows
from harness.pipelines.reference.aws import error_code
from harness.pipelines.reference.retry import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.pipelines.event_source.discarded import Discarded
    from harness.pipelines.event_source.function import Function
    from harness.pipelines.event_source.settings import Settings
    from harness.pipelines.pipeline import Environment

BUFFERED_BATCHES_MAX = 4
STOP_SECONDS_MAX = 8.0
"""Less than the ten that the contract gives, so that the last checkpoint is still written."""
STOP_STEP_SECONDS = 0.01
UNREADABLE = ("TrimmedDataAccessException", "InvalidArgumentException", "ResourceNotFoundException")


class Mapping:
    """Reads a stream and calls a function until told to stop.

    Args:
        settings: of the mapping.
        stream: to read.
        function: to call.
        env: clock, threads and stop signal.
        checkpoints: kept across restarts.
        discarded_of: the on-failure destination of a shard.
    """

    def __init__(
        self,
        settings: Settings,
        stream: Stream,
        function: Function,
        env: Environment,
        checkpoints: Checkpoints,
        discarded_of: Callable[[str], Discarded],
    ) -> None:
        self._settings = settings
        self._stream = stream
        self._function = function
        self._env = env
        self._checkpoints = checkpoints
        self._discarded_of = discarded_of
        self._filters = Filters(settings.filters)
        self._started: set[str] = set()
        self._failures: list[Exception] = []
        self._running: set[str] = set()

    def run(self) -> None:
        """List shards and start those whose turn it is; once told to stop, let calls end."""
        try:
            self._run()
        finally:
            deadline = self._env.clock.now() + STOP_SECONDS_MAX
            while self._running and self._env.clock.now() < deadline and not self._failures:
                self._env.clock.sleep(STOP_STEP_SECONDS)

    def _run(self) -> None:
        kind = "TRIM_HORIZON" if self._checkpoints else self._settings.starting_position
        while not self._env.stopping():
            if self._failures:
                raise _told(self._failures[0])
            for shard in self._ready(self._stream.shards()):
                self._start(shard, kind)
            # Shards that come later are read from their beginning, wherever reading started.
            kind = "TRIM_HORIZON"
            self._env.pause(self._settings.list_seconds)

    def _ready(self, shards: list[Shard]) -> list[Shard]:
        listed = {shard.shard_id for shard in shards}
        is_done = {s: self._checkpoints.get(s).ended for s in listed}
        return [
            shard
            for shard in shards
            if shard.shard_id not in self._started
            and not is_done[shard.shard_id]
            and all(is_done.get(parent, True) for parent in shard.parents)
        ]

    def _start(self, shard: Shard, kind: str) -> None:
        self._started.add(shard.shard_id)
        reader = ShardReader(
            self._settings,
            self._stream,
            shard.shard_id,
            kind,
            function=self._function,
            env=self._env,
            checkpoints=self._checkpoints,
            discarded=self._discarded_of(shard.shard_id),
            filters=self._filters,
        )
        for number, lane in enumerate(reader.lanes):
            self._thread(lane.run, f"{shard.shard_id} lane {number}")
        self._thread(reader.run, shard.shard_id)

    def _thread(self, run: Callable[[], None], name: str) -> None:
        def guarded() -> None:
            try:
                run()
            except Stopped:
                return
            except Exception as error:  # noqa: BLE001 - raised again by the mapping's own thread
                self._failures.append(error)
            finally:
                self._running.discard(name)

        self._running.add(name)
        self._env.start_thread(guarded, name)


def _told(error: Exception) -> HarnessError:
    """One line for whatever ended a shard's reading."""
    if isinstance(error, HarnessError):
        return error
    first = (str(error).splitlines() or [""])[0]
    return PipelineError(f"the event-source mapping ended: {type(error).__name__}: {first}")


class ShardReader:
    """Polls one shard and feeds its lanes.

    Args:
        settings: of the mapping.
        stream: to read.
        shard_id: of the shard.
        kind: where an unread shard begins.
        function: to call.
        env: clock and stop signal.
        checkpoints: of the mapping.
        discarded: the shard's on-failure destination.
        filters: which records go to the function.
    """

    def __init__(
        self,
        settings: Settings,
        stream: Stream,
        shard_id: str,
        kind: str,
        *,
        function: Function,
        env: Environment,
        checkpoints: Checkpoints,
        discarded: Discarded,
        filters: Filters,
    ) -> None:
        self._settings = settings
        self._stream = stream
        self._shard_id = shard_id
        self._kind = kind
        self._env = env
        self._checkpoints = checkpoints
        self._filters = filters
        self._checkpoint: Checkpoint = checkpoints.get(shard_id)
        self._progress = Progress()
        self._delivery = Delivery(settings, function, env, discarded, self._done)
        self._windows: Windows | None = None
        if settings.tumbling_window_in_seconds:
            self._windows = Windows(
                self._delivery,
                settings.tumbling_window_in_seconds,
                shard_id=shard_id,
                stream_arn=stream.arn,
                window=self._checkpoint.window,
                keep=self._keep_window,
            )
        deliver = self._windows.deliver if self._windows else self._delivery.deliver
        self.lanes = [
            Lane(settings, env, deliver, self._idle) for _ in range(settings.parallelization_factor)
        ]

    def run(self) -> None:
        """Poll until the shard has ended and all of it is done, or told to stop."""
        after = self._checkpoint.position
        iterator: str | None = None
        buffered_max = BUFFERED_BATCHES_MAX * self._settings.batch_size * len(self.lanes)
        while not self._env.stopping():
            if len(self._progress) >= buffered_max:
                self._env.pause(self._settings.poll_seconds)
                continue
            if iterator is None:
                iterator = self._open(after)
            try:
                records, following = self._stream.read(self._shard_id, iterator)
            except Exception as error:
                if not is_expired(error):
                    raise
                iterator = None
                continue
            if records:
                after = records[-1].sequence_number
                self._spread(records)
            if not following:
                self._end()
                return
            iterator = following
            if not records:
                self._env.pause(self._settings.poll_seconds)

    def _open(self, after: str) -> str:
        try:
            return self._stream.iterator(self._shard_id, self._kind, after)
        except Exception as error:
            if not after or error_code(error) not in UNREADABLE:
                raise
            sys.stderr.write(f"{self._shard_id}: {after} is gone, reading on from the oldest\n")
            return self._stream.iterator(self._shard_id, "TRIM_HORIZON", "")

    def _spread(self, records: list[Record]) -> None:
        self._progress.add(records)
        wanted: list[list[Record]] = [[] for _ in self.lanes]
        unwanted = []
        for record in records:
            if not self._filters or self._filters.match(filter_view(record)):
                wanted[zlib.crc32(record.key.encode()) % len(self.lanes)].append(record)
            else:
                unwanted.append(record)
        if unwanted:
            self._done(unwanted)
        for lane, part in zip(self.lanes, wanted, strict=True):
            if part:
                lane.offer(part)

    def _end(self) -> None:
        for lane in self.lanes:
            lane.close()
        while not all(lane.has_ended for lane in self.lanes):
            if not self._env.pause(self._settings.poll_seconds):
                return
        if self._windows:
            self._windows.close()
        if len(self._progress) == 0 and not self._env.stopping():
            self._checkpoint.ended = True
            self._checkpoints.save()

    def _done(self, records: Sequence[Record]) -> None:
        position = self._progress.finish(records)
        if position:
            self._checkpoint.position = position
            self._checkpoints.save()

    def _keep_window(self, window: Window) -> None:
        self._checkpoint.window = window
        if window.start is None:
            self._checkpoints.save()

    def _idle(self) -> None:
        if self._windows:
            self._windows.close_if_over(self._env.clock.now())

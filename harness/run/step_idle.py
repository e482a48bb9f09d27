"""Which held requests of a program would bring it nothing new.

A program sleeps after a poll that finds nothing, in real time, and each such sleep costs as much as
dozens of steps. So who schedules asks beforehand: a poll that would be answered without records, or
a list that would be answered as it was the last time, can wait until there is nothing else to do.
Reads change nothing, so that the answer can be looked at and thrown away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.faults.asked import has_records, next_iterator

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from harness.faults.gate import Passage
    from harness.run.step_counts import Counts
    from harness.run.step_world import StepWorld
    from harness.web.message import Request, Response

OK = 200
LISTS = frozenset(
    {
        ("kinesis", "ListShards"),
        ("kinesis", "DescribeStream"),
        ("kinesis", "DescribeStreamSummary"),
        ("streams", "DescribeStream"),
        ("streams", "ListStreams"),
    }
)


class Idleness:
    """Looks ahead.

    Args:
        ask: answers a request of AWS, unseen by anybody.
        version: changes whenever an answer may.
    """

    def __init__(self, ask: Callable[[Request], Response], version: Callable[[], Hashable]) -> None:
        self._ask = ask
        self._version = version
        self._last: dict[tuple[str, str, bytes], bytes] = {}
        self._looked: dict[bytes, tuple[Hashable, bool]] = {}

    def begin(self) -> None:
        """Another life begins, which was told nothing yet."""
        self._last.clear()
        self._looked.clear()

    def told(self, passage: Passage, answer: Response) -> None:
        """A request was answered."""
        asked = passage.asked
        if (asked.service, asked.operation) in LISTS and isinstance(answer.body, bytes):
            mark = asked.service, asked.operation, passage.request.body
            self._last[mark] = answer.body if answer.status == OK else b""
            self._looked.clear()

    def is_idle(self, passage: Passage) -> bool:
        """Whether the answer would bring nothing new."""
        asked, body = passage.asked, passage.request.body
        is_poll = asked.operation == "GetRecords" and asked.service in ("kinesis", "streams")
        mark = asked.service, asked.operation, body
        if not is_poll and mark not in self._last:
            return False
        version = self._version()
        known = self._looked.get(passage.mark + body)
        if known is not None and known[0] == version:
            return known[1]
        answer = self._ask(passage.request)
        if is_poll:
            goes_on = answer.status == OK and bool(next_iterator(answer))
            found = goes_on and not has_records(answer)
        else:
            found = answer.status == OK and answer.body == self._last[mark]
        self._looked[passage.mark + body] = version, found
        return found


def what_can_be_read(world: StepWorld, counts: Counts) -> tuple[Any, ...]:
    """Changes whenever a read may find something new."""
    sizes, minute = world.shard_sizes(), world.clock.now_us() // 60_000_000
    ends = world.table.log.end, counts.reshards
    return (*sizes.items(), *world.open_shards(), *ends, minute)

"""Changes of one key with one stamp, which a record alone cannot put in order.

What nobody can find out, nobody promises: so unless the scenario breaks promises, the relay keeps
such changes in the order of their writes, within two seconds of each other, and in one shard: none
waits while the stream is resharded. A pipeline that remembers what it read for longer than that, over
a restart too, can chain them by their images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.dynamodb.relay import Pending
    from harness.run.step_example import Example

TOGETHER_US = 2_000_000
RESHARD_SECONDS = 0.002


class Ties:
    """Watches over the deliveries of one example.

    Args:
        example: whose relays.
        is_kept: the order and the nearness of ties are kept.
    """

    def __init__(self, example: Example, *, is_kept: bool) -> None:
        self._example = example
        self._is_kept = is_kept
        self._began_us: dict[tuple[bytes, int], int] = {}

    def may_deliver(self, entry: Pending, before: Sequence[Pending]) -> bool:
        """Whether `entry` can come next, though those `before` it wait still."""
        return not self._is_kept or not overtakes_a_tie(entry, before)

    def began(self, entry: Pending) -> None:
        """A change is delivered now."""
        self._began_us.setdefault(_tie(entry), self._example.world.clock.now_us())

    def deliver_overdue(self) -> None:
        """Deliver what its elder twin has waited for long enough."""
        self.deliver_begun(TOGETHER_US)

    def before_reshard(self) -> None:
        """A reshard parts no tie: what has begun is delivered, and what comes later is stamped later."""
        self.deliver_begun()
        # It takes a while, so no later write has the stamp of one that an old shard holds.
        self._example.world.clock.advance(RESHARD_SECONDS)

    def deliver_begun(self, waited_us: int = 0) -> None:
        """Deliver what its elder twin has waited for, for so long at least."""
        if not self._is_kept or not self._began_us:
            return
        for relay in self._example.world.relays():
            for entry in list(relay.pending()):
                began_us = self._began_us.get(_tie(entry))
                if began_us is None or entry.copy:
                    continue
                if self._example.world.clock.now_us() - began_us >= waited_us:
                    self._example.deliver(relay, entry, again=False)


def overtakes_a_tie(entry: Pending, before: Sequence[Pending]) -> bool:
    """Whether delivering `entry` now would put it before an older change of its key and stamp."""
    return any(
        _tie(other) == _tie(entry) and not other.copy and other.change.number < entry.change.number
        for other in before
    )


def _tie(entry: Pending) -> tuple[bytes, int]:
    """What changes have in common that only their images can put in order."""
    unit = 1000 if entry.precision == "MILLISECOND" else 1
    return orjson.dumps(entry.change.keys), entry.change.time_us // unit

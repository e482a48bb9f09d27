"""A shard's throughput: what it takes and gives in a second before AWS throttles.

Off by default: see `Settings.throttled`. The counts run per whole second of the clock.

Source: Kinesis developer guide, "Quotas and limits"; API reference, GetRecords (10 MiB rule).
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20
PUT_RECORDS_PER_SECOND = 1_000
PUT_BYTES_PER_SECOND = MIB
READ_CALLS_PER_SECOND = 5
READ_BYTES_PER_SECOND = 2 * MIB
SECOND_US = 1_000_000


@dataclass(slots=True)
class ShardUse:
    """What one shard took and gave in the running second."""

    put_second: int = -1
    put_records: int = 0
    put_bytes: int = 0
    read_second: int = -1
    read_calls: int = 0
    read_bytes: int = 0
    read_blocked_until_us: int = 0

    def takes(self, size_bytes: int, now_us: int) -> bool:
        """Count a record of `size_bytes` in; False when the shard is over its limit.

        A record larger than a second's bytes passes when the second is unused: AWS lets big records
        through as a burst.
        """
        second = now_us // SECOND_US
        if second != self.put_second:
            self.put_second, self.put_records, self.put_bytes = second, 0, 0
        if self.put_records >= PUT_RECORDS_PER_SECOND:
            return False
        if self.put_bytes and self.put_bytes + size_bytes > PUT_BYTES_PER_SECOND:
            return False
        self.put_records += 1
        self.put_bytes += size_bytes
        return True

    def may_read(self, now_us: int) -> bool:
        """Count a GetRecords call in; False when the shard is over its limit."""
        if now_us < self.read_blocked_until_us:
            return False
        second = now_us // SECOND_US
        if second != self.read_second:
            self.read_second, self.read_calls, self.read_bytes = second, 0, 0
        if self.read_calls >= READ_CALLS_PER_SECOND:
            return False
        self.read_calls += 1
        return True

    def gave(self, size_bytes: int, now_us: int) -> None:
        """Count an answer: over 2 MiB in a second, reading pauses; 10 MiB cost five seconds."""
        self.read_bytes += size_bytes
        if self.read_bytes > READ_BYTES_PER_SECOND:
            seconds = -(-self.read_bytes // READ_BYTES_PER_SECOND)
            self.read_blocked_until_us = now_us + seconds * SECOND_US

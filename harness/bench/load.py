"""What a case gives to the stopwatch: one call that does some work and says how much."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.bench.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Load:
    """Work on one endpoint, ready to be repeated.

    Attributes:
        step: does a piece of it; returns how many units that was.
        refill: called before each step with the watch stopped; makes what the step will use up.
    """

    step: Callable[[], int]
    refill: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much a case prepares.

    Attributes:
        items: in a table to be read.
        stream_records: in a table's stream to be read.
        kinesis_records: in a Kinesis stream to be read.
        shards: of the stream with many shards.
        export_items: in the table to be exported.
        memory_items: written to see what they cost.
    """

    items: int = 5_000
    stream_records: int = 2_000
    kinesis_records: int = 20_000
    shards: int = 64
    export_items: int = 100_000
    memory_items: int = 100_000


QUICK = Amounts(
    items=1_000, stream_records=500, kinesis_records=4_000, export_items=10_000, memory_items=10_000
)
"""A first impression in a minute or two; not what is published."""

if TYPE_CHECKING:
    Case = Callable[[Endpoint, Amounts], AbstractContextManager[Load]]
    """Prepares an endpoint, gives the load, and tidies up behind it."""

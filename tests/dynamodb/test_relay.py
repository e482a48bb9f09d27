"""The relay: calm by default, disorderly on demand, reproducible from the seed."""

from __future__ import annotations

from collections import Counter

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.awsjson import AwsError
from harness.clock import VirtualClock
from harness.dynamodb.change_log import ChangeLog
from harness.dynamodb.change_record import ChangeRecords
from harness.dynamodb.relay import Behaviour, Delivery, Relay


class Stream:
    """Keeps what was put; throttles or refuses while told to."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.records: list[tuple[int, str]] = []
        self.refusal: AwsError | None = None
        self.limit = 1024 * 1024

    def put(self, data: bytes, partition_key: str) -> tuple[str, str]:
        if self.refusal is not None:
            raise self.refusal
        item = orjson.loads(data)["dynamodb"]["NewImage"]
        self.records.append((self.clock.now_us(), item["id"]["S"]))
        return "shardId-000000000000", str(len(self.records))

    def record_bytes_max(self) -> int:
        return self.limit

    @property
    def ids(self) -> list[str]:
        return [identity for _, identity in self.records]


class Setup:
    def __init__(self, behaviour: Behaviour, *, seed: int = 1, stepped: bool = False) -> None:
        self.clock = VirtualClock(seed=seed)
        self.stream = Stream(self.clock)
        self.heard: list[Delivery] = []
        self.log = ChangeLog()
        self.relay = Relay(
            self.clock, ChangeRecords("r", "t", "i"), self.stream,
            table="t", stream="s", behaviour=behaviour,
            listener=self.heard.append, stepped=stepped,
        )  # fmt: skip
        self.log.subscribe(self.relay.accept)

    def write(self, *ids: str) -> None:
        for identity in ids:
            keys = {"id": {"S": identity}}
            self.log.append(self.clock.now_us(), "INSERT", keys, None, keys)


NAMES = [f"{n:03d}" for n in range(100)]


def test_calm_relay_delivers_before_the_write_returns() -> None:
    setup = Setup(Behaviour())

    setup.write("a")
    assert setup.stream.ids == ["a"]
    setup.write("b", "c")

    assert setup.stream.ids == ["a", "b", "c"]
    assert [(d.number, d.copy, d.order) for d in setup.heard] == [(0, 0, 0), (1, 0, 1), (2, 0, 2)]


def test_duplicates_come_on_top_and_lose_nothing() -> None:
    setup = Setup(Behaviour(duplicate_probability=0.3, copies_max=4))

    setup.write(*NAMES)

    copies = Counter(setup.stream.ids)
    assert set(copies) == set(NAMES)
    assert 10 < sum(1 for n in copies.values() if n > 1) < 60
    assert max(copies.values()) <= 4
    assert setup.heard[-1].order == len(setup.stream.records) - 1


def test_reordering_is_a_permutation_within_the_window() -> None:
    setup = Setup(Behaviour(reorder_window=4))

    setup.write(*NAMES)
    setup.clock.advance(1)

    assert sorted(setup.stream.ids) == NAMES
    assert setup.stream.ids != NAMES
    # The n-th delivery is one of the oldest four, so nothing comes more than three places early.
    assert all(int(name) <= place + 3 for place, name in enumerate(setup.stream.ids))


def test_the_last_records_are_not_held_back_longer_than_hold_ms() -> None:
    setup = Setup(Behaviour(reorder_window=10, hold_ms=200))

    setup.write("a", "b")
    setup.clock.advance(0.199)
    assert setup.stream.ids == []
    setup.clock.advance(0.001)

    assert sorted(setup.stream.ids) == ["a", "b"]


def test_delay_keeps_the_order() -> None:
    setup = Setup(Behaviour(delay_ms_min=10, delay_ms_max=500))

    setup.write(*NAMES)
    setup.clock.advance(0.009)
    assert setup.stream.ids == []
    setup.clock.advance(0.491)

    assert setup.stream.ids == NAMES


def test_burst_leaves_together() -> None:
    setup = Setup(Behaviour(burst=5, hold_ms=1000))

    setup.write("a", "b", "c", "d")
    setup.clock.advance(0.5)
    assert setup.stream.ids == []
    setup.write("e", "f")
    assert setup.stream.ids == ["a", "b", "c", "d", "e"]
    setup.clock.advance(1)

    assert setup.stream.ids == ["a", "b", "c", "d", "e", "f"]


def test_same_seed_same_deliveries_and_another_seed_others() -> None:
    wild = Behaviour(duplicate_probability=0.5, reorder_window=8, delay_ms_max=50)

    def deliveries(seed: int) -> list[Delivery]:
        setup = Setup(wild, seed=seed)
        setup.write(*NAMES)
        setup.clock.advance(5)
        assert set(setup.stream.ids) == set(NAMES)
        return setup.heard

    assert deliveries(1) == deliveries(1)
    assert deliveries(1) != deliveries(2)


def test_oversized_record_is_skipped_counted_and_reported() -> None:
    setup = Setup(Behaviour())
    setup.stream.limit = 500

    setup.write("a", "b" * 400, "c")

    assert setup.stream.ids == ["a", "c"]
    assert setup.relay.oversized_count == 1
    assert [d.outcome for d in setup.heard] == ["delivered", "oversized", "delivered"]


def test_throttled_record_is_tried_again_in_its_place() -> None:
    setup = Setup(Behaviour())
    setup.stream.refusal = AwsError("ProvisionedThroughputExceededException", "Rate exceeded")

    setup.write("a", "b")
    setup.clock.advance(0.5)
    assert setup.stream.ids == []
    setup.stream.refusal = None
    setup.clock.advance(0.1)

    assert setup.stream.ids == ["a", "b"]


def test_records_for_a_deleted_stream_are_lost_and_counted() -> None:
    setup = Setup(Behaviour())
    setup.stream.refusal = AwsError("ResourceNotFoundException", "Stream s not found.")
    setup.write("a")
    setup.stream.refusal = None
    setup.write("b")

    assert setup.stream.ids == ["b"]
    assert setup.relay.lost_count == 1
    assert [d.outcome for d in setup.heard] == ["lost", "delivered"]


def test_stepped_relay_delivers_what_the_scheduler_says() -> None:
    setup = Setup(Behaviour(), stepped=True)
    setup.write("a", "b", "c")
    assert setup.stream.ids == []
    assert [p.change.number for p in setup.relay.pending()] == [0, 1, 2]

    setup.relay.deliver(1)
    setup.relay.deliver(1, again=True)
    setup.relay.flush()

    assert setup.stream.ids == ["b", "c", "a", "c"]
    assert [(d.number, d.copy) for d in setup.heard] == [(1, 0), (2, 0), (0, 0), (2, 1)]


def test_calming_a_relay_lets_everything_through() -> None:
    setup = Setup(Behaviour(reorder_window=50, hold_ms=10_000))
    setup.write("a", "b", "c")

    setup.relay.behaviour = Behaviour()

    assert setup.stream.ids == ["a", "b", "c"]


def test_precision_is_that_of_the_write_not_of_the_delivery() -> None:
    setup = Setup(Behaviour(), stepped=True)
    setup.write("a")
    setup.relay.precision = "MICROSECOND"
    setup.write("b")

    assert [p.precision for p in setup.relay.pending()] == ["MILLISECOND", "MICROSECOND"]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"duplicate_probability": 1.5}, "duplicate_probability is not within 0..1"),
        ({"reorder_window": 0}, "reorder_window is below 1"),
        ({"delay_ms_min": 5.0, "delay_ms_max": 1.0}, "delay_ms_min..delay_ms_max is empty"),
    ],
)
def test_impossible_behaviour_is_refused(wrong: dict[str, float], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Behaviour(**wrong)  # type: ignore[arg-type]


behaviours = st.builds(
    lambda duplicates, copies, window, delays, burst, hold: Behaviour(
        duplicates, copies, window, min(delays), max(delays), burst, hold
    ),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.integers(2, 4),
    st.integers(1, 6),
    st.tuples(st.integers(0, 50), st.integers(0, 50)),
    st.integers(1, 5),
    st.integers(0, 100),
)


@settings(max_examples=200, deadline=None)
@given(
    behaviours,
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=12),
    st.integers(0, 1000),
)
def test_nothing_is_lost_and_nothing_invented_whatever_the_behaviour(
    behaviour: Behaviour, writes: list[tuple[int, int]], seed: int
) -> None:
    setup = Setup(behaviour, seed=seed)
    written: list[str] = []
    for count, pause_ms in writes:
        names = [f"{len(written) + n:03d}" for n in range(count)]
        setup.write(*names)
        written += names
        setup.clock.advance(pause_ms / 1000)
    # Every copy is due within its delay and held no longer than hold_ms behind that.
    setup.clock.advance((behaviour.delay_ms_max + behaviour.hold_ms) / 1000 + 0.001)

    copies = Counter(setup.stream.ids)
    assert sorted(copies) == written
    most = behaviour.copies_max if behaviour.duplicate_probability else 1
    assert all(1 <= n <= most for n in copies.values())
    assert len(setup.relay.pending()) == 0
    first = list(dict.fromkeys(setup.stream.ids))
    if behaviour.reorder_window == 1:
        assert first == written

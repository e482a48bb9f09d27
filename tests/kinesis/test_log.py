from __future__ import annotations

from harness.kinesis.records import ShardLog


def log_of(count: int) -> ShardLog:
    """Record n has counter n, arrived at millisecond n and counts ten bytes."""
    log = ShardLog()
    for number in range(count):
        log.append(number, number, 10, str(number).encode())
    return log


def read(
    log: ShardLog, position: int, *, limit: int = 100, size_bytes_max: int = 1000
) -> list[int]:
    page = log.read(position, limit=limit, size_bytes_max=size_bytes_max, now_ms=0)
    return [int(fragment) for fragment in page.fragments]


def test_trimmed_records_are_gone_and_the_rest_reads_as_before() -> None:
    # Trimmed a little at a time, so that records are given back several times over.
    log = log_of(20_000)
    for horizon in range(0, 19_000, 100):
        log.trim(horizon)
        assert read(log, 0, limit=2) == [horizon, horizon + 1]
        assert read(log, horizon, size_bytes_max=55) == [horizon + n for n in range(5)]
    assert len(log) == 20_000 - 18_900


def test_a_log_trimmed_empty_takes_records_again() -> None:
    log = log_of(10)
    log.trim(100)
    assert (len(log), read(log, 0), log.has_from(0)) == (0, [], False)

    log.append(10, 200, 10, b"10")
    log.append(11, 200, 10, b"11")

    assert read(log, 0, size_bytes_max=20) == [10, 11]
    assert log.has_from(11)
    assert not log.has_from(12)


def test_a_page_holds_one_record_at_least() -> None:
    log = log_of(3)

    assert read(log, 1, size_bytes_max=1) == [1]


def test_records_are_found_by_time() -> None:
    log = ShardLog()
    for counter, time_ms in ((5, 100), (7, 100), (9, 300)):
        log.append(counter, time_ms, 0, b"")

    found = [log.position_at(time_ms) for time_ms in (0, 100, 101, 300, 301)]

    assert found == [5, 5, 9, 9, None]

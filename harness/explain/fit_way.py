"""Rules about the way: what was never carried, never read, or read and never stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.explain.case import Case
    from harness.explain.life import Change

Named = tuple[str, str]

_GONE = ("missing", "stale", "resurrected")


def never_carried(case: Case) -> Iterator[Named]:
    """The stream or the export did not hold it."""
    last = case.last
    if last is None or case.kind not in _GONE:
        return
    if last.is_oversized:
        yield "oversized-change-record-skipped", f"AWS left {last.write} out as too large"
    if last.phase in ("during", "after") and not last.deliveries and case.backdrop.streaming_us:
        if case.act("destination-off", "disable-streaming"):
            yield "streaming-destination-gap", f"{last.write} fell into a gap of the destination"
        yield "snapshot-stream-gap", f"{last.write} was in no stream record"
    if last.phase == "before" and not last.deliveries and case.kind == "missing":
        yield "snapshot-truncated-enumeration", f"{last.write} was in the export alone"


def never_read(case: Case) -> Iterator[Named]:
    """It lies in the stream, and the pipeline was never handed it."""
    if case.kind not in _GONE:
        return
    for change in case.unread:
        shard = change.deliveries[-1][1]
        if case.act("expired-iterator", "expire"):
            yield (
                "expired-or-trimmed-cursor-wedge",
                f"a cursor expired, {change.write} stayed unread",
            )
        if shard in case.backdrop.parents and shard in case.backdrop.pages:
            yield "shard-drained-too-early", f"{shard} was left before {change.write} was read"
        elif shard in case.backdrop.children and shard in case.backdrop.asked:
            yield "child-shard-starts-at-latest", f"reading of {shard} began after {change.write}"
        elif case.backdrop.asked.get(shard, change.deliveries[0][0]) < change.deliveries[0][0]:
            yield "shard-drained-too-early", f"nothing was asked of {shard} after {change.write}"
        elif shard in case.backdrop.asked:
            yield "snapshot-stream-gap", f"reading of {shard} began after {change.write}"
        else:
            yield "partial-shard-discovery", f"nothing was ever asked of {shard}"
            if shard in case.backdrop.children:
                yield "shard-drained-too-early", f"the parent of {shard} never came to its end"
        if case.act("checkpoint-lost", "lose-checkpoints", "roll-back-checkpoints"):
            yield "stale-epoch-checkpoint", "a checkpoint led past it"


def left_out_of_a_batch(case: Case) -> Iterator[Named]:
    """It was read together with others of its key, which entered, and it did not."""
    last = case.last
    if last is None or case.kind not in _GONE or not case.has_log or case.entered(last):
        return
    by_write = {change.write: change for change in case.life.changes}
    beside = {by_write[w].write for w in case.handed_out_with(last) if w in by_write}
    if not any(case.entered(by_write[write]) for write in beside):
        return
    if last.is_delete and not case.has_tombstones:
        return
    because = f"{last.write} was handed out with {', '.join(sorted(beside)[:3])}, and never entered"
    if all(_has_twin(case, change) for change in _dropped(case)):
        yield "overbroad-dedup", because + ": it has the millisecond of the one before"
    yield "batch-local-order-loss", because


def _dropped(case: Case) -> list[Change]:
    return [c for c in case.life.changes if c.readings and not case.entered(c)]


def _has_twin(case: Case, change: Change) -> bool:
    """Another change of the key in the same millisecond did enter."""
    return any(
        other is not change
        and other.time_us // 1000 == change.time_us // 1000
        and case.entered(other)
        for other in case.life.changes
    )


def lost_on_the_way(case: Case) -> Iterator[Named]:
    """It was read, and no row of it entered."""
    last = case.last
    if last is None or case.kind not in _GONE or not last.readings or case.entered(last):
        return
    if last.is_delete:
        return
    if case.kind == "missing" and case.is_larger_than_all:
        yield "oversized-change-record-skipped", "what is missing is larger than what arrived"
    own = [i for i in case.backdrop.inserts if not i.from_export]
    refused = [i for i in own if i.fault and not i.is_stored]
    if any(i.fault == "partial-insert" for i in own):
        yield "ack-without-storage", "an INSERT was stored in part"
    retried = {(i.incarnation, i.ordinal) for i in own if i.attempt}
    if any((i.incarnation, i.ordinal) not in retried for i in refused):
        yield "swallowed-write-failure", "an INSERT failed and was not sent again"
        yield "ack-without-storage", "an INSERT that stored nothing was counted as done"
    if case.act("killed"):
        yield "checkpoint-before-durable-write", f"killed after {last.write} was read"
        yield "checkpoint-past-gap", f"killed after {last.write} was read"
        yield "position-compare-error", f"reading went on behind {last.write} after the kill"
    if case.kind == "stale" and not case.has_log:
        if case.tagged("tie", "again"):
            yield "overbroad-dedup", f"{last.write} was taken for a duplicate of another change"
        if case.tagged("overtakes", "late-again"):
            yield "last-arrival-wins", "an older change arrived after it and took its place"
        yield "batch-local-order-loss", f"no row of {last.write} is left, though it was read"
    yield "volatile-buffer-ack", f"{last.write} was read and never stored"


def delete_dropped(case: Case) -> Iterator[Named]:
    """The delete was read, others left tombstones, and this one did not."""
    last = case.last
    if case.kind != "resurrected" or last is None or not last.is_delete or not last.readings:
        return
    if not case.entered(last):
        yield "delete-event-ignored", "the delete was read, and no tombstone of it is stored"


way_rules = (never_carried, never_read, left_out_of_a_batch, lost_on_the_way, delete_dropped)

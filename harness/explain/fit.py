"""Which defect class fits what was observed of a key.

Each rule looks at one life and names a class of the catalogue with its reason, or stays silent.
They are asked from the particular to the general, so the first answer is the best; a rule speaks
of what was recorded, never of the pipeline's code. Without any answer nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from harness.defects.catalogue import Defect, defect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.explain.backdrop import Backdrop
    from harness.explain.life import Change, Life
    from harness.explain.material import End

_DEFAULTS = frozenset({"", "0", "NULL", "False", "[]", "{}", "0.0", "1970-01-01"})
_EMPTY_KEY = frozenset({"", "0"})
_UNIT_RATIO = 500


@dataclass(frozen=True, slots=True)
class Fit:
    """A class of the catalogue, and what speaks for it."""

    defect: Defect
    because: str


@dataclass(slots=True)
class Case:
    """What the rules look at: one key that went wrong.

    Attributes:
        life: of the key.
        end: how it ended.
        backdrop: what happened around it.
        last: its last effective write; None when the history tells of none.
        shown: the write that FINAL shows; None when it shows none that was made.
    """

    life: Life
    end: End
    backdrop: Backdrop
    last: Change | None
    shown: Change | None

    @property
    def kind(self) -> str:
        """How it differs."""
        return self.end.differ

    def act(self, *names: str) -> bool:
        """One of these acts, ends or faults happened in the run."""
        return any(act.name in names for act in self.backdrop.acts)

    def tagged(self, *tags: str) -> bool:
        """One of these oddities was met in the key's life."""
        return any(m.tag in tags for m in self.life.moments)

    def version_of(self, write: str, *, deleted: bool = False) -> int | None:
        """The version of a write's row, or of the newest tombstone."""
        found = [
            int(row["version"])
            for row in (*self.end.rows, *self.end.applied)
            if (bool(row.get("deleted")) if deleted else row.get("id") == write)
        ]
        return max(found, default=None)


def fits(life: Life, backdrop: Backdrop) -> list[Fit]:
    """Classes that fit, the best first; empty when the key is well or nothing speaks for any."""
    end = life.end
    if end is None or not end.what:
        return []
    by_write = {change.write: change for change in life.changes}
    shown = by_write.get((end.found or {}).get("_w", ""))
    last = life.changes[-1] if life.changes else None
    case = Case(life, end, backdrop, last, shown)
    found: dict[str, Fit] = {}
    for rule in _RULES:
        for name, because in rule(case):
            found.setdefault(name, Fit(defect(name), because))
    return list(found.values())


Named = tuple[str, str]


def _keys_and_counts(case: Case) -> Iterator[Named]:
    if case.kind == "twice":
        yield "duplicate-delivery-uncollapsed", "FINAL shows the key more than once"
    if case.kind != "phantom":
        return
    if set(case.life.key) & _EMPTY_KEY:
        yield "delete-key-from-new-image", "a row with an empty key, which nobody wrote"
    else:
        yield "row-identity-collapse", "a row whose key was never written"


def _never_carried(case: Case) -> Iterator[Named]:
    last = case.last
    if last is None or case.kind not in ("missing", "stale", "resurrected"):
        return
    if last.is_oversized:
        yield "oversized-change-record-skipped", f"AWS left {last.write} out as too large"
    if last.phase in ("during", "after") and not last.deliveries and case.backdrop.streaming_us:
        if case.act("disable-streaming", "disable", "streaming-disabled"):
            yield "streaming-destination-gap", f"{last.write} fell into a gap of the destination"
        yield "snapshot-stream-gap", f"{last.write} was in no stream record"
    if last.phase == "before" and not last.deliveries and case.kind == "missing":
        yield "snapshot-truncated-enumeration", f"{last.write} was in the export alone"


def _never_read(case: Case) -> Iterator[Named]:
    last = case.last
    if last is None or not last.deliveries or last.readings or not case.backdrop.pages:
        return
    if not any(number for _, _, number in last.deliveries):
        return
    shard = last.deliveries[-1][1]
    if shard not in case.backdrop.pages:
        yield "partial-shard-discovery", f"nothing was ever read from {shard}"
        return
    if case.act("split", "merge"):
        yield "shard-drained-too-early", f"{shard} was left before {last.write} was read"
        yield "child-shard-starts-at-latest", f"reading of {shard} began after {last.write}"
    if case.act("expired-iterator"):
        yield "expired-or-trimmed-cursor-wedge", "an iterator had expired"
    if case.act("checkpoint-lost", "lose-checkpoints"):
        yield "stale-epoch-checkpoint", "a checkpoint led past it"


def _versions(case: Case) -> Iterator[Named]:
    """Both rows are stored and the wrong one wins."""
    last, shown = case.last, case.shown
    if last is None or case.kind not in ("stale", "resurrected", "missing"):
        return
    good = case.version_of(last.write, deleted=last.is_delete)
    bad = (
        case.version_of("", deleted=True)
        if case.kind == "missing"
        else (case.version_of(shown.write) if shown else None)
    )
    if good is None or bad is None or good > bad:
        return
    wrong = shown.write if shown else "the tombstone"
    if good == bad:
        yield "version-tie-arbitrary-winner", f"{wrong} and {last.write} have one version"
        return
    if good and bad / good >= _UNIT_RATIO:
        yield "version-unit-mismatch", f"{wrong} has a version of another magnitude"
    if shown is not None and shown.phase == "before" and not shown.deliveries:
        yield "snapshot-version-inversion", f"{wrong} comes from the export and ranks above it"
    if case.tagged("again", "late-again") or case.act("killed"):
        yield "redelivery-unstable-version", f"{wrong} was read again and ranks above {last.write}"
    yield "batch-local-order-loss", f"{wrong} ranks above {last.write}, which came later"


def _deletes(case: Case) -> Iterator[Named]:
    if case.kind != "resurrected":
        return
    tombstone = case.version_of("", deleted=True)
    if tombstone is not None:
        if case.shown is not None and not case.shown.deliveries:
            yield "snapshot-resurrects-deleted", "the export's row ranks above its tombstone"
        return
    last = case.last
    if last is not None and last.is_delete and last.write.startswith("change-"):
        yield "ttl-expiry-delete-filtered", "it expired, and no tombstone is stored"
    if case.act("second-export", "export") and case.act("checkpoint-lost", "lose-checkpoints"):
        yield "resnapshot-orphans", "the table was loaded again, and the key was no longer in it"
    if case.shown is not None and not case.shown.deliveries and case.backdrop.streaming_us:
        yield "snapshot-resurrects-deleted", "the row comes from the export; no tombstone is left"
    if case.tagged("overtakes", "late-again", "again") or case.act("killed"):
        yield (
            "tombstone-not-retained",
            "an older change came after the delete, and nothing stopped it",
        )
    if last is not None and last.readings:
        yield "delete-event-ignored", "the delete was read, and no tombstone is stored"


def _lost_on_the_way(case: Case) -> Iterator[Named]:
    """It was read, and no row of it is left."""
    last = case.last
    if last is None or case.kind not in ("missing", "stale") or not last.readings:
        return
    if case.version_of(last.write) is not None:
        return
    own = [i for i in case.backdrop.inserts if not i.from_export]
    refused = [i for i in own if i.fault and not i.is_stored]
    if any(i.fault == "partial-insert" for i in own):
        yield "ack-without-storage", "an INSERT was stored in part"
    if refused and not any(i.attempt for i in own):
        yield "swallowed-write-failure", "an INSERT failed and was not sent again"
    if case.act("killed"):
        yield "checkpoint-before-durable-write", f"killed after {last.write} was read"
        yield "checkpoint-past-gap", f"killed after {last.write} was read"
    if case.tagged("tie") or case.tagged("again"):
        yield "overbroad-dedup", f"{last.write} was taken for a duplicate of another change"
    if case.kind == "stale" and case.tagged("overtakes", "late-again"):
        yield "last-arrival-wins", "an older change arrived after it and took its place"
    if case.kind == "stale":
        yield "batch-local-order-loss", f"no row of {last.write} is left, though it was read"
    if refused:
        yield "swallowed-write-failure", "an INSERT failed"
    if case.kind == "missing":
        yield "volatile-buffer-ack", f"{last.write} was read and never stored"


def _cells(case: Case) -> Iterator[Named]:
    """The right write with a wrong value."""
    source, found = case.end.source, case.end.found
    if case.kind != "altered" or source is None or found is None:
        return
    for name in case.end.wrong:
        yield from _cell(name, source.get(name, ""), found.get(name, ""), case)


def _cell(name: str, expected: str, found: str, case: Case) -> Iterator[Named]:
    if _same_digits(expected, found):
        yield "numeric-narrowing", f"{name}: {expected} became {found}"
    elif expected in _DEFAULTS and found in _DEFAULTS:
        yield (
            "wrong-type-becomes-default",
            f"{name}: {expected or 'empty'} became {found or 'empty'}",
        )
    elif found in _DEFAULTS:
        yield "unmapped-attribute-dropped", f"{name}: {expected} is not there"
        yield "wrong-type-becomes-default", f"{name}: {expected} became {found or 'empty'}"
    elif expected in _DEFAULTS:
        yield "stale-attribute-after-removal", f"{name} is gone, and still shows {found}"
    elif case.last is not None and not case.last.deliveries:
        yield "snapshot-stream-decoder-skew", f"{name}: only the export carried it"


def _same_digits(expected: str, found: str) -> bool:
    """Two numbers that differ by less than a thousandth: digits were lost."""
    try:
        one, other = Decimal(expected), Decimal(found)
    except InvalidOperation:
        return False
    if not one.is_finite() or not other.is_finite() or one == other or not one:
        return False
    return abs(one - other) <= abs(one) / 1000


def _arrival(case: Case) -> Iterator[Named]:
    """Without rows to compare, the order of arrival is what is left to speak."""
    if case.kind not in ("stale", "resurrected") or case.end.rows:
        return
    if case.tagged("overtakes", "late-again"):
        yield "last-arrival-wins", "an older change arrived last, and shows"


_RULES: tuple[Callable[[Case], Iterator[Named]], ...] = (
    _keys_and_counts,
    _cells,
    _never_carried,
    _never_read,
    _versions,
    _deletes,
    _arrival,
    _lost_on_the_way,
)

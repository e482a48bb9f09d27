"""Rules about order: versions, arrival, tombstones, and what a reader makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.explain.case import Case

Named = tuple[str, str]

_UNIT_RATIO = 500


def expiries(case: Case) -> Iterator[Named]:
    """The last write was not the workload's, and took the item away."""
    last = case.last
    if case.kind == "resurrected" and last and last.is_delete and last.write.startswith("change-"):
        yield "ttl-expiry-delete-filtered", "it expired, and is still shown"


def reloads(case: Case) -> Iterator[Named]:
    """The table was exported and loaded once more, and the delete in between was not read."""
    last = case.last
    if case.kind != "resurrected" or last is None or not last.is_delete or last.readings:
        return
    if case.act("export", "second-export"):
        yield "resnapshot-orphans", "the table was loaded again, and the key was no longer in it"


def unstable(case: Case) -> Iterator[Named]:
    """One record that was handled twice got two versions."""
    if case.kind in ("stale", "missing", "resurrected", "") and case.is_unstable:
        yield "redelivery-unstable-version", "one record has two versions: they are not its own"


def best_row_does_not_show(case: Case) -> Iterator[Named]:
    """The versions are right, and FINAL shows another row."""
    last, rows = case.last, case.rows
    if last is None or not rows or case.kind not in ("stale", "missing", "resurrected"):
        return
    best = max(rows, key=lambda row: int(row["version"]))
    others = [r for r in rows if r["version"] == best["version"] and _what(r) != _what(best)]
    if not case.is_of(best, last) or others:
        return
    if any(r["version"] == best["version"] and case.is_of(r, last) for r in case.end.rows):
        yield "final-filter-pushdown", f"the row of {last.write} is stored and ranks highest"
        return
    if last.is_delete:
        yield "tombstone-not-retained", f"the tombstone of {last.write} entered, and is gone"
    if rows[-1] is not best and not case.is_of(rows[-1], last):
        if case.saw("child-read-before-parent-end"):
            yield "child-shard-before-parent", "a child shard was read before its parent's end"
        yield "last-arrival-wins", "the row that came last shows, against the versions"


def versions(case: Case) -> Iterator[Named]:
    """The wrong row ranks as high as the right one, or higher."""
    last, shown = case.last, case.shown
    if last is None or case.kind not in ("stale", "resurrected", "missing"):
        return
    good = case.version_of(last)
    if case.kind == "missing":
        graves = [int(row["version"]) for row in case.rows if row.get("deleted")]
        bad = max(graves, default=None)
    else:
        bad = case.version_of(shown) if shown else None
    if good is None or bad is None or good > bad:
        return
    wrong = shown.write if shown else "the tombstone"
    if good == bad:
        yield "version-tie-arbitrary-winner", f"{wrong} and {last.write} have one version"
        return
    if good and bad / good >= _UNIT_RATIO:
        yield "version-unit-mismatch", f"{wrong} has a version of another magnitude"
    if shown is not None and not shown.deliveries:
        if last.is_delete:
            yield "snapshot-resurrects-deleted", "the export's row ranks above its tombstone"
        elif shown.phase == "before":
            yield "snapshot-version-inversion", f"{wrong} comes from the export and ranks above it"
    if case.tagged("again", "late-again") or case.act("killed"):
        yield "redelivery-unstable-version", f"{wrong} was read again and ranks above {last.write}"
    yield "batch-local-order-loss", f"{wrong} ranks above {last.write}, which came later"


def rows_alone(case: Case) -> Iterator[Named]:
    """FINAL is right by chance: the rows behind it are not in order."""
    if case.kind:
        return
    place = {change.write: n for n, change in enumerate(case.life.changes)}
    known = [row for row in case.rows if row.get("id") in place and not row.get("deleted")]
    for row in known:
        for other in known:
            if row["version"] == other["version"] and row["id"] != other["id"]:
                both = " and ".join(sorted((str(row["id"]), str(other["id"]))))
                yield "version-tie-arbitrary-winner", f"{both} have one version"
                return
    ordered = sorted(known, key=lambda row: int(row["version"]))
    places = [place[str(row["id"])] for row in ordered]
    if places != sorted(places):
        if case.tagged("again", "late-again") or case.act("killed"):
            yield "redelivery-unstable-version", "an older write ranks above a newer one"
        yield "batch-local-order-loss", "an older write ranks above a newer one"


def deletes(case: Case) -> Iterator[Named]:
    """A delete left no tombstone."""
    last = case.last
    if case.kind != "resurrected" or last is None or not last.is_delete:
        return
    if case.entered(last):
        return
    if case.shown is not None and not case.shown.deliveries and case.backdrop.streaming_us:
        yield "snapshot-resurrects-deleted", "the row comes from the export; no tombstone is left"
    if case.removes_rows and (
        case.tagged("overtakes", "late-again", "again") or case.act("killed")
    ):
        yield "tombstone-not-retained", "an older change came after the delete: nothing stopped it"
    if last.readings and not case.has_tombstones:
        yield "delete-event-ignored", "the delete was read, and there is no tombstone in the table"


def arrival(case: Case) -> Iterator[Named]:
    """Without rows to compare, the order of arrival is what is left to speak."""
    if case.kind not in ("stale", "resurrected") or case.rows:
        return
    if case.tagged("overtakes", "late-again"):
        yield "last-arrival-wins", "an older change arrived last, and shows"


def _what(row: Mapping[str, Any]) -> tuple[bool, str]:
    return bool(row.get("deleted")), str(row.get("id"))


early_rules = (expiries, reloads)
order_rules = (unstable, best_row_does_not_show, versions, rows_alone, deletes, arrival)

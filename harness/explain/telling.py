"""Turns the events of one key, and what happened around them, into the moments of its life."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.explain.life import Change, Moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.explain.backdrop import Backdrop, Entries, Page
    from harness.explain.life import Lane, Life
    from harness.explain.material import End
    from harness.history import Event

ACTS_MAX = 40
_LATE_US = 2_000_000


class Teller:
    """Tells one life.

    Args:
        life: what is told; its moments and changes are filled.
        told: the events of its key, oldest first.
        backdrop: what happened to all keys alike.
        entries: which INSERT a row came with.
    """

    def __init__(self, life: Life, told: list[Event], backdrop: Backdrop, entries: Entries) -> None:
        self.life = life
        self.told = told
        self.backdrop = backdrop
        self.entries = entries
        self.by_number: dict[int, Change] = {}

    def tell(self) -> None:
        """Fill the life."""
        writes = [e for e in self.told if e["event"] == "write"]
        changes = [e for e in self.told if e["event"] == "change"]
        self._writes(writes, changes)
        self._deliveries([e for e in self.told if e["event"] == "delivery"])
        self._undelivered()
        self._readings()
        self._applied()
        self._rows()
        self._samples([e for e in self.told if e["event"] == "seen"])
        self._final()
        self._acts()
        # The sort is stable: what has one stamp stays in the order of the path.
        self.life.moments.sort(key=lambda m: m.at_us)

    def add(self, at_us: int, lane: Lane, kind: str, text: str, **more: str) -> None:
        """One more moment."""
        self.life.moments.append(Moment(at_us, lane, kind, text, **more))

    def _writes(self, writes: list[Event], changes: list[Event]) -> None:
        left = list(changes)
        last_ms, last = -1, ""
        for event in writes or [_write_of(change) for change in changes]:
            marker = marker_of(event)
            kind, outcome = str(event.get("kind", "")), str(event.get("outcome", ""))
            at = int(event.get("started_us") or event["at"])
            if outcome == "refused":
                text = f"{kind} {marker} refused"
                self.add(at, "write", "refused", text, detail=str(event.get("error", "")))
                continue
            change = _take(left, event)
            stamp = int(change["time_us"]) if change else at
            made = Change(
                int(change["number"]) if change else -1,
                marker,
                kind == "delete",
                stamp,
                str(event.get("phase", "")),
            )
            self.life.changes.append(made)
            if change:
                self.by_number[made.number] = made
            tie = f"in the same millisecond as {last}" if stamp // 1000 == last_ms else ""
            detail = _joined(tie, "outcome unknown" if outcome == "unknown" else "")
            self.add(
                at, "write", "write", f"{kind} {marker}",
                detail=detail, write=marker, tag="tie" if tie else "",
            )  # fmt: skip
            last_ms, last = stamp // 1000, marker
        for change in left:
            # A write that the workload did not make: an expiry, or somebody else's.
            made = Change(
                int(change["number"]), f"change-{change['number']}",
                change["kind"] == "REMOVE", int(change["time_us"]),
            )  # fmt: skip
            self.life.changes.append(made)
            self.by_number[made.number] = made
            verb = "removed" if made.is_delete else "written"
            text = f"{verb}, not by the workload"
            self.add(made.time_us, "write", "write", text, write=made.write)

    def _deliveries(self, events: list[Event]) -> None:
        newest = -1
        for event in events:
            self._know(event)
        for event in events:
            number, shard = int(event["number"]), str(event.get("shard", ""))
            change = self.by_number.get(number)
            write = change.write if change else f"change-{number}"
            if event.get("outcome") != "delivered":
                if change:
                    change.is_oversized = event.get("outcome") == "oversized"
                text = f"{write} left out: {event.get('outcome')}"
                self.add(
                    event["at"], "stream", str(event.get("outcome")), text, write=write, tag="wrong"
                )
                continue
            again = int(event.get("copy", 0)) > 0 or bool(change and change.deliveries)
            tag, said = "", ""
            if again:
                tag, said = ("late-again", "again, after a newer one") if newest > number else (
                    "again", "again"
                )  # fmt: skip
            elif newest > number:
                tag, said = "overtakes", "after a newer one"
            sequence = str(event.get("sequence_number") or "")
            if change:
                change.deliveries.append(
                    (event["at"], shard, int(sequence) if sequence.isdecimal() else 0)
                )
            newest = max(newest, number)
            detail = _joined(said, f"sequence …{sequence[-8:]}" if sequence else "")
            self.add(
                event["at"], "stream", "delivered", f"{write} into {_short(shard)}",
                detail=detail, write=write, shard=shard, tag=tag,
            )  # fmt: skip

    def _know(self, event: Event) -> None:
        """A change that no write of the workload made: an expiry, or somebody else's."""
        number = int(event["number"])
        if number in self.by_number:
            return
        is_delete = event.get("kind") == "REMOVE"
        made = Change(number, f"change-{number}", is_delete, event["at"])
        changes = self.life.changes
        later = [place for place, change in enumerate(changes) if change.number > number]
        changes.insert(later[0] if later else len(changes), made)
        self.by_number[number] = made

    def _undelivered(self) -> None:
        """What was written while changes were streamed and never reached the stream."""
        streaming = self.backdrop.streaming_us
        for change in self.life.changes:
            if change.number < 0 and streaming and change.phase in ("during", "after"):
                self.add(
                    change.time_us, "stream", "undelivered", f"{change.write} has no stream record",
                    detail="it changed nothing, or the stream never carried it",
                    write=change.write, tag="undelivered",
                )  # fmt: skip

    def _readings(self) -> None:
        """Pages that held records of the key, and what became of them at the earliest."""
        handed: dict[Page, list[Change]] = {}
        for change in self.life.changes:
            for at, shard, number in change.deliveries:
                for page in self.backdrop.readings(shard, number, at):
                    handed.setdefault(page, []).append(change)
        for page in sorted(handed, key=lambda page: page.at_us):
            self._reading(page, handed[page])
        for change in self.life.changes:
            is_known = any(number for _, _, number in change.deliveries)
            if is_known and not change.readings and self.backdrop.asked:
                self.add(
                    self.backdrop.end_us, "pipeline", "unread", f"{change.write} was never read",
                    write=change.write, shard=change.deliveries[0][1], tag="unread",
                )  # fmt: skip

    def _reading(self, page: Page, changes: list[Change]) -> None:
        again = False
        for change in changes:
            change.readings += 1
            again |= change.readings > len(change.deliveries)
        writes = ", ".join(dict.fromkeys(change.write for change in changes))
        others = page.records - len(changes)
        told = [f"incarnation {page.incarnation}", f"and {others:,} others" if others > 0 else ""]
        self.add(
            page.at_us, "pipeline", "read", f"{page.by} hands out {writes}",
            detail=_joined(*told, "read again" if again else ""),
            write=" ".join(dict.fromkeys(c.write for c in changes)), shard=page.shard, tag="again" if again else "",
        )  # fmt: skip
        insert = self.backdrop.next_insert(page.at_us, page.incarnation)
        if insert is None:
            return
        if any(m.kind == "insert" and m.at_us == insert.at_us for m in self.life.moments):
            return
        rows = f" of {insert.rows:,} rows" if insert.rows >= 0 else ""
        self.add(
            insert.at_us, "pipeline", "insert", f"INSERT #{insert.ordinal}{rows}",
            detail=_joined(
                f"at the earliest with {writes}",
                f"answered {insert.status}" if insert.status else "its answer was cut off",
                f"met {insert.fault}" if insert.fault else "",
                "" if insert.is_stored else "stored nothing",
            ),
            tag="wrong" if insert.fault or insert.status >= 400 else "",
        )  # fmt: skip

    def _applied(self) -> None:
        """Rows as they entered, merged ones too; with their INSERT where it can be told."""
        end = self.life.end
        settled = self.backdrop.settled_us or self.backdrop.end_us
        order = {change.write: place for place, change in enumerate(self.life.changes)}
        highest = -1
        for row in end.applied if end else ():
            write = self._write_of(row)
            insert = self.entries.of(int(row["place"]))
            place = order.get(write, -1)
            late = not row.get("deleted") and 0 <= place < highest
            highest = max(highest, place)
            what = "tombstone" if row.get("deleted") else "row"
            self.add(
                insert.at_us if insert else settled, "rows", "entered",
                f"{what} of {write} enters" if write else f"a {what} enters",
                detail=_joined(
                    f"version {row['version']}",
                    f"with INSERT #{insert.ordinal}" if insert else "",
                    "of the export" if insert and insert.from_export else "",
                    "after a newer one" if late else "",
                ),
                write=write, tag="overtakes" if late else "",
            )  # fmt: skip

    def _rows(self) -> None:
        end = self.life.end
        if end is None:
            return
        at = self.backdrop.settled_us or self.backdrop.end_us
        versions = [row["version"] for row in end.rows]
        order = {change.write: place for place, change in enumerate(self.life.changes)}
        highest = -1
        for row in end.rows:
            write = self._write_of(row)
            what = (
                f"tombstone {write}".strip()
                if row.get("deleted")
                else f"row of {write or 'no write'}"
            )
            tie = versions.count(row["version"]) > 1
            place = order.get(write, -1)
            inverted = not row.get("deleted") and 0 <= place < highest
            highest = max(highest, place)
            tag, said = ("tie", ", the same as another row's") if tie else ("", "")
            if inverted:
                tag, said = "outranked", f"{said}, above that of a later write"
            self.add(
                at, "rows", "tombstone" if row.get("deleted") else "row", what,
                detail=f"version {row['version']}{said}", write=write, tag=tag,
            )  # fmt: skip

        last = self.life.changes[-1] if self.life.changes else None
        if last and end.rows and last.write not in {self._write_of(row) for row in end.rows}:
            gone = any(row.get("deleted") for row in end.rows)
            if not last.is_delete or not gone:
                what = "tombstone" if last.is_delete else "row"
                self.add(
                    at, "rows", "absent", f"no {what} of {last.write} is left",
                    detail=self._absence(end, last), write=last.write, tag="wrong",
                )  # fmt: skip

    def _write_of(self, row: Mapping[str, Any]) -> str:
        """The write that a row carries; a tombstone says it only where there is one delete."""
        deletes = [change.write for change in self.life.changes if change.is_delete]
        if row.get("deleted"):
            return deletes[0] if len(deletes) == 1 else ""
        return str(row.get("id") or "")

    def _absence(self, end: End, last: Change) -> str:
        if not end.applied:
            return "never stored, or dropped by a merge"
        if last.is_delete:
            entered = any(row.get("deleted") for row in end.applied)
        else:
            entered = any(row.get("id") == last.write for row in end.applied)
        return "it entered, and another row took its place" if entered else "it never entered"

    def _samples(self, events: list[Event]) -> None:
        """What FINAL showed on the way, each time that it was another thing."""
        order = {change.write: place for place, change in enumerate(self.life.changes)}
        highest = -1
        for event in events:
            write = event["write"]
            place = order.get(write, -1)
            back = 0 <= place < highest
            highest = max(highest, place)
            self.add(
                event["at"], "final", "sample",
                f"FINAL shows {write or 'no row any more'}",
                detail="it had shown a newer write before" if back else "",
                write=write, tag="wrong" if back else "",
            )  # fmt: skip

    def _final(self) -> None:
        end = self.life.end
        if end is None:
            return
        at = self.backdrop.settled_us or self.backdrop.end_us
        write = _marker_in(end.found or {})
        text = "FINAL shows no row" if end.found is None else f"FINAL shows {write or 'a row'}"
        good = "as DynamoDB has it" if not end.what else end.what
        tag = "wrong" if end.what else ""
        self.add(at, "final", "final", text, detail=good, write=write, tag=tag)

    def _acts(self) -> None:
        """What fell into the key's life, the nearest first where there is too much of it."""
        moments = self.life.moments
        own = [m.at_us for m in moments if m.lane in ("write", "stream", "pipeline")]
        if not own:
            return
        low, high = min(own), max(own) + _LATE_US
        shards = {m.shard for m in moments if m.shard}
        chosen = [
            act
            for act in self.backdrop.acts
            if act.kind != "fault"
            or (low <= act.at_us <= high and (not act.shard or act.shard in shards))
        ]
        for act in chosen[:ACTS_MAX]:
            name = {"life": f"the pipeline {act.name}", "fault": f"fault {act.name}"}.get(
                act.kind, act.name
            )
            odd = act.kind == "fault" or act.name in ("killed", "exited")
            self.add(
                act.at_us, "pipeline", act.kind, name,
                detail=act.about, shard=act.shard, tag="wrong" if odd else "",
            )  # fmt: skip


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def marker_of(event: Event) -> str:
    """The marker of a `write` event, also where the item holds none: a delete."""
    if event.get("id"):
        return str(event["id"])
    number = event.get("number")
    return f"w{number:06d}" if isinstance(number, int) else ""


def _write_of(change: Event) -> Event:
    """A stepped run tells a write by its change."""
    made = {
        "at": change["at"], "event": "write", "number": change.get("write", change["number"]),
        "kind": "delete" if change["kind"] == "REMOVE" else "put",
        "key": change["key"], "outcome": "acked", "started_us": change["time_us"],
    }  # fmt: skip
    return made if "write" in change else {**made, "id": f"change-{change['number']}"}


def _take(left: list[Event], write: Event) -> Event | None:
    """The change that a write made: by its number, or by its time."""
    low, high = int(write.get("started_us") or 0), int(write["at"])
    is_delete = write.get("kind") == "delete"
    for place, change in enumerate(left):
        if "write" in change:
            matches = change["write"] == write.get("number")
        else:
            inside = low - 1000 <= int(change["time_us"]) <= high + 1000
            matches = inside and (change["kind"] == "REMOVE") == is_delete
        if matches:
            return left.pop(place)
    return None


def _marker_in(found: Any) -> str:
    return next((str(v) for n, v in found.items() if n == "_w"), "")


def _short(shard: str) -> str:
    number = shard.rpartition("-")[2].lstrip("0") or "0"
    return f"shard {number}" if shard.startswith("shardId-") else (shard or "the stream")

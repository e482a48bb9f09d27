"""What happens to all keys alike: pages read, INSERTs sent, faults, lives and operators' acts."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.history import Event

OK = 200


@dataclass(frozen=True, slots=True)
class Page:
    """Records that the pipeline was handed.

    Attributes:
        first, last: their outermost sequence numbers; 0 where the history does not tell them.
        by: GetRecords or SubscribeToShard.
    """

    at_us: int
    shard: str
    records: int
    first: int
    last: int
    by: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT into the target table.

    Attributes:
        rows: as ClickHouse counted them; -1 when it did not answer so.
        fault: that it met; empty when it met none.
        is_stored: it took effect, whatever was answered.
    """

    at_us: int
    ordinal: int
    attempt: int
    status: int
    rows: int
    fault: str
    is_stored: bool
    from_export: bool
    incarnation: int


@dataclass(frozen=True, slots=True)
class Act:
    """A fault, an end or start of the pipeline, or what an operator did.

    Attributes:
        kind: fault, life or operator.
        name: of the fault, the new state, or the act.
        about: the request, the incarnation, or what was acted on.
    """

    at_us: int
    kind: str
    name: str
    about: str
    shard: str = ""


@dataclass(slots=True)
class Backdrop:
    """Fed with the history, event by event.

    Args:
        target: the target table; an INSERT into another is none of the key's.
    """

    target: str
    start_us: int = 0
    end_us: int = 0
    streaming_us: int = 0
    settled_us: int = 0
    incarnation: int = 0
    pages: dict[str, list[Page]] = field(default_factory=dict)
    inserts: list[Insert] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    phases: list[tuple[int, str, str]] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=dict)
    parents: set[str] = field(default_factory=set)
    children: set[str] = field(default_factory=set)
    _fault: Event | None = None

    def feed(self, event: Event) -> None:
        """One more event."""
        at = event["at"]
        self.start_us = self.start_us or at
        self.end_us = max(self.end_us, at)
        match event.get("event"):
            case "request":
                self._request(event)
            case "records":
                self._page(event, "SubscribeToShard")
            case "fault":
                self._fault = event
                about = " ".join(
                    str(event.get(name, "")) for name in ("service", "operation", "subject")
                )
                name = str(event.get("fault", ""))
                ordinal = f" #{event.get('ordinal', 0)}"
                shard = str(event.get("subject", "")) if event.get("service") == "kinesis" else ""
                self.acts.append(Act(at, "fault", name, about.strip() + ordinal, shard))
            case "pipeline":
                self._life(event)
            case "operator":
                rest = {n: v for n, v in event.items() if n not in ("at", "event", "act")}
                about = ", ".join(f"{name} {_plain(value)}" for name, value in rest.items())
                self.acts.append(Act(at, "operator", str(event.get("act", "")), about))
                if event.get("act") == "land":
                    self._landed(event)
                if isinstance(event.get("children"), list):
                    self.parents.update(map(str, event.get("parents", [])))
                    self.children.update(map(str, event["children"]))
            case "phase":
                self.phases.append((at, str(event.get("name", "")), str(event.get("state", ""))))
            case "change":
                self.streaming_us = self.streaming_us or at
            case "settled":
                self.settled_us = at
            case _:
                pass

    def _request(self, event: Event) -> None:
        fault, self._fault = self._fault, None
        operation, status = event.get("operation"), event.get("status")
        if event.get("service") == "streams":
            # DynamoDB Streams numbers its records in its own way: they are not the relay's.
            return
        if operation in ("GetRecords", "SubscribeToShard"):
            self.asked[str(event.get("subject", ""))] = event["at"]
        if operation == "GetRecords" and event.get("records"):
            self._page(event, "GetRecords")
        elif operation == "INSERT" and event.get("subject") == self.target:
            stored = status == OK or bool(fault and fault.get("had_effect"))
            self.inserts.append(
                Insert(
                    event["at"],
                    int(event.get("ordinal", 0)),
                    int(event.get("attempt", 0)),
                    int(status or 0),
                    int(event.get("rows", -1)),
                    str(fault["fault"]) if fault else "",
                    stored,
                    bool(event.get("from_export")),
                    self.incarnation,
                )
            )

    def _landed(self, event: Event) -> None:
        """An INSERT of a killed pipeline that took effect after all."""
        words = str(event.get("request", "")).split()
        if event.get("status") != OK or words[1:3] != ["INSERT", self.target]:
            return
        ordinal = int(words[3].lstrip("#")) if words[3:] and words[3][1:].isdigit() else 0
        rows = int(event.get("rows", -1))
        self.inserts.append(
            Insert(event["at"], ordinal, 0, OK, rows, "", True, False, self.incarnation)
        )

    def _page(self, event: Event, by: str) -> None:
        shard = str(event.get("subject", ""))
        page = Page(
            event["at"],
            shard,
            int(event.get("records", 0)),
            _sequence(event.get("first")),
            _sequence(event.get("last")),
            by,
            self.incarnation,
        )
        self.pages.setdefault(shard, []).append(page)

    def _life(self, event: Event) -> None:
        state = str(event.get("state", ""))
        number = int(event.get("incarnation", 0))
        if state == "started":
            self.incarnation = number
        detail = f"incarnation {number}"
        if event.get("exit_code") is not None:
            detail += f", exit code {event['exit_code']}"
        if event.get("insert_landed"):
            detail += ", its INSERT had landed"
        if event.get("said"):
            detail += f": {event['said']}"
        self.acts.append(Act(event["at"], "life", state, detail))

    def readings(self, shard: str, number: int, after_us: int) -> Iterator[Page]:
        """The pages that held a record."""
        if not number:
            return
        for page in self.pages.get(shard, []):
            if page.at_us >= after_us and page.first <= number <= page.last:
                yield page

    def next_insert(self, after_us: int, incarnation: int) -> Insert | None:
        """The INSERT that a record read then can have gone into at the earliest."""
        place = bisect_left(self.inserts, after_us, key=lambda insert: insert.at_us)
        for insert in self.inserts[place:]:
            if insert.incarnation != incarnation:
                return None
            if not insert.from_export:
                return insert
        return None


@dataclass(slots=True)
class Entries:
    """Which INSERT a row came with, told by counting rows.

    Exact while statements follow one another; of two at the same time the rows may be told of the
    other one.

    Args:
        inserts: in their order.
        applied: how many rows entered in all; None, or a number that the INSERTs do not add up to,
            tells nothing.
    """

    inserts: list[Insert]
    applied: int | None
    _ends: list[int] = field(default_factory=list)
    _stored: list[Insert] = field(default_factory=list)

    def __post_init__(self) -> None:
        total = 0
        self._stored = [insert for insert in self.inserts if insert.is_stored]
        for insert in self._stored:
            total += insert.rows if insert.rows >= 0 else 0
            self._ends.append(total)
        if total != self.applied:
            self._ends, self._stored = [], []

    def of(self, place: int) -> Insert | None:
        """The INSERT of the row at that place; None where it cannot be told."""
        at = bisect_right(self._ends, place)
        return self._stored[at] if at < len(self._stored) else None


def _sequence(number: object) -> int:
    text = str(number or "")
    return int(text) if text.isdecimal() else 0


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)

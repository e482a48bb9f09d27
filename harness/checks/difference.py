"""Source and target compared once, key by key and column by column, for all checks to read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

from harness.checks.check import Finding
from harness.checks.journal import journal_of
from harness.values.cells import JsonText, Unstorable, cell_matches, expected_cell, found_cell
from harness.values.paths import look_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.checks.evidence import Evidence, Item, Key, Write

Kind = Literal["missing", "stale", "altered", "resurrected", "phantom", "twice"]
_TEXT_MAX = 120
_LEFT_BEHIND = ("missing", "stale", "resurrected")


@dataclass(frozen=True, slots=True)
class Difference:
    """One key on which source and target disagree, and how."""

    kind: Kind
    finding: Finding
    key: Key = ()


@dataclass(slots=True)
class Comparison:
    """All differences, and what was compared."""

    differences: list[Difference] = field(default_factory=list)
    unstorable: list[Finding] = field(default_factory=list)
    known_skipped: list[Finding] = field(default_factory=list)
    items: int = 0
    rows: int = 0
    deleted_keys: int = 0

    def of(self, *kinds: Kind) -> list[Finding]:
        """The findings of these kinds."""
        return [d.finding for d in self.differences if d.kind in kinds]

    def keys_of(self, *kinds: Kind) -> dict[Key, Finding]:
        """The same by key."""
        return {d.key: d.finding for d in self.differences if d.kind in kinds}


@lru_cache(maxsize=1)
def compare(evidence: Evidence) -> Comparison:
    """Compare once for each evidence; every check then reads the same answer."""
    return _Comparer(evidence).run()


def key_cells(evidence: Evidence, item: Item) -> Key | None:
    """The key of an item, or a key in wire form, as its columns hold it; None when they cannot."""
    try:
        return tuple(expected_cell(c.kind, look_up(item, c.path)) for c in evidence.key_columns)
    except Unstorable:
        return None


def row_key(evidence: Evidence, cells: tuple[Any, ...]) -> Key:
    """The same of a stored row's key columns as they were read."""
    columns = evidence.key_columns
    return tuple(found_cell(c.kind, cell) for c, cell in zip(columns, cells, strict=True))


@lru_cache(maxsize=1)
def writes_by_key(evidence: Evidence) -> dict[Key, list[Write]]:
    """Every write that may have happened, by its key, in the order they were made."""
    found: dict[Key, list[Write]] = {}
    for write in evidence.writes:
        key = key_cells(evidence, write.key)
        if key is not None and write.outcome != "refused":
            found.setdefault(key, []).append(write)
    return found


class _Comparer:
    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.kinds = {column.name: column.kind for column in evidence.columns}
        self.result = Comparison(items=len(evidence.source), rows=len(evidence.rows))
        self.skipped: set[Key | None] | None = None

    @cached_property
    def writes(self) -> dict[Key, list[Write]]:
        """Those of each key; only a difference asks for them."""
        return writes_by_key(self.evidence)

    def run(self) -> Comparison:
        found: dict[Key, Mapping[str, Any]] = {}
        for row in self.evidence.rows:
            key = self.key_of_row(row)
            if key in found:
                self.add("twice", key, "FINAL shows this key more than once", None, row)
            found[key] = row
        source: dict[Key, Item] = {}
        for item in self.evidence.source:
            item_key = self.key_of_item(item)
            if item_key is None:
                self.note_unstorable(item)
            else:
                source[item_key] = item
        for key, item in source.items():
            self.compare_item(key, item, found.get(key))
        for key, row in found.items():
            if key not in source:
                self.compare_extra(key, row)
        deleted = {
            self.key_of_item(write.key)
            for write in self.evidence.writes
            if write.kind == "delete" and write.outcome != "refused"
        }
        self.result.deleted_keys = len(deleted - source.keys() - {None})
        return self.result

    def is_known_skipped(self, key: Key) -> bool:
        """AWS leaves out change records above the stream's limit, and says so: that is no loss."""
        if self.skipped is None:
            journal = journal_of(self.evidence)
            events = journal.skipped.values() if journal is not None else ()
            self.skipped = {self.key_of_item(event["key"]) for event in events}
        return key in self.skipped

    def key_of_item(self, item: Item) -> Key | None:
        return key_cells(self.evidence, item)

    def key_of_row(self, row: Mapping[str, Any]) -> Key:
        return tuple(found_cell(c.kind, row[c.name]) for c in self.evidence.key_columns)

    def compare_item(self, key: Key, item: Item, row: Mapping[str, Any] | None) -> None:
        expected: dict[str, Any] = {}
        unstorable = ""
        for column in self.evidence.columns:
            try:
                expected[column.name] = expected_cell(column.kind, look_up(item, column.path))
            except Unstorable as reason:
                unstorable = f"{column.name}: {reason}"
        if row is None:
            if unstorable:
                self.note_unstorable(item, unstorable)
            else:
                self.add("missing", key, self.missing_story(key), expected, None)
            return
        wrong = [
            c.name
            for c in self.evidence.columns
            if c.name in expected
            and not cell_matches(c.kind, expected[c.name], found_cell(c.kind, row[c.name]))
        ]
        if unstorable and self.is_earlier_write(key, expected, row):
            self.note_unstorable(item, unstorable)
        elif unstorable:
            story = f"shows a value for what the column cannot hold ({unstorable})"
            self.add("altered", key, story, expected, row)
        elif wrong:
            kind, story = self.classify(key, wrong, expected, row)
            self.add(kind, key, story, expected, row, only=wrong)

    def classify(
        self, key: Key, wrong: list[str], expected: dict[str, Any], row: Mapping[str, Any]
    ) -> tuple[Kind, str]:
        marker = self.evidence.id_column
        if marker and marker in wrong:
            last = text_of(expected[marker])
            shown = text_of(row[marker])
            story = f"shows write {shown or 'without marker'}, but {last} was the last"
            known = {w.id for w in self.writes.get(key, [])}
            if shown in known:
                return "stale", story
            if not shown:
                return "stale", f"shows a row that carries no write, but {last} was the last"
            return "altered", f"shows a write {shown!r} that was never made to this key"
        names = ", ".join(wrong)
        return "altered", f"the last write's row has another value in {names}"

    def is_earlier_write(self, key: Key, expected: dict[str, Any], row: Mapping[str, Any]) -> bool:
        marker = self.evidence.id_column
        if not marker:
            return True
        shown = text_of(row[marker])
        return shown != text_of(expected[marker]) and any(
            w.id == shown for w in self.writes.get(key, [])
        )

    def missing_story(self, key: Key) -> str:
        writes = self.writes.get(key, [])
        last = writes[-1] if writes else None
        named = f" (last write {last.id}, a {last.kind})" if last and last.id else ""
        return f"DynamoDB holds this item, ClickHouse shows no row{named}"

    def compare_extra(self, key: Key, row: Mapping[str, Any]) -> None:
        writes = self.writes.get(key, [])
        if writes:
            last = next((w for w in reversed(writes) if w.kind == "delete"), None)
            named = f" by write number {last.number}" if last else ""
            story = f"was deleted{named}, ClickHouse still shows it"
            self.add("resurrected", key, story, None, row)
        else:
            self.add("phantom", key, "was never written, yet ClickHouse shows it", None, row)

    def found(self, name: str, row: Mapping[str, Any]) -> Any:
        kind = self.kinds[name]
        try:
            return found_cell(kind, row[name])
        except (ValueError, TypeError):
            return row[name]

    def note_unstorable(self, item: Item, reason: str = "the key") -> None:
        key = {name: _wire_text(item.get(name)) for name in self.evidence.key_attributes}
        self.result.unstorable.append(Finding(key, f"cannot be stored: {reason}"))

    def add(
        self,
        kind: Kind,
        key: Key,
        what: str,
        expected: dict[str, Any] | None,
        row: Mapping[str, Any] | None,
        *,
        only: list[str] | None = None,
    ) -> None:
        names = [c.name for c in self.evidence.key_columns]
        shown = only or [c.name for c in self.evidence.columns]
        finding = Finding(
            {n: text_of(v) for n, v in zip(names, key, strict=True)},
            what,
            None if expected is None else {n: text_of(expected[n]) for n in shown if n in expected},
            None if row is None else {n: text_of(self.found(n, row)) for n in shown},
        )
        if kind in _LEFT_BEHIND and self.is_known_skipped(key):
            self.result.known_skipped.append(
                replace(finding, what=f"{what}: its last change was too large for the stream")
            )
            return
        self.result.differences.append(Difference(kind, finding, key))


def text_of(value: Any) -> str:
    """A cell for the eye: short, on one line."""
    text = spelled(value).replace("\n", "\\n")
    return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 1] + "…"


def spelled(value: Any) -> str:
    """A cell as plain text, whole."""
    match value:
        case None:
            return "NULL"
        case JsonText():
            return spelled(value.value)
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return "0x" + value.hex()
        case list():
            return "[" + ", ".join(spelled(member) for member in value) + "]"
        case tuple():
            return "(" + ", ".join(spelled(member) for member in value) + ")"
        case dict():
            return "{" + ", ".join(f"{spelled(k)}: {spelled(v)}" for k, v in value.items()) + "}"
        case _:
            return str(value)


def _wire_text(attribute: dict[str, Any] | None) -> str:
    return "" if attribute is None else text_of(next(iter(attribute.values())))

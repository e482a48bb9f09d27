"""What a run keeps of its keys' ends: `keys.jsonl`, for `harness explain` and the report.

The history tells what was done to a key; how it ended is in the evidence, which is gone when the
run is over. A small run keeps every key; of a big one those that differ, and a sample.

The first line says what follows: `{"keys": …, "kept": …, "differ": …, "columns": {name: type},
"applied": rows that entered the target, null where that was not kept whole, "strangers": those of
them whose key nobody wrote, as far as all keys are kept}`.
Every other line is one key:

| member | what it is |
|---|---|
| `key` | attribute to plain text |
| `differ` | missing, stale, altered, resurrected, phantom or twice; absent when all is well |
| `what` | one sentence: what is wrong with it |
| `wrong` | the columns that differ |
| `source`, `found` | column to what DynamoDB's item calls for, and to what FINAL shows; null: none |
| `rows` | every stored row: version (digits as text beyond 64 bits), deleted, id, counter of its write |
| `applied` | every row that entered, in that order, with its `place` among those of all keys |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import orjson

from harness.checks.difference import compare, spelled, text_of
from harness.values.cells import Unstorable, expected_cell, found_cell
from harness.values.paths import look_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.checks.check import Finding, Verdict
    from harness.checks.evidence import Evidence, Item, RawRow

FILE = "keys.jsonl"
ALL_MAX = 20_000
DIFFER_MAX = 1_000
SAMPLE = 100

KeyText = tuple[str, ...]


def write_keys(path: Path, evidence: Evidence, verdicts: Sequence[Verdict]) -> None:
    """Write the file of a finished run."""
    with path.open("wb") as out:
        out.writelines(orjson.dumps(line) + b"\n" for line in kept_keys(evidence, verdicts))


def kept_keys(evidence: Evidence, verdicts: Sequence[Verdict]) -> Iterator[dict[str, Any]]:
    """The lines of the file: what is kept, then each key."""
    ends = _Ends(evidence, verdicts)
    yield {
        "keys": ends.total,
        "kept": len(ends.kept),
        "differ": ends.differ,
        "columns": {c.name: c.type for c in evidence.columns},
        "applied": None if evidence.applied is None else len(evidence.applied),
        "strangers": ends.strangers,
    }
    for key in ends.kept:
        yield ends.line(key)


def key_text(name_is_number: Sequence[bool], values: Sequence[Any]) -> KeyText:
    """A key's values as plain text, the same whether they come from DynamoDB or ClickHouse."""
    return tuple(
        _number(text_of(value)) if is_number else text_of(value)
        for is_number, value in zip(name_is_number, values, strict=True)
    )


def _number(text: str) -> str:
    try:
        return format(Decimal(text).normalize(), "f")
    except InvalidOperation:
        return text


@dataclass(slots=True)
class _End:
    source: Item | None = None
    row: Mapping[str, Any] | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    applied: list[dict[str, Any]] = field(default_factory=list)
    differ: str = ""
    what: str = ""
    wrong: list[str] = field(default_factory=list)


class _Ends:
    def __init__(self, evidence: Evidence, verdicts: Sequence[Verdict]) -> None:
        self.evidence = evidence
        names = evidence.key_attributes
        first = next((w.key for w in evidence.writes), {})
        self.numeric = ["N" in first.get(name, {}) for name in names]
        self.total = self.differ = self.strangers = 0
        self.kept: dict[KeyText, _End] = {}
        self._choose(verdicts)
        self._fill()

    def _choose(self, verdicts: Sequence[Verdict]) -> None:
        """Which keys are kept, those that differ first."""
        for verdict in verdicts:
            if verdict.verdict == "fail":
                for finding in verdict.keys:
                    self._keep(finding)
        # Had comparing broken, final_state would be unknown.
        if any(v.name == "final_state" and v.verdict == "fail" for v in verdicts):
            differences = compare(self.evidence).differences
            self.differ = len(differences)
            for difference in differences[:DIFFER_MAX]:
                end = self._keep(difference.finding)
                finding = difference.finding
                end.differ, end.what = difference.kind, finding.what
                if finding.source and finding.found:
                    end.wrong = list(finding.source)
        written = dict.fromkeys(self._written())
        self.total = len(written)
        size = len(self.evidence.raw_rows or self.evidence.rows) + len(self.evidence.writes)
        if size <= ALL_MAX:
            self.strangers = sum(
                key_text(self.numeric, raw.key) not in written
                for raw in self.evidence.applied or ()
            )
        step = 1 if size <= ALL_MAX else max(1, self.total // SAMPLE)
        for key in list(written)[::step]:
            self.kept.setdefault(key, _End())

    def _keep(self, finding: Finding) -> _End:
        key = key_text(self.numeric, list(finding.key.values()))
        end = self.kept.setdefault(key, _End())
        end.what = end.what or finding.what
        return end

    def _written(self) -> Iterator[KeyText]:
        for write in self.evidence.writes:
            yield self._of_item(write.key)

    def _fill(self) -> None:
        evidence = self.evidence
        for item in evidence.source:
            end = self.kept.get(self._of_item(item))
            if end is not None:
                end.source = item
        columns = evidence.key_columns
        if len(columns) != len(self.numeric):
            return
        for row in evidence.rows:
            end = self.kept.get(key_text(self.numeric, [row[c.name] for c in columns]))
            if end is not None:
                end.row = row
        for raw in evidence.raw_rows or ():
            end = self.kept.get(key_text(self.numeric, raw.key))
            if end is not None:
                end.rows.append(_row(raw))
        for place, raw in enumerate(evidence.applied or ()):
            end = self.kept.get(key_text(self.numeric, raw.key))
            if end is not None:
                end.applied.append({"place": place, **_row(raw)})

    def _of_item(self, item: Item) -> KeyText:
        values = [
            next(iter(item[name].values())) if name in item else ""
            for name in self.evidence.key_attributes
        ]
        return key_text(self.numeric, values)

    def line(self, key: KeyText) -> dict[str, Any]:
        """One key as a line of the file."""
        end = self.kept[key]
        source, found = self._expected(end.source), self._found(end.row)
        line: dict[str, Any] = {
            "key": dict(zip(self.evidence.key_attributes, key, strict=True)),
            "source": source,
            "found": found,
            "rows": sorted(end.rows, key=lambda row: (int(row["version"]), row["counter"])),
        }
        if end.applied:
            line["applied"] = end.applied
        if end.what:
            line["what"] = end.what
        if end.differ:
            line["differ"] = end.differ
            if end.wrong:
                line["wrong"] = end.wrong
        return line

    def _expected(self, item: Item | None) -> dict[str, str] | None:
        if item is None:
            return None
        cells: dict[str, str] = {}
        for column in self.evidence.columns:
            try:
                value = expected_cell(column.kind, look_up(item, column.path))
            except Unstorable as reason:
                cells[column.name] = f"(cannot be stored: {reason})"
            else:
                cells[column.name] = _short(value)
        return cells

    def _found(self, row: Mapping[str, Any] | None) -> dict[str, str] | None:
        if row is None:
            return None
        cells: dict[str, str] = {}
        for column in self.evidence.columns:
            try:
                cells[column.name] = _short(found_cell(column.kind, row[column.name]))
            except (ValueError, TypeError):
                cells[column.name] = _short(row[column.name])
        return cells


def _row(raw: RawRow) -> dict[str, Any]:
    # JSON's readers keep 64 bits; a version of 128 goes as its digits.
    fits = -(2**63) <= raw.version < 2**64
    return {
        "version": raw.version if fits else str(raw.version),
        "deleted": raw.deleted,
        "id": raw.id,
        "counter": raw.counter,
    }


def _short(value: Any) -> str:
    """A cell with its digits whole; only long text is cut."""
    # As digits: nobody reads 0E-9 as nought.
    text = format(value, "f") if isinstance(value, Decimal) else spelled(value)
    text = text.replace("\n", "\\n")
    return text if len(text) <= 400 else f"{text[:400]}… ({len(text):,} characters)"

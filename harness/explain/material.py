"""What there is to explain a run from: its verdict, its history, and how its keys ended.

A run that is still going on, or was killed, has less; what is missing is said, not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.history import Event

HISTORY = "history.jsonl"
KEYS = "keys.jsonl"
VERDICT = "verdict.json"
SCENARIO = "scenario.json"

KeyText = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class End:
    """How a key ended.

    Attributes:
        differ: missing, stale, altered, resurrected, phantom or twice; empty when all is well.
        what: one sentence: what is wrong.
        wrong: the columns that differ.
        source: column to what DynamoDB's item calls for; None when there is no such item.
        found: column to what FINAL shows; None when there is no such row.
        rows: every stored row: version, deleted, id and counter of its write.
        applied: every row that entered, in that order, with its place among those of all keys.
    """

    differ: str = ""
    what: str = ""
    wrong: tuple[str, ...] = ()
    source: Mapping[str, str] | None = None
    found: Mapping[str, str] | None = None
    rows: tuple[Mapping[str, Any], ...] = ()
    applied: tuple[Mapping[str, Any], ...] = ()


@dataclass(slots=True)
class Material:
    """One run, to be explained.

    Attributes:
        name: what to call it: the folder, or the file that was replayed.
        verdict: as `verdict.json`; empty when the run never came to one.
        scenario: as `scenario.json`; empty when it is missing.
        columns: of the target: name to type.
        keys: how many keys were written in all; 0 when nobody counted them.
        applied: how many rows entered the target in all; None where that was not kept.
        strangers: how many of them have a key that nobody wrote.
        ends: those keys whose end was kept.
        gaps: what is missing or damaged, one sentence each.
    """

    name: str
    verdict: dict[str, Any] = field(default_factory=dict)
    scenario: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    keys: int = 0
    applied: int | None = None
    strangers: int = 0
    ends: dict[KeyText, End] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)
    folder: Path | None = None
    recorded: Sequence[Event] = ()

    @property
    def key_names(self) -> list[str]:
        """The table's key attributes, hash first; empty when nothing tells them."""
        schema = self.scenario.get("table", {}).get("key_schema", [])
        return [str(part["attribute_name"]) for part in schema]

    def plain_key(self, parts: Sequence[str]) -> KeyText:
        """A key as ClickHouse or a finding spells it, as all others spell it: `17.00` is `17`."""
        kinds = {
            d["attribute_name"]: d["attribute_type"]
            for d in self.scenario.get("table", {}).get("attribute_definitions", [])
        }
        names = self.key_names
        if len(names) != len(parts):
            return tuple(parts)
        return tuple(
            _number(part) if kinds.get(name) == "N" else shown(part)
            for name, part in zip(names, parts, strict=True)
        )

    def events(self) -> Iterator[Event]:
        """The history, oldest first; what cannot be read is left out and counted in `gaps`."""
        if self.folder is None:
            yield from self.recorded
            return
        damaged = 0
        with (self.folder / HISTORY).open("rb") as lines:
            for line in lines:
                try:
                    event = orjson.loads(line)
                except orjson.JSONDecodeError:
                    damaged += 1
                    continue
                if isinstance(event, dict) and isinstance(event.get("at"), int):
                    yield event
                else:
                    damaged += 1
        if damaged:
            gap = f"{damaged} damaged line{'s' * (damaged > 1)} of {HISTORY} left out"
            if gap not in self.gaps:
                self.gaps.append(gap)

    def take_ends(self, lines: Iterator[Mapping[str, Any]]) -> None:
        """Read the lines of `keys.jsonl`."""
        head = next(lines, {})
        self.keys = int(head.get("keys", 0))
        self.columns = dict(head.get("columns", {}))
        self.applied = head.get("applied")
        self.strangers = int(head.get("strangers") or 0)
        for line in lines:
            if not isinstance(line.get("key"), dict):
                self.gaps.append(f"a line of {KEYS} without a key left out")
                continue
            self.ends[tuple(line["key"].values())] = End(
                line.get("differ", ""),
                line.get("what", ""),
                tuple(line.get("wrong", ())),
                line.get("source"),
                line.get("found"),
                tuple(line.get("rows", ())),
                tuple(line.get("applied", ())),
            )


def open_run(folder: Path) -> Material:
    """What a run directory holds.

    Raises:
        UsageError: it is none, or holds no history.
    """
    if not folder.is_dir():
        raise UsageError(
            f"no run directory {folder}", hint="runs lie below runs/; the newest is runs/latest"
        )
    history = folder / HISTORY
    if not history.exists():
        raise UsageError(
            f"{folder} holds no {HISTORY}",
            hint="name a run directory: runs/<time>-<scenario>-<seed>",
        )
    if not history.stat().st_size:
        raise UsageError(
            f"{history} is empty: the run ended before anything happened",
            hint="run it again: harness run NAME",
        )
    name = folder.resolve().name
    # `runs/latest` leads to another run tomorrow: call it by its own name.
    folder = folder.parent / name if folder.is_symlink() else folder
    material = Material(name, folder=folder)
    material.verdict = _object(folder / VERDICT, material.gaps)
    material.scenario = _object(folder / SCENARIO, material.gaps)
    keys = folder / KEYS
    if keys.exists():
        material.take_ends(_lines(keys, material.gaps))
    else:
        material.gaps.append(f"no {KEYS}: the run never came to its checks")
    return material


def _object(path: Path, gaps: list[str]) -> dict[str, Any]:
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        gaps.append(f"no {path.name}: the run did not come to its end")
    except (OSError, orjson.JSONDecodeError):
        gaps.append(f"{path.name} cannot be read")
    else:
        if isinstance(found, dict):
            return found
        gaps.append(f"{path.name} is no JSON object")
    return {}


def _lines(path: Path, gaps: list[str]) -> Iterator[dict[str, Any]]:
    with path.open("rb") as lines:
        for line in lines:
            try:
                found = orjson.loads(line)
            except orjson.JSONDecodeError:
                gaps.append(f"a damaged line of {path.name} left out")
                continue
            if isinstance(found, dict):
                yield found


def wire_key(names: Sequence[str], wire: Mapping[str, Any]) -> KeyText:
    """A key in wire form as plain text, in the table's order of attributes."""
    texts = []
    for name in names or wire:
        attribute = wire.get(name) or {}
        kind, value = next(iter(attribute.items()), ("S", ""))
        texts.append(_number(str(value)) if kind == "N" else shown(str(value)))
    return tuple(texts)


def label(key: KeyText) -> str:
    """A key for the eye, and for `--key`."""
    return " / ".join(key)


def shown(text: str) -> str:
    """Text as run/kept.py writes it: on one line, and cut where the eye gives up."""
    text = text.replace("\n", "\\n")
    return text if len(text) <= 120 else text[:119] + "…"


def _number(text: str) -> str:
    try:
        return format(Decimal(text).normalize(), "f")
    except InvalidOperation:
        return text

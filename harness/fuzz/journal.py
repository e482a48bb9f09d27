"""The journal of a campaign: which blocks are finished and what they found, a line for each.

A campaign that was interrupted goes on where it was: a block is counted when its line is there, and
never again. The first line says which campaign it is; another one does not go on with it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import UsageError
from harness.fuzz.block import BlockReport, Found
from harness.fuzz.repro import parse_repro, text_of

if TYPE_CHECKING:
    from pathlib import Path


class Journal:
    """The finished blocks.

    Args:
        path: the file; None keeps nothing.
        campaign: what all blocks have in common, as JSON values.

    Raises:
        UsageError: the file is the journal of another campaign, or is none.
    """

    def __init__(self, path: Path | None, campaign: dict[str, Any]) -> None:
        self._path = path
        self.finished: dict[int, BlockReport] = {}
        if path is None:
            return
        if path.exists() and path.stat().st_size:
            self._read(path, campaign)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(orjson.dumps({"campaign": campaign}) + b"\n")

    def add(self, report: BlockReport) -> bool:
        """Note a finished block; False when it was noted before."""
        if report.number in self.finished:
            return False
        self.finished[report.number] = report
        if self._path is not None and report.is_whole:
            with self._path.open("ab") as file:
                file.write(orjson.dumps(as_line(report)) + b"\n")
        return True

    def _read(self, path: Path, campaign: dict[str, Any]) -> None:
        whole = [line for line in path.read_bytes().splitlines(keepends=True) if b"\n" in line]
        try:
            lines = [orjson.loads(line) for line in whole]
            told = lines[0]["campaign"]
        except (ValueError, KeyError, IndexError, TypeError):
            raise UsageError(f"{path} is no journal of a campaign") from None
        if told != campaign:
            different = [k for k in campaign if told.get(k) != campaign[k]]
            raise UsageError(
                f"{path} is the journal of another campaign: {', '.join(different)} differs",
                hint="name another file, or repeat the campaign's options",
            )
        # A line that a crash cut short would spoil the one after it.
        path.write_bytes(b"".join(whole))
        for line in lines[1:]:
            report = from_line(line)
            self.finished[report.number] = report


def as_line(report: BlockReport) -> dict[str, Any]:
    """A report as JSON values."""
    return {
        "block": report.number,
        "examples": report.examples,
        "seconds": round(report.seconds, 3),
        "shrink_seconds": round(report.shrink_seconds, 3),
        "steps": report.steps,
        "unknown": dict(report.unknown),
        "sightings": dict(report.sightings),
        "found": [
            {
                "signature": found.signature,
                "file": found.file,
                "example": found.example,
                "seconds": round(found.seconds, 3),
                "seen": found.seen,
                "repro": text_of(found.repro, name=found.file),
            }
            for found in report.found
        ],
    }


def from_line(line: dict[str, Any]) -> BlockReport:
    """The report of a line."""
    from pathlib import Path

    found = [
        Found(
            parse_repro(one["repro"], one["file"], Path(one["file"])),
            one["signature"],
            one["file"],
            one["example"],
            one["seconds"],
            one["seen"],
        )
        for one in line["found"]
    ]
    return BlockReport(
        line["block"],
        line["examples"],
        True,
        line["seconds"],
        line["shrink_seconds"],
        found,
        Counter(line["unknown"]),
        Counter(line["sightings"]),
        line["steps"],
    )

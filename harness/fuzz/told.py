"""What a search found, in lines that a terminal and a test report show alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.checks.check import key_shown
from harness.fuzz.story import ENDS, REST, story

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.fuzz.campaign import Findings

STORY_LINES_MAX = 12


def told(findings: Findings) -> Iterator[str]:
    """Each failure with the command that replays it, and why examples had no verdict."""
    for signature, found in findings.found.items():
        failure = found.failure
        yield f"failed  {failure.check}  {key_shown(failure.key)}: {failure.message}"
        lines = story(found.repro.script)
        if len(lines) <= STORY_LINES_MAX:
            yield from (f"        {number}. {line}" for number, line in enumerate(lines, 1))
            yield f"        {REST}"
        if failure.ended:
            yield f"        {ENDS}{failure.ended}"
        times = f"{found.steps} steps, met {found.seen} times"
        yield f"        harness replay {findings.files[signature]}  ({times})"
    for reason, often in findings.unknown.items():
        yield f"unknown {often} times: {reason}"

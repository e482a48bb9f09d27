"""Every error the harness itself raises.

HarnessError
├── ScenarioError    a scenario file is wrong            (also ValueError)
├── UsageError       the command line is wrong           (also ValueError)
├── BackendError     a server did not start or broke
├── PipelineError    the pipeline under test could not be run
├── ContractError    the pipeline broke the contract of docs/pipeline-contract.md
├── NotSettled       waited for a condition in vain      (also TimeoutError)
└── DidNotReplay     a replay took another course than the recorded run

An AWS error answered by the emulators is `harness.awsjson.AwsError`: product behaviour, not a
failure of the harness. A failing check is a verdict, never an exception.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class HarnessError(Exception):
    """Something the reader can act on: what was expected, what was found, where, and what to do.

    Args:
        message: one line; what was expected, the value seen, and where.
        hint: one line; what to do next. Empty when the message already says so.
    """

    exit_code = 4

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ScenarioError(HarnessError, ValueError):
    """A scenario does not say what a scenario must say; the message names file and key."""

    exit_code = 2


class UsageError(HarnessError, ValueError):
    """The command line asks for something that does not exist or cannot be combined."""

    exit_code = 2


class BackendError(HarnessError):
    """DynamoDB, Kinesis, S3 or ClickHouse could not be started, or stopped answering."""


class PipelineError(HarnessError):
    """The pipeline under test could not be started at all."""


class ContractError(HarnessError):
    """The pipeline did what its contract forbids."""


class NotSettled(HarnessError, TimeoutError):  # noqa: N818 - it says what is the case
    """A condition did not come true within its bound; the message names the condition."""

    exit_code = 3


class DidNotReplay(HarnessError):  # noqa: N818 - it says what is the case
    """A replay diverged from its recording; the message names the first differing step."""


def nearest(name: str, known: Iterable[str], *, most: int = 3) -> str:
    """A hint that lists the known names closest to `name`, or all of them when none is close."""
    names = sorted(known)
    close = get_close_matches(name, names, n=most, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(repr(c) for c in close) + "?"
    return "known: " + ", ".join(names)

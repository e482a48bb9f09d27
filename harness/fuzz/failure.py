"""What makes two failures the same: the check, how the key differs, and the steps that are left."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson

from harness.run.result import SUMMARY_CHECK

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.checks.check import Finding
    from harness.fuzz.script import Script
    from harness.run.stepped import StepResult


@dataclass(frozen=True, slots=True)
class Failure:
    """A check that fails on a key.

    Attributes:
        check: its name; the summary only when no other fails.
        shape: `missing`, `extra` or `different`: the row against its item; empty without a key.
        key: the first such key, attribute name to plain text.
        message: what the check says of it.
        ended: how the pipeline ended, if it did so whenever it was started; not kept.
    """

    check: str
    shape: str
    key: dict[str, str]
    message: str
    ended: str = field(default="", compare=False)

    def is_like(self, other: Failure | None) -> bool:
        """True when the same check fails in the same way, on whatever key."""
        return other is not None and (self.check, self.shape) == (other.check, other.shape)

    def is_same_end(self, other: Failure) -> bool:
        """False when in one a pipeline gave up that went on in the other: not the same defect."""
        return bool(self.ended) == bool(other.ended)


def failures_of(result: StepResult) -> list[Failure]:
    """Every failing check and shape, the one that says most first."""
    failing = [v for v in result.verdicts if v.verdict == "fail"]
    failing.sort(key=lambda v: v.name == SUMMARY_CHECK)
    ended = _ended(result)
    found: list[Failure] = []
    for verdict in failing:
        seen: set[str] = set()
        for finding in verdict.keys:
            shape = _shape(finding)
            if shape not in seen:
                seen.add(shape)
                found.append(Failure(verdict.name, shape, dict(finding.key), finding.what, ended))
        if not verdict.keys:
            found.append(Failure(verdict.name, "", {}, verdict.message, ended))
    return found


def failure_of(result: StepResult) -> Failure | None:
    """What an example failed on first; None when it did not fail."""
    if result.outcome != "failed":
        return None
    found = failures_of(result)
    return found[0] if found else Failure("outcome", "", {}, result.reason, _ended(result))


def same_failure(result: StepResult, wanted: Failure) -> Failure | None:
    """The failure of `result` that is like `wanted`."""
    if result.outcome != "failed":
        return None
    return next((f for f in failures_of(result) if f.is_like(wanted)), None)


def _ended(result: StepResult) -> str:
    """How it ended when it was not brought to run any more."""
    is_over = bool(result.trace) and result.trace[-1].get("saw") == "ended"
    return result.pipeline_ends[-1] if is_over and result.pipeline_ends else ""


def _shape(finding: Finding) -> str:
    if finding.found is None:
        return "missing" if finding.source is not None else ""
    return "extra" if finding.source is None else "different"


def signature(script: Script, failure: Failure) -> str:
    """Equal for failures that were cut down to the same steps on the same check.

    Values do not count, nor which keys they are: only which steps meet the same key.
    """
    keys: dict[str, int] = {}
    writes = {w.name: w for w in script.writes}

    def about(name: str) -> list[Any]:
        write = writes[name]
        place = keys.setdefault(repr(write.key), len(keys))
        return [write.kind, place]

    told: list[Any] = [failure.check, failure.shape, script.pipeline, script.scenario.name]
    told += [["exported", *about(w.name)] for w in script.writes if w.exported]
    for step in script.steps:
        what = about(step.what) if step.what in writes else step.what.split(" #")[0]
        told.append([step.do, what, step.how])
    return digest(told)


def digest(told: Iterable[Any]) -> str:
    """Ten hexadecimal digits of any JSON values."""
    return blake2b(orjson.dumps(list(told)), digest_size=5).hexdigest()

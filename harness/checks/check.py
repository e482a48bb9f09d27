"""What a check is, what it answers, and the worst of several answers.

A check that crashes, or that lacks the evidence it needs, answers `unknown`: never a pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from harness.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.checks.evidence import Evidence

Answer = Literal["pass", "fail", "unknown"]
KEYS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One key that a check speaks of.

    Attributes:
        key: the item's key, attribute name to plain text.
        what: one sentence: what is wrong with it.
        source: column to what DynamoDB's item calls for; None when there is no such item.
        found: column to what ClickHouse shows; None when there is no such row.
    """

    key: dict[str, str]
    what: str
    source: dict[str, str] | None = None
    found: dict[str, str] | None = None


def key_shown(key: Mapping[str, str]) -> str:
    """A key as it is printed: `id = o-1, day = 3`."""
    return ", ".join(f"{name} = {value}" for name, value in key.items())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check says of one run.

    Attributes:
        name: of the check.
        verdict: pass, fail or unknown.
        could_fail: False when the run had nothing that this check could have failed on.
        message: one sentence.
        keys: the first `KEYS_SHOWN` findings.
        known_skipped: keys left behind because AWS left out a change that was too large for the
            stream, as it says that it does: no loss, and judged by no check.
    """

    name: str
    verdict: Answer
    could_fail: bool
    message: str
    keys: tuple[Finding, ...] = field(default=())
    known_skipped: tuple[Finding, ...] = field(default=())


class Check(Protocol):
    """A claim about a finished run; `name` is what scenarios and reports call it."""

    name: str

    def check(self, evidence: Evidence) -> Verdict:
        """Judge the run."""
        ...


checks: Registry[Check] = Registry("check")


def judge(evidence: Evidence) -> list[Verdict]:
    """Every registered check's verdict; a check that crashes is `unknown` and says why."""
    return [_judge_one(check, evidence) for check in checks]


def _judge_one(check: Check, evidence: Evidence) -> Verdict:
    try:
        return check.check(evidence)
    except Exception as error:  # noqa: BLE001 - one of the three edges: a crash is not a pass
        return Verdict(
            check.name, "unknown", True, f"the check itself broke: {type(error).__name__}: {error}"
        )


def worst(verdicts: list[Verdict]) -> Answer:
    """Fail over unknown over pass."""
    answers = {v.verdict for v in verdicts}
    if "fail" in answers:
        return "fail"
    return "unknown" if "unknown" in answers or not answers else "pass"


def as_json(verdict: Verdict) -> dict[str, Any]:
    """The verdict as `harness run --json` prints it."""
    return {
        "name": verdict.name,
        "verdict": verdict.verdict,
        "could_fail": verdict.could_fail,
        "message": verdict.message,
        "keys": [_finding_as_json(f) for f in verdict.keys],
        **(
            {"known_skipped": [_finding_as_json(f) for f in verdict.known_skipped]}
            if verdict.known_skipped
            else {}
        ),
    }


def _finding_as_json(finding: Finding) -> dict[str, Any]:
    return {
        "key": finding.key, "what": finding.what,
        "source": finding.source, "found": finding.found,
    }  # fmt: skip

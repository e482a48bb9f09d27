"""From the checks' verdicts to the outcome and its exit code."""

from __future__ import annotations

import pytest

from harness.checks.check import Answer, Verdict
from harness.run.result import EXIT_CODES, Outcome, Result, decide


def verdict(name: str, answer: Answer) -> Verdict:
    return Verdict(name, answer, True, f"{name} says {answer}")


GOOD = [verdict("final_state", "pass"), verdict("no_resurrection", "pass")]
BAD = [verdict("final_state", "fail"), verdict("no_resurrection", "fail")]
UNSURE = [verdict("final_state", "pass"), verdict("no_resurrection", "unknown")]


@pytest.mark.parametrize(
    ("checks", "expected", "settled", "missing", "outcome", "reason"),
    [
        (GOOD, [], True, [], "passed", "2 checks hold"),
        (BAD, [], True, [], "failed", "failed final_state, no_resurrection"),
        (UNSURE, [], True, [], "unknown", "no_resurrection says unknown"),
        (GOOD, [], False, [], "unknown", "still changing"),
        (BAD, [], False, [], "unknown", "so far it fails"),
        (GOOD, [], True, ["a tie"], "unknown", "never met a tie"),
        ([], [], True, [], "unknown", ""),
        (BAD, ["no_resurrection"], True, [], "passed", "as the scenario expects"),
        (GOOD, ["no_resurrection"], True, [], "failed", "but did not"),
        (BAD, ["no_phantom", "no_resurrection"], True, [], "failed", "no_phantom, but did not"),
        (
            [*BAD, verdict("type_fidelity", "fail")],
            ["no_resurrection"],
            True,
            [],
            "failed",
            "type_fidelity, which is not among",
        ),
    ],
)
def test_the_outcome(
    checks: list[Verdict],
    expected: list[str],
    settled: bool,
    missing: list[str],
    outcome: Outcome,
    reason: str,
) -> None:
    found, why = decide(checks, expected, settled=settled, missing_sightings=missing)
    assert found == outcome
    assert reason in why


def test_exit_codes_are_the_documented_ones() -> None:
    assert EXIT_CODES == {"passed": 0, "failed": 1, "unknown": 3, "error": 4}
    assert Result("s", "p", 1).exit_code == 3


def test_the_json_object_has_the_documented_members() -> None:
    document = Result("s", "p", 7, "failed", checks=BAD).as_json()
    assert {
        "verdict",
        "scenario",
        "pipeline",
        "seed",
        "backends",
        "checks",
        "counts",
        "sightings",
        "seconds",
        "run_dir",
    } <= set(document)
    assert document["checks"][1] == {
        "name": "no_resurrection",
        "verdict": "fail",
        "could_fail": True,
        "message": "no_resurrection says fail",
        "keys": [],
    }

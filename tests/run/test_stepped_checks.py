"""Real pipelines, each with one defect, and the check that names how it came about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.run.step_world import Bench
from harness.run.stepped import run_stepped
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.checks.check import Verdict

SEEDS = 20


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as made:
        yield made


def first_failing(bench: Bench, pipeline: str, scenario: str, check: str) -> Verdict:
    for seed in range(SEEDS):
        told = load_scenario(scenario, overrides=[f"seed={seed}"])
        for verdict in run_stepped(bench, told, pipeline=pipeline).verdicts:
            if (verdict.name, verdict.verdict) == (check, "fail"):
                return verdict
    pytest.fail(f"{check} never failed {pipeline} in {SEEDS} seeds of {scenario}")


def test_a_checkpoint_before_its_insert_is_no_honest_checkpoint(bench: Bench) -> None:
    found = first_failing(bench, "checkpoint-before-durable-write", "crash", "checkpoint_honesty")
    assert "never stored, and never read again" in found.keys[0].what


def test_a_stream_read_from_its_end_leaves_a_gap_behind_the_export(bench: Bench) -> None:
    found = first_failing(bench, "snapshot-stream-gap", "snapshot-hand-off", "hand_off")
    assert "began behind its last change" in found.keys[0].what


def test_shards_that_are_listed_once_are_left_standing(bench: Bench) -> None:
    found = first_failing(bench, "partial-shard-discovery", "reshard", "bounded_lag")
    assert "were never read" in found.message


def test_the_apply_log_is_whole_and_rows_of_one_insert_are_in_it(bench: Bench) -> None:
    told = load_scenario("version-ties", overrides=["seed=1"])
    found = {v.name: v for v in run_stepped(bench, told).verdicts}
    assert found["apply_order"].verdict == "pass"
    assert found["apply_order"].message.endswith("versions decide")
    assert found["version_order"].could_fail

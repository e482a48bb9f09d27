"""Each example in stepped runs: right it passes, broken a few schedules show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.run.step_world import Bench
from harness.run.stepped import run_stepped
from harness.scenario.load import load_scenario
from tests.examples.test_examples import EXAMPLES, built

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL = ("workload.items=3", "workload.changes=15", "stepped.faults_max=1", "stepped.kills_max=1")
SEEDS = 8


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as made:
        yield made


def outcomes(bench: Bench, home: Path, seeds: int, *more: str) -> Iterator[tuple[str, list[str]]]:
    for seed in range(seeds):
        overrides = [*SMALL, f"seed={seed}", *more]
        result = run_stepped(bench, load_scenario(home / "orders.toml", overrides=overrides))
        yield result.outcome, result.failing


def is_told_apart(bench: Bench, home: Path, check: str) -> None:
    assert [outcome for outcome, _ in outcomes(bench, home, 2)] == ["passed"] * 2
    for outcome, failing in outcomes(bench, home, SEEDS, "pipeline.env.BUG=1"):
        if outcome == "failed":
            assert check in failing
            return
    pytest.fail(f"{SEEDS} schedules did not show it")


@pytest.mark.slow
def test_python(bench: Bench) -> None:
    is_told_apart(bench, EXAMPLES / "python", "no_resurrection")


@pytest.mark.slow
@pytest.mark.interop("node")
def test_node(bench: Bench, tmp_path: Path) -> None:
    is_told_apart(bench, built("node", tmp_path), "type_fidelity")


@pytest.mark.slow
@pytest.mark.interop("go")
def test_go(bench: Bench, tmp_path: Path) -> None:
    is_told_apart(bench, built("go", tmp_path), "no_lost_update")

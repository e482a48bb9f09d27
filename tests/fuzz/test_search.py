"""Mutants of the reference are found, cut to a few steps, and replay to the same check and key."""

from __future__ import annotations

import pytest

from harness.clock import VirtualClock
from harness.fuzz.block import Block, Found, run_block
from harness.fuzz.ground import READS_AGAIN, allowed_faults, draw, ground
from harness.fuzz.replay import replay
from harness.fuzz.search import Search
from harness.run.step_world import Bench

FOUND_WITHIN = 60
"""Examples. Far above what is needed with these seeds, so that a change of the mix does not matter."""


def first_failure(bench: Bench, pipeline: str, scenario: str = "", seed: int = 1) -> Found:
    """The first failure of a pipeline, cut down."""
    block = Block(
        0,
        seed,
        ground(scenario, pipeline),
        pipeline,
        FOUND_WITHIN,
        first_only=True,
        defect=pipeline,
    )
    report = run_block(bench, block)
    assert report.found, (report.examples, report.unknown)
    return report.found[0]


@pytest.mark.parametrize(
    ("mutant", "scenario", "checks", "steps_max"),
    [
        ("delete-event-ignored", "", {"no_resurrection"}, 3),
        ("swaps-two-versions", "", {"no_lost_update", "no_resurrection", "version_order"}, 7),
        ("checkpoint-before-durable-write", "crash", {"no_lost_update", "checkpoint_honesty"}, 8),
        ("child-shard-starts-at-latest", "reshard", {"no_lost_update", "no_resurrection"}, 7),
        ("snapshot-resurrects-deleted", "snapshot-hand-off", {"no_resurrection"}, 8),
        ("stale-attribute-after-removal", "small-values", {"type_fidelity"}, 5),
    ],
)  # fmt: skip
def test_a_mutant_is_found_cut_and_replayed_20_times(
    bench: Bench, mutant: str, scenario: str, checks: set[str], steps_max: int
) -> None:
    found = first_failure(bench, mutant, scenario)
    assert found.failure.check in checks
    assert found.steps <= steps_max, [str(s) for s in found.repro.script.steps]
    assert found.file == f"repro-{mutant}-{found.signature}.toml"
    played = [replay(bench, found.repro) for _ in range(20)]
    assert [one.same_key for one in played] == [True] * 20
    assert len({one.result.trace_hash for one in played}) == 1


def test_the_same_seed_finds_the_same(bench: Bench) -> None:
    base = ground(pipeline="clickpipes")
    told = [
        [e.result.trace_hash for e in Search(bench, [base], "clickpipes", seed).examples(12)]
        for seed in (5, 5, 6)
    ]
    assert told[0] == told[1]
    assert not set(told[0]) & set(told[2])


def test_without_permission_no_promise_is_broken() -> None:
    base = ground()
    assert not {"stale-page", "duplicated-page"} & set(allowed_faults(base))
    assert "lost-answer" in allowed_faults(base)
    broken = ground(overrides=("faults.breaks_promises=true",))
    assert {"stale-page", "duplicated-page"} <= set(allowed_faults(broken))


def test_what_a_scenario_says_of_its_bounds_is_kept() -> None:
    base = ground("order-sensitive")
    for seed in range(20):
        drawn = draw(base, VirtualClock(seed=seed).random)
        assert drawn.stepped.copies_max == 0
        assert drawn.stepped.reorder_window == 1
        assert drawn.stepped.faults == ["empty-page"]
        assert 2 <= drawn.workload.changes <= 20
        # A target that knows no versions: nobody may read again.
        assert [getattr(drawn.stepped, name) for name in READS_AGAIN] == [0] * len(READS_AGAIN)

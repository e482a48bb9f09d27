"""The bench of the checks judges a right history as right, and one with lost keys as wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.bench import checks
from harness.bench.checks_history import judged

if TYPE_CHECKING:
    from harness.bench.result import Measured


def test_a_right_run_passes_and_lost_keys_are_found() -> None:
    assert judged(3_000, 0)["failing"] == []
    failing = judged(3_000, 5)["failing"]
    assert {"final_state", "no_lost_update", "checkpoint_honesty"} <= set(failing)


def test_the_history_is_as_long_as_asked() -> None:
    assert 9_500 < judged(10_000, 0)["events"] < 10_500


def test_rates_memory_and_growth_are_measured_in_processes_of_their_own() -> None:
    told: list[Measured] = []
    # Who measures may be large: that must not be taken for the memory of the checks.
    ballast = b"." * 250_000_000
    rows = checks.bench((2_000, 4_000), told.append)
    assert [one.row.name for one in rows] == [
        "checks_4_000", "journal_4_000", "checks_4_000_lost_keys", "peak_memory_4_000",
        "growth_checks", "growth_journal",
    ]  # fmt: skip
    assert rows == told
    assert all(one.ours and one.ours > 0 for one in rows)
    memory = next(one for one in rows if one.row.unit == "GB")
    assert memory.ours is not None
    assert 0.01 < memory.ours < 0.2 < len(ballast) / 1e9

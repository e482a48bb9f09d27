"""The bench of the search times examples beside the engine alone, and says so when a mutant gets away."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.bench import fuzz
from harness.bench.engine_alone import engine_alone
from harness.errors import HarnessError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

SHORT = fuzz.Effort(examples=6, seconds_max=20.0, jobs=1)


def test_a_mutant_is_found_and_cut_and_every_row_has_a_figure() -> None:
    told: list[str] = []
    rows, kills = fuzz.bench(SHORT, mutants=["delete-event-ignored"], tell=told.append)
    figures = {one.row.name: one.ours for one in rows}
    assert all(figure and figure > 0 for figure in figures.values()), figures
    assert [kill.mutant for kill in kills] == ["delete-event-ignored"]
    assert kills[0].steps <= 4
    assert kills[0].alike == fuzz.REPLAYS
    assert figures["mutants_killed"] == 1
    assert len(told) == 4
    assert all("the engine alone" in line for line in told[:3])


def test_a_mutant_that_gets_away_fails_its_rows() -> None:
    kill = fuzz.time_to_kill(
        "snapshot-truncated-enumeration-skips-failures", replace(SHORT, seconds_max=0.2)
    )
    rate = fuzz.Rate(600.0, 600.0, 39.0)
    rates = dict.fromkeys(("clickpipes", *fuzz.OTHERS), rate)
    found = fuzz.Kill("delete-event-ignored", 1.5, 2, "no_resurrection", 30, fuzz.REPLAYS)
    failed = {one.row.name for one in fuzz.rows(rates, [found, kill]) if not one.passed}
    assert failed == {"time_to_kill_worst", "mutants_killed"}
    none = next(one for one in fuzz.rows(rates, [kill]) if one.row.name == "mutants_killed")
    assert (none.ratio, none.passed) == (0.0, False)
    once = replace(found, alike=fuzz.REPLAYS - 1)
    failed = {one.row.name for one in fuzz.rows(rates, [found, once]) if not one.passed}
    assert failed == {"replays_alike_least"}
    slow = rates | {"clickpipes": fuzz.Rate(499.0, 499.0, 39.0)}
    failed = {one.row.name for one in fuzz.rows(slow, []) if not one.passed}
    assert {"examples", "examples_by_processor_time"} <= failed


def test_what_cannot_be_timed_is_refused() -> None:
    with pytest.raises(UsageError, match="no mutant 'no-such'"):
        fuzz.bench(SHORT, mutants=["no-such"])
    # Its examples fail, so their time says nothing.
    with pytest.raises(HarnessError, match="last-arrival-wins, seed"):
        fuzz.examples_per_minute(100, "last-arrival-wins")


def test_a_file_that_cannot_be_played_is_not_once_alike(tmp_path: Path) -> None:
    file = tmp_path / "repro.toml"
    file.write_text("version = 1\n", encoding="utf-8")
    assert fuzz.replays_alike(file, 3) == 0


def test_the_engine_alone_answers_round_after_round_and_ends() -> None:
    with engine_alone() as run_round:
        rounds = [run_round() for _ in range(3)]
    assert all(one > 1 for one in rounds)

"""Every repro that is kept with the scenarios fails as it says, and is listed in the docs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.fuzz.replay import replay
from harness.fuzz.repro import read_repro

if TYPE_CHECKING:
    from harness.run.step_world import Bench

ROOT = Path(__file__).parents[2]
REPROS = sorted((ROOT / "scenarios" / "repros").glob("*.toml"))
FIXED = sorted((Path(__file__).parent / "fixed").glob("*.toml"))


def test_there_are_some() -> None:
    assert REPROS


@pytest.mark.parametrize("path", REPROS, ids=lambda path: path.stem)
def test_a_kept_repro_fails_on_its_check_and_key(bench: Bench, path: Path) -> None:
    repro = read_repro(path)
    played = [replay(bench, repro) for _ in range(3)]
    assert [(one.same_check, one.same_key) for one in played] == [(True, True)] * 3
    assert len({one.result.trace_hash for one in played}) == 1


@pytest.mark.parametrize("path", REPROS, ids=lambda path: path.stem)
def test_a_kept_repro_is_listed(path: Path) -> None:
    told = (ROOT / "docs" / "fuzz.md").read_text(encoding="utf-8")
    assert f"scenarios/repros/{path.name}" in told


@pytest.mark.parametrize("path", FIXED, ids=lambda path: path.stem)
def test_what_was_found_and_repaired_stays_so(bench: Bench, path: Path) -> None:
    assert replay(bench, read_repro(path)).result.outcome == "passed"

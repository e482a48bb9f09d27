"""The run directory: where everything that a run leaves behind lies (docs/results.md)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from harness.errors import BackendError

if TYPE_CHECKING:
    from harness.run.result import Result
    from harness.scenario.model import Scenario

RUNS = Path("runs")
SAME_SECOND_MAX = 1000


def create_run_dir(root: Path, scenario: str, seed: int, started: datetime) -> Path:
    """Make `<time>-<scenario>-<seed>` below `root`; a second run in one second gets a suffix.

    Raises:
        BackendError: the folder cannot be made.
    """
    stem = f"{started:%Y%m%dT%H%M%S}-{scenario}-{seed}"
    for attempt in range(SAME_SECOND_MAX):
        path = root / (f"{stem}.{attempt}" if attempt else stem)
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise BackendError(
                f"cannot make the run directory {path}: {error.strerror}",
                hint="run from a folder you may write to, or pass --runs DIR",
            ) from error
        _point_latest(root, path)
        return path
    raise BackendError(f"{SAME_SECOND_MAX} runs called {stem} exist", hint=f"clear {root}")


def _point_latest(root: Path, path: Path) -> None:
    """`runs/latest` leads to the newest run, where links can be made."""
    link = root / "latest"
    fresh = root / f".latest-{path.name}"
    try:
        fresh.symlink_to(path.name)
        fresh.replace(link)
    except OSError:
        fresh.unlink(missing_ok=True)


def write_verdict(result: Result) -> None:
    """Write `verdict.json` into the run directory."""
    assert result.run_dir is not None
    body = orjson.dumps(result.as_json(), option=orjson.OPT_INDENT_2)
    (result.run_dir / "verdict.json").write_bytes(body + b"\n")


def keep_replay(result: Result) -> None:
    """Write the verdict again, now that the command which runs the same thing again is known."""
    if result.run_dir is not None and (result.run_dir / "verdict.json").exists():
        write_verdict(result)


def write_scenario(scenario: Scenario, run_dir: Path) -> None:
    """Write the scenario as it was run, overrides applied, as `scenario.json`."""
    body = orjson.dumps(
        scenario.model_dump(mode="json", exclude_none=True), option=orjson.OPT_INDENT_2
    )
    (run_dir / "scenario.json").write_bytes(body + b"\n")

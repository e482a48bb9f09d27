"""Each example passes when right, and is caught by the named check when its one line is broken."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.run.progress import Silent
from harness.run.result import Result
from harness.run.runner import Options, run_scenario
from harness.scenario.load import load_scenario

EXAMPLES = Path(__file__).parents[2] / "examples"
BUILD_SECONDS_MAX = 300
BUILDS = {
    "node": ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"],
    "go": ["go", "build", "-o", "pipeline", "."],
}
# A broken pipeline is only known to be broken once nothing moves any more.
PATIENCE = "settle.stall_seconds=5"


def run(folder: Path, runs: Path, *overrides: str) -> Result:
    scenario = load_scenario(folder / "orders.toml", overrides=overrides)
    return run_scenario(scenario, Options(runs=runs, allow_command=True), Silent())


def passes(folder: Path, runs: Path) -> None:
    result = run(folder, runs)
    assert result.outcome == "passed", (result.reason, result.notes, result.pipeline_log)


def is_caught(folder: Path, runs: Path, check: str) -> None:
    result = run(folder, runs, "pipeline.env.BUG=1", PATIENCE)
    assert result.outcome == "failed"
    failing = {v.name: v for v in result.checks if v.verdict == "fail"}
    assert check in failing, (result.reason, result.pipeline_log)
    assert set(failing[check].keys[0].key) == {"id"}


RESTARTS = """
import signal, subprocess, sys

children = []
stopped = []

def stop(*_):
    stopped.append(True)
    children[-1].terminate()

signal.signal(signal.SIGTERM, stop)
for seconds in (0.4, 0.7, 1.0, 1.3, 1.6, None):
    children.append(subprocess.Popen(sys.argv[1:]))
    try:
        code = children[-1].wait(seconds)
    except subprocess.TimeoutExpired:
        children[-1].kill()
        children[-1].wait()
        continue
    sys.exit(0 if stopped else f"ended by itself with {code}")
"""


def survives_kills(folder: Path, runs: Path, *command: str) -> None:
    """Killed five times while it loads and follows, with `kill -9`; then left alone."""
    supervisor = runs / "restarts.py"
    supervisor.write_text(RESTARTS, encoding="utf-8")
    words = json.dumps([sys.executable, str(supervisor), *command])
    result = run(folder, runs, f"pipeline.command={words}", "workload.changes=2000")
    assert result.outcome == "passed", (result.reason, result.notes, result.pipeline_log)
    assert not result.notes


def test_python(tmp_path: Path) -> None:
    passes(EXAMPLES / "python", tmp_path)
    survives_kills(EXAMPLES / "python", tmp_path, sys.executable, "pipeline.py")
    is_caught(EXAMPLES / "python", tmp_path, "no_resurrection")


def test_lambda(tmp_path: Path) -> None:
    passes(EXAMPLES / "lambda", tmp_path)
    is_caught(EXAMPLES / "lambda", tmp_path, "no_lost_update")


def built(language: str, tmp_path: Path) -> Path:
    """A copy of an example, built; the repository stays as it is."""
    left_out = shutil.ignore_patterns("node_modules", "pipeline")
    home = Path(shutil.copytree(EXAMPLES / language, tmp_path / language, ignore=left_out))
    said = subprocess.run(
        BUILDS[language], cwd=home, capture_output=True, text=True, timeout=BUILD_SECONDS_MAX
    )
    assert said.returncode == 0, said.stdout + said.stderr
    return home


@pytest.mark.slow
@pytest.mark.interop("node")
def test_node(tmp_path: Path) -> None:
    home = built("node", tmp_path)
    passes(home, tmp_path)
    survives_kills(home, tmp_path, "node", "pipeline.mjs")
    is_caught(home, tmp_path, "type_fidelity")


@pytest.mark.slow
@pytest.mark.interop("go")
def test_go(tmp_path: Path) -> None:
    home = built("go", tmp_path)
    passes(home, tmp_path)
    survives_kills(home, tmp_path, "./pipeline")
    is_caught(home, tmp_path, "no_lost_update")

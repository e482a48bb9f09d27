from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NO_JAVA = "Java: java and javac and mvn not found"


def run(tmp_path: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """pytest's exit code and words where no program can be found."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HARNESS", "PYTEST"))}
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env={**kept, "PATH": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return said.returncode, said.stdout


@pytest.mark.parametrize("workers", [["-p", "no:xdist"], ["-n", "1"]])
def test_without_its_toolchain_a_test_leaves_the_run_and_the_end_says_why(
    tmp_path: Path, workers: list[str]
) -> None:
    code, said = run(tmp_path, *workers, "tests/interop/test_kcl.py", "tests/values/test_paths.py")
    assert code == 0
    assert f"interoperability tests left out: {NO_JAVA}\n" in said
    assert "interoperability tests left out: Node: node and npm not found\n" in said


def test_in_ci_a_missing_toolchain_is_a_failure(tmp_path: Path) -> None:
    code, said = run(tmp_path, "tests/interop/test_kcl.py", HARNESS_CI="1")
    assert code == 1
    assert "4 errors" in said
    assert f"{NO_JAVA} (.ci/run installs it)" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["tests/values/test_paths.py"],
        [
            "-m",
            "not interop and not slow",
            "tests/interop/test_kcl.py",
            "tests/values/test_paths.py",
        ],
    ],
)
def test_a_run_that_does_not_ask_for_the_lane_hears_nothing_of_it(
    tmp_path: Path, arguments: list[str]
) -> None:
    code, said = run(tmp_path, *arguments)
    assert code == 0
    assert "interoperability" not in said

"""One scenario against several versions of the embedded ClickHouse."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from harness.backends.choice import Backends
from harness.report.plain import as_text
from harness.run.progress import Silent
from harness.run.runner import Options, run_scenario
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.containers, pytest.mark.slow]

# The older release is a download of its own, which only the whole lane takes the time for.
IS_WHOLE = "all-types" in os.environ.get("HARNESS_SCENARIOS", "")
VERSIONS = ["26.9", "24.8"] if IS_WHOLE else ["26.9"]
SIZE = ["workload.items=60", "workload.changes=120", "settle.stall_seconds=30"]


@pytest.mark.parametrize("version", VERSIONS)
def test_quickstart_passes_on_this_version(version: str, tmp_path: Path) -> None:
    told = load_scenario("quickstart", overrides=SIZE)
    backends = Backends(clickhouse=f"embedded:{version}")
    result = run_scenario(told, Options(runs=tmp_path, backends=backends), Silent())
    assert result.outcome == "passed", as_text(result)
    assert result.backends["clickhouse"].startswith(f"embedded {version}.")

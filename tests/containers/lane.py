"""The pytest hooks of the container lane: without a Docker engine and the images its tests leave the run.

They are deselected, and the end of the run says so and why. With HARNESS_CI set nothing leaves: what
is missing fails its tests.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.backends import clickhouse_container, localstack
from harness.backends.docker_engine import client
from harness.errors import BackendError

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

MARKER = "containers"
FOLDER = Path(__file__).parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    found = [item for item in items if item.get_closest_marker(MARKER)]
    if not found or os.environ.get("HARNESS_CI") or not missing():
        return
    config.hook.pytest_deselected(items=found)
    items[:] = [item for item in items if item not in found]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker(MARKER) and missing():
        pytest.fail(f"{missing()} (.ci/containers provides it)", pytrace=False)


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    named = [Path(config.invocation_params.dir, arg.partition("::")[0]) for arg in config.args]
    is_asked = any(path in (FOLDER, *FOLDER.parents) or FOLDER in path.parents for path in named)
    if not is_asked or f"not {MARKER}" in str(config.getoption("markexpr")):
        return
    if not os.environ.get("HARNESS_CI") and missing():
        terminalreporter.write_line(f"container tests left out: {missing()}", yellow=True)


@cache
def missing() -> str:
    """Why the lane cannot run; empty when it can."""
    try:
        engine = client()
    except BackendError as error:
        return str(error)
    try:
        for image in (localstack.image(""), clickhouse_container.image("")):
            if not engine.images.list(name=image):
                return f"image {image} is not here (docker pull {image})"
    finally:
        engine.close()
    return ""

"""The pytest hooks of the interoperability lane: tests whose toolchain is missing leave the run.

They are deselected, and the end of the run says so and why. With HARNESS_CI set nothing leaves: a
missing toolchain fails its tests.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.interop.toolchains import SOURCES, TOOLCHAINS

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

MARKER = "interop"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if is_ci():
        return
    left_out = [item for item in items if any(map(missing, languages_of(item)))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_runtest_setup(item: pytest.Item) -> None:
    for reason in filter(None, map(missing, languages_of(item))):
        pytest.fail(f"{reason} (.ci/run installs it)", pytrace=False)


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    if is_ci() or not is_asked_for(config):
        return
    for reason in filter(None, map(missing, TOOLCHAINS)):
        terminalreporter.write_line(f"interoperability tests left out: {reason}", yellow=True)


@cache
def missing(language: str) -> str:
    """Why a language's tests cannot run; empty when they can."""
    return TOOLCHAINS[language].missing()


def languages_of(item: pytest.Item) -> list[str]:
    """What `@pytest.mark.interop("java")` names."""
    return [str(name) for mark in item.iter_markers(MARKER) for name in mark.args]


def is_ci() -> bool:
    """True where nothing may be missing."""
    return bool(os.environ.get("HARNESS_CI"))


def is_asked_for(config: pytest.Config) -> bool:
    """True when the run's paths and markers reach the lane."""
    if f"not {MARKER}" in str(config.getoption("markexpr")):
        return False
    paths = [Path(config.invocation_params.dir, arg.partition("::")[0]) for arg in config.args]
    return any(path in (SOURCES, *SOURCES.parents) or SOURCES in path.parents for path in paths)

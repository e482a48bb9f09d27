"""The pytest hooks of the interoperability lane: tests whose toolchain is missing leave the run.

They are deselected, and the first lines of the run say so and why. With HARNESS_CI set nothing
leaves: a missing toolchain fails its tests.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.interop.toolchains import TOOLCHAINS

if TYPE_CHECKING:
    from collections.abc import Callable

MARKER = "interop"


@cache
def missing(language: str) -> str:
    """Why a language's tests cannot run; empty when they can."""
    return TOOLCHAINS[language].missing()


def pytest_report_header(config: pytest.Config) -> list[str]:
    return lines(missing, in_ci=bool(os.environ.get("HARNESS_CI")))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("HARNESS_CI"):
        return
    left_out = [item for item in items if any(missing(name) for name in languages_of(item))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_runtest_setup(item: pytest.Item) -> None:
    for reason in filter(None, map(missing, languages_of(item))):
        pytest.fail(f"{reason} (.ci/run installs it)", pytrace=False)


def languages_of(item: pytest.Item) -> list[str]:
    """What `@pytest.mark.interop("java")` names."""
    return [str(name) for mark in item.iter_markers(MARKER) for name in mark.args]


def lines(missing: Callable[[str], str], *, in_ci: bool) -> list[str]:
    """A line for each toolchain that is missing."""
    reasons = filter(None, map(missing, TOOLCHAINS))
    what = "interoperability tests will fail" if in_ci else "interoperability tests left out"
    return [f"{what}: {reason}" for reason in reasons]

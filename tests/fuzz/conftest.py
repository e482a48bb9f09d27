"""One engine for all tests of this folder: there is one a process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.run.step_world import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as made:
        yield made

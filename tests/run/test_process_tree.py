"""What the kernel tells of a program's processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness.clock import WallClock
from harness.run.process_tree import ProcessTree

SPINS = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
for _ in range(2):
    if os.fork() == 0:
        while True:
            pass
os.wait()
"""
SECONDS_MAX = 60

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def two_on_one_processor() -> Iterator[ProcessTree]:
    processor = min(os.sched_getaffinity(0))
    process = subprocess.Popen(
        [sys.executable, "-c", SPINS, str(processor)], start_new_session=True
    )
    tree = ProcessTree(process.pid)
    yield tree
    tree.kill()
    process.wait()


def test_waiting_for_a_processor_is_told(two_on_one_processor: ProcessTree) -> None:
    clock = WallClock()
    until = clock.now() + SECONDS_MAX
    waited = 0.0
    while waited < 0.2 and clock.now() < until:
        clock.sleep(0.05)
        waited = two_on_one_processor.waited_seconds()
    assert waited >= 0.2


def test_a_program_at_rest_waits_for_no_processor() -> None:
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        tree = ProcessTree(process.pid)
        before = tree.waited_seconds()
        WallClock().sleep(0.3)
        assert tree.waited_seconds() - before < 0.2
    finally:
        process.kill()
        process.wait()

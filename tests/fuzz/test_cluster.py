"""Campaigns on a real Dask cluster: no block is lost or counted twice when a worker is killed."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from distributed import Client, LocalCluster

from harness.errors import BackendError
from harness.fuzz.block import run_block
from harness.fuzz.campaign import Campaign, Findings, search
from harness.fuzz.ground import ground
from harness.run.cluster import on_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCKS, EXAMPLES = 5, 3


@pytest.fixture
def cluster() -> Iterator[Any]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as made:
        yield made


def test_a_killed_worker_loses_no_block_and_counts_none_twice(cluster: Any, tmp_path: Path) -> None:
    address = cluster.scheduler_address
    killed: list[int] = []

    def kill_one(findings: Findings) -> None:
        """After the first block, while two others run."""
        if killed or not findings.examples:
            return
        with Client(address, set_as_default=False) as client:
            pids = client.run(os.getpid)
        killed.append(sorted(pids.values())[0])
        os.kill(killed[0], signal.SIGKILL)

    journal = tmp_path / "campaign.jsonl"
    given = Campaign(
        (ground("crash", "clickpipes"),),
        "clickpipes",
        1,
        tmp_path / "repros",
        examples=BLOCKS * EXAMPLES,
        seconds=0.0,
        journal=journal,
        dask=address,
        block_examples=EXAMPLES,
    )
    found = search(given, tell=kill_one)
    assert killed
    assert found.examples == BLOCKS * EXAMPLES
    assert (found.found, dict(found.unknown)) == ({}, {})
    lines = [orjson.loads(line) for line in journal.read_bytes().splitlines()[1:]]
    assert sorted(line["block"] for line in lines) == list(range(BLOCKS))
    assert [line["examples"] for line in lines] == [EXAMPLES] * BLOCKS


def test_where_no_scheduler_is_the_message_says_so() -> None:
    with pytest.raises(BackendError, match=r"no Dask scheduler at tcp://127\.0\.0\.1:9"):
        list(on_cluster("tcp://127.0.0.1:9", run_block, []))

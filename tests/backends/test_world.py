"""The two servers of a run, and what is told when the machine cannot carry them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.backends.world import Backends, World, require_space
from harness.clock import WallClock
from harness.errors import BackendError, UsageError


def test_both_servers_start_and_go_together() -> None:
    with World(Backends(), WallClock()) as world:
        assert set(world.variables()) >= {"AWS_ENDPOINT_URL", "CLICKHOUSE_URL"}
        assert not world.broke()
        world.require_health()
    assert world.broke()


def test_a_server_that_stopped_is_named() -> None:
    with World(Backends(only="aws"), WallClock()) as world:
        world.close()
        with pytest.raises(BackendError, match="the embedded AWS endpoint stopped by itself"):
            world.require_health()


def test_a_full_disk_is_named_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(BackendError) as caught:
        require_space(tmp_path / "clickhouse", 2**60)
    assert "no disk space for ClickHouse" in caught.value.message
    assert str(tmp_path) in caught.value.message
    assert "TMPDIR" in caught.value.hint


def test_what_is_no_backend_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"--clickhouse takes 'embedded\[:…\]', 'container\[:…\]' or an http URL"
    ):
        Backends(clickhouse="localhost")

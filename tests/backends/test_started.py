"""A server in a `with` block: whatever goes wrong, it is closed once the block is left."""

from __future__ import annotations

from typing import Self

import pytest

from harness.backends.started import Started


class Server(Started):
    """Notes what is done to it."""

    def __init__(self, trouble: BaseException | None = None) -> None:
        self.trouble = trouble
        self.done: list[str] = []

    def start(self) -> Self:
        """Start, or not."""
        self.done.append("start")
        if self.trouble is not None:
            raise self.trouble
        return self

    def close(self) -> None:
        """Note it."""
        self.done.append("close")


def test_it_runs_within_the_block() -> None:
    with Server() as server:
        assert server.done == ["start"]
    assert server.done == ["start", "close"]


@pytest.mark.parametrize("trouble", [OSError("no port"), KeyboardInterrupt()])
def test_what_started_only_in_part_is_closed(trouble: BaseException) -> None:
    server = Server(trouble)
    with pytest.raises(type(trouble)), server:
        pass
    assert server.done == ["start", "close"]


def test_an_error_within_the_block_closes_it_and_goes_on() -> None:
    server = Server()
    with pytest.raises(ValueError, match="mine"), server:
        raise ValueError("mine")
    assert server.done == ["start", "close"]

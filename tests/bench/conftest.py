from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from harness.bench.contenders import Contender
from harness.bench.endpoint import Endpoint
from harness.clock import WallClock
from harness.gateway.aws import Aws
from harness.kinesis.settings import Settings
from harness.web.server import ServerThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.web.message import App, Request, Response


@dataclass
class Lateness:
    """How late an app answers; may be changed while it runs."""

    seconds: float = 0.0


@dataclass
class Slowed:
    """An app that takes its time before it answers."""

    app: App
    lateness: Lateness
    clock: WallClock

    def __call__(self, request: Request) -> Response:
        self.clock.sleep(self.lateness.seconds)
        return self.app(request)

    def runs_in_thread(self, request: Request) -> bool:
        return self.app.runs_in_thread(request)


def contender(name: str, lateness: Lateness | None = None) -> Contender:
    """The emulated AWS in a thread of this process."""

    @contextmanager
    def start() -> Iterator[Endpoint]:
        clock = WallClock()
        aws = Aws(clock)
        aws.region().kinesis.settings = Settings.instant()
        app = Slowed(aws.app, lateness, clock) if lateness else aws.app
        with ServerThread(app, clock=clock) as server:
            endpoint = Endpoint(name, server.url, version="1.0", pid=os.getpid())
            try:
                yield endpoint
            finally:
                endpoint.close()

    return Contender(name, start)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with contender("plain").start() as started:
        yield started


@pytest.fixture
def make() -> Callable[..., Contender]:
    return contender

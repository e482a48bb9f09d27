"""A pipe in a process that kills itself at one of its requests."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from urllib3.connectionpool import HTTPConnectionPool

import harness.pipelines.reference.aws
import harness.pipelines.reference.kinesis
import harness.pipelines.reference.snapshot
from harness.pipelines.pipeline import Environment
from harness.pipelines.reference.sync import ClickPipes

LOADED = (harness.pipelines.reference.aws, harness.pipelines.reference.kinesis)
"""Imported here, so that a process forked from this one starts at once."""


def run(fields: dict[str, Any], config: dict[str, Any], kill_at: int, told: str) -> None:
    """Run until SIGTERM, or until its own SIGKILL.

    Args:
        fields: of the Environment.
        kill_at: number of the request, counted from 1: even ones kill before it is sent, odd ones
            once it was answered and before the pipe sees the answer; 0 never kills.
        told: file that gets the request at which it died.
    """
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    if kill_at:
        _die_at(kill_at, Path(told))
    env = Environment(**fields)
    env.stopping = stop.is_set
    ClickPipes(config).run(env)


def _die_at(kill_at: int, told: Path) -> None:
    numbers = itertools.count(1)
    send = HTTPConnectionPool.urlopen

    def urlopen(pool: Any, method: str, url: str, body: Any = None, *rest: Any, **more: Any) -> Any:
        number = next(numbers)
        if number == kill_at and number % 2 == 0:
            die("before", url, body, more)
        answer = send(pool, method, url, body, *rest, **more)
        if number == kill_at:
            die("after", url, body, more)
        return answer

    def die(side: str, url: str, body: Any, more: dict[str, Any]) -> None:
        operation = str((more.get("headers") or {}).get("X-Amz-Target", ""))
        inserted = parse_qs(urlsplit(url).query).get("query", [""])[0]
        text = body[:300].decode(errors="replace") if isinstance(body, bytes) else ""
        told.write_text(f"{side} {operation} {inserted} {text}")
        os.kill(os.getpid(), signal.SIGKILL)

    # For this process alone, which ends with it.
    HTTPConnectionPool.urlopen = urlopen  # type: ignore[assignment,method-assign]

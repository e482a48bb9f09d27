"""An embedded ClickHouse as a process: `python -m harness.backends.clickhouse_process --port 0`.

Prints one JSON line, `{"ready": true, "url": …, "version": …}`, once it answers. Listens at once
and loads the engine meanwhile; requests that come early wait. Ends on SIGTERM or SIGINT, and with
`--until-stdin-closes` when its parent is gone. What an INSERT was acknowledged for survives
kill -9 when `--path` is kept.

Needs nothing but chdb and the web server, so that another environment with another chdb release can
run it. Exit codes: 0 ended as asked; 2 wrong usage; 4 could not start, with one line on stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from harness.backends.server_process import wait_for_parent
from harness.clickhouse.access import Access
from harness.clickhouse.engine import Engine
from harness.clickhouse.http import ClickHouseApp
from harness.clock import WallClock
from harness.errors import HarnessError
from harness.faults.live import LiveGate
from harness.web.server import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.web.message import Request, Response

PASSWORD_VARIABLE = "CLICKHOUSE_PASSWORD"


class StartingApp:
    """The interface while its engine is still loading: whoever asks waits."""

    def __init__(self) -> None:
        self._loaded = threading.Event()
        self._app: ClickHouseApp | None = None

    def open(self, app: ClickHouseApp | None) -> None:
        """The engine is there; None: it will never be."""
        self._app = app
        self._loaded.set()

    def runs_in_thread(self, request: Request) -> bool:
        """Waiting must not hold up the server."""
        return self._app is None or self._app.runs_in_thread(request)

    def __call__(self, request: Request) -> Response:
        """Answer, after the engine has been loaded."""
        self._loaded.wait()
        if self._app is None:
            raise RuntimeError("the engine could not be loaded")
        return self._app(request)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to end; returns the exit code."""
    options = _parse(arguments)
    clock = WallClock(seed=options.seed)
    starting = StartingApp()
    url_known = threading.Event()
    urls: list[str] = []
    ends: list[Callable[[], None]] = []
    failures: list[HarnessError] = []
    ends_with: list[Callable[[], None]] = []

    gate_urls: list[str] = []

    def load() -> None:
        try:
            engine = Engine(options.path)
            access = Access(user=options.user, password=options.password, folder=options.path)
            app = ClickHouseApp(engine, access, clock)
            ends_with.extend([app.queued.flush, engine.close])
            if gate is not None:
                gate.on_restart(lambda _: app.queued.drop())
            starting.open(app)
        except HarnessError as error:
            failures.append(error)
            starting.open(None)
            url_known.wait()
            ends[0]()
            return
        url_known.wait()
        line = {"ready": True, "url": urls[0], "version": engine.version}
        if gate_urls:
            line["gate_url"] = gate_urls[0]
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    def until(end: Callable[[], None]) -> None:
        ends.append(end)
        if options.until_stdin_closes:
            threading.Thread(target=wait_for_parent, args=(end,), daemon=True).start()

    def serving(url: str) -> None:
        urls.append(url)
        url_known.set()

    gate: LiveGate | None = None
    try:
        gate = LiveGate(options.gate, "clickhouse", clock) if options.gate else None
        threading.Thread(target=load, name="load", daemon=True).start()
        serve(
            starting,
            ready=serving,
            host=options.host,
            port=options.port,
            clock=clock,
            until=until,
            gate=(gate.middleware, gate.port, gate_urls.append) if gate else None,
        )
    except HarnessError as error:
        failures.insert(0, error)
    if failures:
        sys.stderr.write(f"clickhouse: {failures[0]}\n")
        return failures[0].exit_code
    for end in ends_with:
        end()
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="clickhouse_process", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to bind")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--path", type=Path, help="data folder; default: one that is removed")
    parser.add_argument("--user", default="default", help="the administrator's name")
    parser.add_argument(
        "--password",
        default=os.environ.get(PASSWORD_VARIABLE, ""),
        help=f"the administrator's password; default: ${PASSWORD_VARIABLE}",
    )
    parser.add_argument("--seed", type=int, default=0, help="query ids are drawn from it")
    parser.add_argument(
        "--gate", default="", help="JSON of a gate: a second port; see harness/faults/live.py"
    )
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end when the parent has gone"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # The engine's threads need no farewell, and waiting for a loading engine would be long.
    os._exit(code)

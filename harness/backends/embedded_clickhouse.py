"""ClickHouse on this machine without a server to install: chDB in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from harness.backends.clickhouse_process import PASSWORD_VARIABLE
from harness.backends.endpoints import local_host
from harness.backends.server_process import ServerProcess
from harness.backends.started import Started
from harness.errors import BackendError


class EmbeddedClickHouse(Started):
    """An embedded ClickHouse with a life of its own: start, stop, kill -9, restart.

    Port and folder stay the same over restarts, so `url` does too.

    Args:
        path: data folder to keep; None for one that goes with this object.
        user: the administrator's name.
        password: the administrator's password.
        database: made at the start when it does not exist; ends `url`.
        host: address to bind.
        port: 0 takes a free one at the first start.
        python: interpreter to run the process with; another environment's brings another chdb
            release, that is another ClickHouse version.
        gate: of the form of `harness.faults.live`: opens a second port whose requests meet faults.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        user: str = "default",
        password: str = "",
        database: str = "default",
        host: str = "127.0.0.1",
        port: int = 0,
        python: str = sys.executable,
        gate: dict[str, Any] | None = None,
    ) -> None:
        self._gate = gate
        self._gate_port = 0
        self._is_temporary = path is None
        self.path = path or Path(tempfile.mkdtemp(prefix="clickhouse-"))
        self.user = user
        self.password = password
        self.database = database
        self._host = host
        self._port = port
        self._python = python
        self._process = ServerProcess("ClickHouse", "clickhouse: ")
        self._version = ""

    @property
    def url(self) -> str:
        """`http://user:password@host:port/database`."""
        return self._url(self._port)

    @property
    def gate_url(self) -> str:
        """The same through the gate; `url` itself without a gate."""
        return self._url(self._gate_port or self._port)

    def _url(self, port: int) -> str:
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        host = local_host(self._host)
        shown = f"[{host}]" if ":" in host else host
        return f"http://{login}@{shown}:{port}/{quote(self.database, safe='')}"

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return self._process.pid

    def version(self) -> str:
        """ClickHouse's version, e.g. `26.9.2.1`."""
        return self._version

    def start(self) -> Self:
        """Start and wait until it answers.

        Raises:
            BackendError: it could not start; the message is what the process said.
        """
        if self.pid is not None:
            return self
        try:
            ready = self._process.start(self._command(), self._environment())
        except BackendError:
            self._forget()
            raise
        self._port = urlsplit(str(ready["url"])).port or 0
        self._gate_port = urlsplit(str(ready.get("gate_url", ""))).port or 0
        self._version = str(ready["version"])
        if self.database != "default":
            self.command(f"CREATE DATABASE IF NOT EXISTS `{self.database}`", database="default")
        return self

    def command(self, statement: str, *, database: str | None = None) -> str:
        """Run one statement as the administrator; returns the answer's text.

        Raises:
            urllib.error.HTTPError: ClickHouse refused it.
        """
        request = Request(
            f"http://{local_host(self._host)}:{self._port}/?database={quote(database or self.database)}",
            data=statement.encode(),
            headers={"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password},
        )
        with urlopen(request) as answer:
            return bytes(answer.read()).decode()

    def stop(self) -> None:
        """End it in good order; harmless when it does not run."""
        self._process.stop()

    def kill(self) -> None:
        """End it as kill -9 does."""
        self._process.kill()

    def restart(self) -> None:
        """Stop it when it runs, and start it again on the same folder and port."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop it and remove a temporary folder."""
        self.stop()
        self._forget()

    def _command(self) -> list[str]:
        command = [
            *(self._python, "-m", "harness.backends.clickhouse_process", "--until-stdin-closes"),
            *("--host", self._host, "--port", str(self._port), "--path", str(self.path)),
            *("--user", self.user),
        ]
        if self._gate is not None:
            command += ["--gate", json.dumps({**self._gate, "port": self._gate_port})]
        return command

    def _environment(self) -> dict[str, str]:
        # The password is no argument: those can be seen by every user of the machine.
        return {**os.environ, PASSWORD_VARIABLE: self.password}

    def _forget(self) -> None:
        if self._is_temporary:
            shutil.rmtree(self.path, ignore_errors=True)

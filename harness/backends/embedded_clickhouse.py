"""ClickHouse on this machine without a server to install: chDB in a process of its own."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

import harness
from harness.backends.clickhouse_process import PASSWORD_VARIABLE
from harness.clock import WallClock
from harness.errors import BackendError

if TYPE_CHECKING:
    from types import TracebackType

READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 10.0


class EmbeddedClickHouse:
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
    ) -> None:
        self._is_temporary = path is None
        self.path = path or Path(tempfile.mkdtemp(prefix="clickhouse-"))
        self.user = user
        self.password = password
        self.database = database
        self._host = host
        self._port = port
        self._python = python
        self._process: subprocess.Popen[bytes] | None = None
        self._version = ""

    @property
    def url(self) -> str:
        """`http://user:password@host:port/database`."""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return f"http://{login}@{self._host}:{self._port}/{quote(self.database, safe='')}"

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def version(self) -> str:
        """ClickHouse's version, e.g. `26.9.2.1`."""
        return self._version

    def start(self) -> EmbeddedClickHouse:
        """Start and wait until it answers.

        Raises:
            BackendError: it could not start; the message is what the process said.
        """
        if self.pid is not None:
            return self
        with tempfile.TemporaryFile() as said:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env=self._environment(),
                start_new_session=True,
            )
            ready = self._first_line(self._process)
            if ready is None:
                error = self._did_not_start(said)
                self._forget()
                raise error
        self._port = urlsplit(str(ready["url"])).port or 0
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
            f"http://{self._host}:{self._port}/?database={quote(database or self.database)}",
            data=statement.encode(),
            headers={"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password},
        )
        with urlopen(request) as answer:
            return bytes(answer.read()).decode()

    def stop(self) -> None:
        """End it in good order; harmless when it does not run."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._collect()

    def kill(self) -> None:
        """End it as kill -9 does."""
        if self._process is not None:
            self._process.kill()
            self._collect()

    def restart(self) -> None:
        """Stop it when it runs, and start it again on the same folder and port."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop it and remove a temporary folder."""
        self.stop()
        self._forget()

    def __enter__(self) -> EmbeddedClickHouse:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _command(self) -> list[str]:
        return [
            *(self._python, "-m", "harness.backends.clickhouse_process", "--until-stdin-closes"),
            *("--host", self._host, "--port", str(self._port), "--path", str(self.path)),
            *("--user", self.user),
        ]

    def _environment(self) -> dict[str, str]:
        # The password is no argument: those can be seen by every user of the machine.
        environment = {**os.environ, PASSWORD_VARIABLE: self.password}
        package = str(Path(harness.__file__).parent.parent)
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{package}{os.pathsep}{known}" if known else package
        return environment

    def _first_line(self, process: subprocess.Popen[bytes]) -> dict[str, object] | None:
        assert process.stdout is not None
        clock = WallClock()
        deadline_us = clock.now_us() + round(READY_SECONDS_MAX * 1_000_000)
        said = b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in said:
                left = (deadline_us - clock.now_us()) / 1_000_000
                if left <= 0 or not selector.select(left):
                    return None
                piece = os.read(process.stdout.fileno(), 4096)
                if not piece:
                    return None
                said += piece
        line: dict[str, object] = json.loads(said.partition(b"\n")[0])
        return line

    def _did_not_start(self, said: IO[bytes]) -> BackendError:
        assert self._process is not None
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            code: int | None = self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = None
        self._collect()
        said.seek(0)
        lines = said.read().decode("utf-8", "replace").strip().splitlines()
        if code is None:
            return BackendError(f"ClickHouse was not ready after {READY_SECONDS_MAX:g} s")
        why = lines[-1].removeprefix("clickhouse: ") if lines else "it said nothing"
        return BackendError(f"ClickHouse ended with code {code} before it was ready: {why}")

    def _forget(self) -> None:
        if self._is_temporary:
            shutil.rmtree(self.path, ignore_errors=True)

    def _collect(self) -> None:
        assert self._process is not None
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None

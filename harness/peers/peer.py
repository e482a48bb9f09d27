"""One other emulator: what it is, where it is kept, and its process while it runs.

Nothing is installed into the project's own environment: each peer has a folder under the cache
(`HARNESS_PEERS`, or `harness-peers` in the user's cache folder) with a venv, jars or node modules.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from harness.cache import cache_home
from harness.clock import Clock, WallClock
from harness.errors import BackendError, NotSettled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

INSTALL_SECONDS_MAX = 900.0
READY_SECONDS_MAX = 90.0
STOP_SECONDS_MAX = 10.0
_direct = build_opener(ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Peer:
    """What is known of an emulator.

    Attributes:
        name: as given on the command line.
        version: the one that is installed.
        needs: programs that must be on the PATH.
        install: puts it into an empty folder.
        command: of its process, given its folder and a port.
        variables: beside this process's own, given the folder and the port.
        ready_path: answers once it serves; any status below 500 will do.
        ready_text: what that answer must contain.
        lacks: services that it does not claim to have: `kinesis`, `s3`.
    """

    name: str
    version: str
    needs: tuple[str, ...]
    install: Callable[[Path], None]
    command: Callable[[Path, int], Sequence[str]]
    variables: Callable[[Path, int], Mapping[str, str]] = lambda _folder, _port: {}
    ready_path: str = "/"
    ready_text: bytes = b""
    lacks: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"

    @property
    def folder(self) -> Path:
        """Where it is, or would be, installed."""
        return cache() / f"{self.name}-{self.version}"

    @property
    def is_installed(self) -> bool:
        """True when an installation came to its end."""
        return (self.folder / ".installed").exists()

    def ensure_installed(self) -> Path:
        """Install it unless it is there; returns its folder.

        Raises:
            BackendError: a program is missing, or an installation step failed.
        """
        folder = self.folder
        if self.is_installed:
            return folder
        for program in self.needs:
            if shutil.which(program) is None:
                raise BackendError(f"{self.label} needs {program}, which is not installed")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.install(folder)
        (folder / ".installed").touch()
        return folder


@dataclass(slots=True)
class RunningPeer:
    """A peer's process on a port of its own; a context manager.

    Attributes:
        peer: which.
        url: where it answers, once started.
        log: what it says, in the cache folder.
    """

    peer: Peer
    url: str = ""
    clock: Clock = field(default_factory=WallClock)
    _process: subprocess.Popen[bytes] | None = None
    _log: IO[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of its process.

        Raises:
            BackendError: it does not run.
        """
        if self._process is None:
            raise BackendError(f"{self.peer.label} does not run")
        return self._process.pid

    def __enter__(self) -> RunningPeer:
        folder = self.peer.ensure_installed()
        port = _free_port()
        self._log = (cache() / f"{self.peer.name}-{port}.log").open("wb")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self._process = subprocess.Popen(
            list(self.peer.command(folder, port)),
            env={**kept, **self.peer.variables(folder, port)},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=folder,
        )
        self.url = f"http://127.0.0.1:{port}"
        try:
            self.clock.wait_until(
                self._answers,
                timeout_seconds=READY_SECONDS_MAX,
                what=f"{self.peer.label} to answer",
                step_seconds=0.1,
            )
        except NotSettled as error:
            self.close()
            raise BackendError(str(error), hint=f"see {self._log.name}") from error
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it and what it started; harmless when it does not run."""
        if self._process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                # Its own session: LocalStack starts Java and Node beside itself.
                os.killpg(self._process.pid, number)
                self._process.wait(STOP_SECONDS_MAX)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._process.wait()
        self._process = None
        if self._log is not None:
            self._log.close()

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            said = Path(self._log.name).read_text(errors="replace") if self._log else ""
            last = said.strip().splitlines()[-1:] or ["it said nothing"]
            raise BackendError(f"{self.peer.label} did not start: {last[0]}")
        try:
            with _direct.open(self.url + self.peer.ready_path, timeout=5) as answer:
                return self.peer.ready_text in answer.read()
        except HTTPError as error:
            return error.code < 500
        except (URLError, OSError):
            return False


def cache() -> Path:
    """The folder that holds all peers."""
    named = os.environ.get("HARNESS_PEERS")
    folder = Path(named) if named else cache_home() / "harness-peers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def step(folder: Path, *command: str) -> None:
    """One step of an installation.

    Raises:
        BackendError: it failed; the message is its last line.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BackendError(f"{command[0]} took more than {INSTALL_SECONDS_MAX:g} s") from None
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines() or ["it said nothing"]
        raise BackendError(f"{command[0]} failed in {folder}: {lines[-1]}")


def pip_install(folder: Path, *requirements: str) -> None:
    """A venv in `folder/venv` with these packages."""
    step(folder, sys.executable, "-m", "venv", "venv")
    step(folder, "venv/bin/python", "-m", "pip", "install", "--quiet", *requirements)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port

"""Docker as far as the harness needs it: is there an engine, is there an image, and one container.

testcontainers is imported when a container is first asked for. Its own reaper is an image that would
have to be pulled; instead each container carries the process that owns it as a label, and whoever
starts a container first removes those whose process is gone.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.clock import WallClock
from harness.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OWNER_LABEL = "cdc-harness.owner"
HOST_LABEL = "cdc-harness.host"
READY_SECONDS_MAX = 120.0
NOFILE_MAX = 20_000
"""Open files: more is refused on hosts that may not raise the limit."""
LOG_LINES_SHOWN = 5

DEFAULT_SOCKET = "npipe" if os.name == "nt" else "/var/run/docker.sock"
START_ENGINE = "start Docker, e.g. sudo systemctl start docker"
INSTALL_EXTRA = "pip install 'cdc-harness[containers]'"


def client() -> Any:
    """A client of the engine.

    Raises:
        BackendError: the library is not installed, or no engine answers.
    """
    try:
        import docker
    except ImportError:
        raise BackendError(
            "containers need the library testcontainers", hint=INSTALL_EXTRA
        ) from None
    socket_path = os.environ.get("DOCKER_HOST", DEFAULT_SOCKET).removeprefix("unix://")
    if socket_path.startswith("/") and not Path(socket_path).exists():
        raise BackendError(
            f"no Docker engine answers: there is no {socket_path}", hint=START_ENGINE
        )
    try:
        found = docker.from_env()
        found.ping()
    except (docker.errors.DockerException, OSError) as error:
        raise BackendError(
            f"no Docker engine answers: {_short(error)}", hint=START_ENGINE
        ) from None
    return found


def require_image(image: str) -> None:
    """Make sure that an image is here, pulling it when it is not.

    Raises:
        BackendError: no engine, or the image can be had nowhere.
    """
    engine = client()
    import docker

    try:
        engine.images.get(image)
    except docker.errors.ImageNotFound:
        sys.stderr.write(f"pulling image {image}, once\n")
        try:
            engine.images.pull(*_repository_and_tag(image))
        except (docker.errors.DockerException, OSError) as error:
            raise BackendError(
                f"image {image} is not here and cannot be pulled: {_short(error)}",
                hint=f"docker pull {image}, or load it: docker load < image.tar",
            ) from None
    finally:
        engine.close()


class Container:
    """One container, removed with everything in it when closed.

    Args:
        image: name and tag.
        port: that it serves, published on a free port of `address`.
        environment: its variables.
        address: of this machine, where the port is to be found.

    Attributes:
        host: where clients on this machine find it, once started.
        host_port: on which port.
    """

    def __init__(
        self, image: str, port: int, environment: Mapping[str, str], *, address: str
    ) -> None:
        self.image = image
        self.host = address
        self.host_port = 0
        self._port = port
        self._environment = dict(environment)
        self._address = address
        self._made: Any = None

    def start(self, is_ready: Callable[[], bool]) -> None:
        """Start and wait until `is_ready` says so.

        Raises:
            BackendError: no engine, no image, or it did not become ready (with its last lines).
        """
        require_image(self.image)
        remove_orphans()
        import docker
        from testcontainers.core.config import testcontainers_config
        from testcontainers.core.container import DockerContainer

        made = DockerContainer(self.image)
        for name, value in self._environment.items():
            made = made.with_env(name, value)
        if _is_local(made):
            made.ports[f"{self._port}/tcp"] = (self._address,)
        else:
            made = made.with_exposed_ports(self._port)
        made = made.with_kwargs(labels={OWNER_LABEL: _identity(os.getpid()), HOST_LABEL: _host()})
        self._made = made
        reaper_was_off = testcontainers_config.ryuk_disabled
        testcontainers_config.ryuk_disabled = True
        try:
            made.start()
            if not _is_local(made):
                self.host = made.get_container_host_ip()
            self.host_port = int(made.get_exposed_port(self._port))
        except (docker.errors.DockerException, OSError, RuntimeError) as error:
            self.close()
            raise BackendError(
                f"a container of {self.image} did not start: {_short(error)}"
            ) from None
        finally:
            # Whoever runs the harness in a test may have containers of their own.
            testcontainers_config.ryuk_disabled = reaper_was_off
        self._await(is_ready)

    def _await(self, is_ready: Callable[[], bool]) -> None:
        clock = WallClock()
        try:
            clock.wait_until(
                lambda: self.pid is None or is_ready(),
                timeout_seconds=READY_SECONDS_MAX,
                what=f"{self.image} to answer",
            )
        except TimeoutError:
            raise self._broken("did not answer in time") from None
        if self.pid is None:
            raise self._broken("ended by itself")

    def _broken(self, how: str) -> BackendError:
        said = self.last_lines()
        self.close()
        return BackendError(
            f"a container of {self.image} {how}", hint=f"it said: {' | '.join(said) or 'nothing'}"
        )

    @property
    def pid(self) -> int | None:
        """The container's process while it runs."""
        if self._made is None:
            return None
        import docker

        wrapped = self._made.get_wrapped_container()
        try:
            wrapped.reload()
        except (docker.errors.DockerException, OSError):
            return None
        state = wrapped.attrs["State"]
        return int(state["Pid"]) if state["Running"] else None

    def last_lines(self) -> list[str]:
        """The end of what it wrote."""
        if self._made is None:
            return []
        out, err = self._made.get_logs()
        lines = (out + err).decode("utf-8", "replace").strip().splitlines()
        return [line.strip() for line in lines[-LOG_LINES_SHOWN:]]

    def close(self) -> None:
        """Remove it; harmless when it is not there."""
        made, self._made = self._made, None
        if made is None:
            return
        import docker

        try:
            made.stop()
        except (docker.errors.DockerException, OSError):
            # It has gone already, or the engine has.
            return


def remove_orphans() -> int:
    """Remove containers whose harness on this machine is gone; returns how many."""
    engine = client()
    import docker

    removed = 0
    try:
        # Whatever another process removes while this one looks is gone already.
        known = engine.containers.list(
            all=True, ignore_removed=True, filters={"label": f"{HOST_LABEL}={_host()}"}
        )
        for found in known:
            owner = found.labels.get(OWNER_LABEL, "")
            if not owner or owner == _identity(int(owner.partition("-")[0])):
                continue
            # Another process may be removing it at the same time.
            with suppress(docker.errors.APIError):
                found.remove(force=True, v=True)
                removed += 1
    finally:
        engine.close()
    return removed


def _identity(pid: int) -> str:
    """A process by its id and start, so that a re-used id is another process."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        # The command in parentheses may hold spaces; the start is the 20th field after it.
        return f"{pid}-{stat.read_text().rpartition(')')[2].split()[19]}"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return f"{pid}-0"
    return f"{pid}-0"


def _host() -> str:
    return socket.gethostname()


def _is_local(container: Any) -> bool:
    """Whether published ports are this machine's own."""
    url = str(container.get_docker_client().client.api.base_url)
    return url.startswith(("http+docker", "http+unix", "npipe", "http+npipe")) or "localhost" in url


def _repository_and_tag(image: str) -> tuple[str, str]:
    name, colon, tag = image.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (image, "latest")


def _short(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]

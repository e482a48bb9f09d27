"""The gate before a server that somebody else runs: a proxy on a thread of this process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from harness.faults.live import LiveGate
from harness.faults.proxy import ProxyApp
from harness.web.server import ServerThread

if TYPE_CHECKING:
    from harness.clock import Clock
    from harness.faults.asked import Kind


class GateProxy:
    """Listens on a free port of this machine and forwards what passes its gate.

    Args:
        kind: what stands behind it.
        url: the server's; login and path are the client's business.
        gate: of the form of `harness.faults.live`.
        clock: stamps the events.
    """

    def __init__(self, kind: Kind, url: str, gate: dict[str, Any], clock: Clock) -> None:
        address = urlsplit(url)
        server = address.netloc.rpartition("@")[2]
        self._app = ProxyApp(f"{address.scheme}://{server}")
        self._gate = LiveGate(json.dumps(gate), kind, clock)
        self._server = ServerThread(self._app, middleware=self._gate.middleware)

    @property
    def url(self) -> str:
        """Its base URL, once started."""
        return self._server.url

    def start(self) -> None:
        """Listen.

        Raises:
            BackendError: no port is free.
        """
        self._server.start()

    def close(self) -> None:
        """Stop; harmless when called again."""
        self._server.stop()
        self._app.close()
        self._gate.close()

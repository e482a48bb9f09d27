"""The gate before a server that somebody else runs: a proxy on a thread of this process.

Without a gate it only passes on: that makes a server findable at an address where it does not listen.
"""

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
        gate: of the form of `harness.faults.live`; None lets all pass.
        clock: stamps the events.
        host: where to listen.
    """

    def __init__(
        self,
        kind: Kind,
        url: str,
        gate: dict[str, Any] | None,
        clock: Clock,
        *,
        host: str = "127.0.0.1",
    ) -> None:
        address = urlsplit(url)
        server = address.netloc.rpartition("@")[2]
        self._app = ProxyApp(f"{address.scheme}://{server}")
        self._gate = LiveGate(json.dumps(gate), kind, clock) if gate is not None else None
        middleware = self._gate.middleware if self._gate is not None else None
        self._server = ServerThread(self._app, host=host, middleware=middleware)

    @property
    def url(self) -> str:
        """Its base URL, once started."""
        return self._server.url

    @property
    def has_gate(self) -> bool:
        """False when it only passes on."""
        return self._gate is not None

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
        if self._gate is not None:
            self._gate.close()

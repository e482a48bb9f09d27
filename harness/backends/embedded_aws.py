"""The emulated AWS on this machine, in a process of its own."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Self
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from harness.backends.endpoints import local_url
from harness.backends.server_process import ServerProcess
from harness.backends.started import Started
from harness.errors import BackendError, UsageError

CONTROL_SECONDS_MAX = 60.0

_direct = build_opener(ProxyHandler({}))
"""Asks without a proxy, whatever the environment says: the endpoint is on this machine."""


class EmbeddedAws(Started):
    """An AWS endpoint with a life of its own; a context manager.

    Args:
        host: address to bind; beyond this machine only requests signed with its key are answered.
        port: 0 takes a free one.
        seed: all chance of the emulators is drawn from it.
        settings: of the form that `settings()` returns, in part.
        verify_signatures: take no key but this endpoint's own.
        gate: of the form of `harness.faults.live`: opens a second port whose requests meet faults.

    Attributes:
        endpoint: the base URL, without a slash at its end.
        gate_endpoint: the gate's base URL; empty without a gate.
        access_key: what to sign with.
        secret_key: what to sign with.
        region: where clients should look.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        settings: dict[str, Any] | None = None,
        verify_signatures: bool = False,
        gate: dict[str, Any] | None = None,
    ) -> None:
        self.endpoint = ""
        self.gate_endpoint = ""
        self._gate = gate
        self.access_key = "test"
        self.secret_key = "test"
        self.region = "us-east-1"
        self._host = host
        self._port = port
        self._seed = seed
        self._settings = settings or {}
        self._verify_signatures = verify_signatures
        self._process = ServerProcess("the AWS endpoint", "aws: ")

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return self._process.pid

    def start(self) -> Self:
        """Start and wait until it answers.

        Raises:
            BackendError: it could not start; the message is what the process said.
        """
        if self.pid is not None:
            return self
        ready = self._process.start(self._command(), _environment())
        self.endpoint = local_url(str(ready["url"]))
        self.gate_endpoint = local_url(str(ready.get("gate_url", "")))
        self._port = urlsplit(self.endpoint).port or 0
        self.access_key = str(ready.get("access_key", self.access_key))
        self.secret_key = str(ready.get("secret_key", self.secret_key))
        return self

    def stats(self) -> dict[str, Any]:
        """Counts by name: tables, items, changes, kinesis_records_put, kinesis_records_read and more.

        Raises:
            BackendError: the endpoint does not answer.
        """
        return self._control("GET", "stats")

    def now_us(self) -> int:
        """The endpoint's clock, epoch µs.

        Raises:
            BackendError: the endpoint does not answer.
        """
        return int(self._control("GET", "clock")["now_us"])

    def advance(self, seconds: float) -> int:
        """Let `seconds` pass at once on the endpoint's clock, or set it back by a negative number.

        Returns:
            Its new time, epoch µs.

        Raises:
            BackendError: the endpoint does not answer.
        """
        return int(self._control("POST", "clock", {"advance_seconds": seconds})["now_us"])

    def settings(self) -> dict[str, Any]:
        """The settings in force, by part and name.

        Raises:
            BackendError: the endpoint does not answer.
        """
        return self._control("GET", "settings")

    def change_settings(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Change some settings; returns all.

        Raises:
            UsageError: an unknown one, or a value it cannot take.
            BackendError: the endpoint does not answer.
        """
        return self._control("PUT", "settings", settings)

    def roll_stream(
        self, stream_arn: str, shard_id: str | None = None, *, children: int = 1
    ) -> list[str]:
        """Close an open shard (by default the first) of a DynamoDB stream for 1 or 2 children.

        Returns:
            The ids of the children.

        Raises:
            UsageError: no such stream or open shard.
            BackendError: the endpoint does not answer.
        """
        wish = {"stream_arn": stream_arn, "shard_id": shard_id, "children": children}
        return list(self._control("POST", "streams/roll", wish)["children"])

    def close(self) -> None:
        """End it; harmless when it does not run."""
        self._process.stop()

    def _control(self, method: str, name: str, body: object = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        url = f"{self.endpoint}/_harness/{name}"
        headers = {"x-harness-key": self.secret_key, "content-type": "application/json"}
        request = Request(url, data=data, headers=headers, method=method)
        try:
            with _direct.open(request, timeout=CONTROL_SECONDS_MAX) as answer:
                told: dict[str, Any] = json.load(answer)
        except HTTPError as error:
            refused = json.load(error)
            raise UsageError(refused["error"], hint=refused.get("hint", "")) from None
        except (URLError, OSError) as error:
            raise BackendError(f"the embedded AWS endpoint does not answer: {error}") from None
        return told

    def _command(self) -> list[str]:
        command = [
            *(sys.executable, "-m", "harness.backends.aws_process", "--until-stdin-closes"),
            *("--host", self._host, "--port", str(self._port), "--seed", str(self._seed)),
        ]
        if self._gate is not None:
            command += ["--gate", json.dumps(self._gate)]
        if self._settings:
            command += ["--settings", json.dumps(self._settings)]
        if self._verify_signatures:
            command.append("--verify-signatures")
        return command


def _environment() -> dict[str, str]:
    """This process's environment without anybody's AWS settings."""
    return {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}

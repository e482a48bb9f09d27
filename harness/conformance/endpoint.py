"""The endpoint under test: boto3 clients, and the emulator's own controls where it has them.

A control is `/_harness/clock` or `/_harness/settings`. An endpoint without them is asked as it is:
AWS itself has neither.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from harness.clock import Clock, WallClock
from harness.conformance.case import Unsupported

CONTROL_SECONDS_MAX = 30.0
REGION = "us-east-1"
_direct = build_opener(ProxyHandler({}))
_CONFIG = Config(
    retries={"total_max_attempts": 1},
    connect_timeout=5,
    read_timeout=15,
    max_pool_connections=32,
    parameter_validation=False,
    s3={"addressing_style": "path"},
)


@dataclass(slots=True)
class Endpoint:
    """Where AWS is looked for.

    Attributes:
        url: the base URL, without a slash at its end.
        access_key: what to sign with.
        secret_key: what to sign with.
        clock: of this process: waits, and names that are not the same twice.
        patience: how many times longer than usual a case may wait; AWS itself needs 20 or more.
    """

    url: str
    access_key: str = field(default_factory=lambda: os.environ.get("AWS_ACCESS_KEY_ID", "test"))
    secret_key: str = field(default_factory=lambda: os.environ.get("AWS_SECRET_ACCESS_KEY", "test"))
    clock: Clock = field(default_factory=WallClock)
    patience: float = 1.0
    _clients: dict[str, Any] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _has_controls: bool | None = None

    def client(self, service: str) -> Any:
        """The boto3 client of a service, made once; it checks no parameters and never retries."""
        with self._lock:
            if service not in self._clients:
                # Typed by name in its stubs, and the name is a variable here.
                make: Any = boto3.client
                self._clients[service] = make(
                    service,
                    endpoint_url=self.url,
                    region_name=os.environ.get("AWS_REGION", REGION),
                    aws_access_key_id=self.access_key,
                    aws_secret_access_key=self.secret_key,
                    config=_CONFIG,
                )
            return self._clients[service]

    def send(self, service: str, target: str, body: bytes, content_type: str) -> Any:
        """One signed request whose body boto3 would not write: its answer, with status and content.

        Args:
            service: as it signs.
            target: X-Amz-Target.
            body: as it goes out.
            content_type: of the body.
        """
        request = AWSRequest(
            "POST",
            self.url + "/",
            headers={"X-Amz-Target": target, "Content-Type": content_type},
            data=body,
        )
        keys = Credentials(self.access_key, self.secret_key)
        SigV4Auth(keys, service, os.environ.get("AWS_REGION", REGION)).add_auth(request)
        return URLLib3Session(timeout=15).send(request.prepare())

    def now(self) -> float:
        """The endpoint's time, epoch seconds; this machine's where it has no control of it."""
        if self.has_controls:
            return int(self._control("GET", "clock")["now_us"]) / 1e6
        return self.clock.now()

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once.

        Raises:
            Unsupported: the endpoint has no control of its clock.
        """
        if not self.has_controls:
            raise Unsupported("needs a clock that can be advanced")
        self._control("POST", "clock", {"advance_seconds": seconds})

    def settings(self) -> dict[str, Any]:
        """The settings in force; empty where there are none to see."""
        return self._control("GET", "settings") if self.has_controls else {}

    def change_settings(self, wish: dict[str, Any]) -> None:
        """Change settings; nothing on an endpoint without them."""
        if self.has_controls:
            self._control("PUT", "settings", wish)

    @property
    def has_controls(self) -> bool:
        """True when it answers `/_harness/clock`."""
        if self._has_controls is None:
            try:
                self._has_controls = "now_us" in self._control("GET", "clock")
            except (HTTPError, URLError, OSError, ValueError):
                self._has_controls = False
        return self._has_controls

    def _control(self, method: str, name: str, body: object = None) -> dict[str, Any]:
        request = Request(
            f"{self.url}/_harness/{name}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"x-harness-key": self.secret_key, "content-type": "application/json"},
            method=method,
        )
        with _direct.open(request, timeout=CONTROL_SECONDS_MAX) as answer:
            told = json.load(answer)
        return told if isinstance(told, dict) else {}

"""The emulated AWS as a process: `python -m harness.backends.aws_process --port 0`.

Prints one JSON line, `{"ready": true, "url": …}`, once it answers. Ends on SIGTERM or SIGINT, and
with `--until-stdin-closes` when its parent is gone. Everything is in memory: nothing stays behind.

Bound to another address than this machine's own, it takes signatures of one key pair alone, which
the line then holds. Exit codes: 0 ended as asked; 2 wrong usage; 4 could not start, with one line on
stderr.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import os
import secrets
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from harness.backends.server_process import wait_for_parent
from harness.clock import WallClock
from harness.errors import HarnessError, UsageError
from harness.faults.live import LiveGate
from harness.gateway.aws import Aws
from harness.gateway.signature import KeyRing
from harness.web.server import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.dynamodb.relay import Delivery

SECRET_VARIABLE = "AWS_SECRET_ACCESS_KEY"
KEY_VARIABLE = "AWS_ACCESS_KEY_ID"
ACCESS_KEY_LENGTH = 20
GATE_HELP = "JSON of a gate: a second port, whose requests meet faults; see harness/faults/live.py"
SETTINGS_HELP = """JSON of the form that GET /_harness/settings shows, in part"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to end; returns the exit code."""
    options = _parse(arguments)
    clock = WallClock(seed=options.seed)
    try:
        # Events are stamped by a clock that nobody steps: they are merged with those of others.
        gate = LiveGate(options.gate, "aws", WallClock()) if options.gate else None
        pair = _key_pair(options, gate.host if gate else "")
        aws = Aws(
            clock,
            keys=KeyRing(dict([pair])) if pair else None,
            control_secret=pair[1] if pair else "",
        )
        if options.settings:
            aws.apply(aws.settings.changed(_object_in(options.settings)))

        gate_urls: list[str] = []
        if gate is not None:
            aws.region().deliveries.append(_teller(gate))

        def ready(url: str) -> None:
            line = {"ready": True, "url": url}
            if gate_urls:
                line["gate_url"] = gate_urls[0]
            if pair:
                line |= {"access_key": pair[0], "secret_key": pair[1]}
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
            if options.preload:
                threading.Thread(target=aws.long_tail.preload, daemon=True).start()

        def until(end: Callable[[], None]) -> None:
            if options.until_stdin_closes:
                threading.Thread(target=wait_for_parent, args=(end,), daemon=True).start()

        serve(
            aws.app,
            ready=ready,
            host=options.host,
            port=options.port,
            clock=clock,
            certificate=options.certificate,
            key=options.key,
            until=until,
            gate=(gate.middleware, gate.port, gate_urls.append) if gate else None,
            gate_host=gate.host if gate else "",
        )
    except HarnessError as error:
        sys.stderr.write(f"aws: {error}\n")
        return error.exit_code
    return 0


def _teller(gate: LiveGate) -> Callable[[Delivery], None]:
    """Writes each delivery of a relay, and at its first one the change itself, to the events."""

    def tell(delivery: Delivery) -> None:
        change = delivery.change
        kind = "REMOVE" if change.event == "REMOVE" else "PUT"
        members = {"number": delivery.number, "key": change.keys, "kind": kind}
        if delivery.copy == 0:
            gate.add("change", {**members, "time_us": change.time_us})
        gate.add(
            "delivery",
            {
                **members,
                "copy": delivery.copy,
                "outcome": delivery.outcome,
                "shard": delivery.shard,
                "sequence_number": delivery.sequence_number,
                **({"expired_us": change.time_us} if change.by_service else {}),
            },
        )

    return tell


def _key_pair(options: argparse.Namespace, gate_host: str) -> tuple[str, str] | None:
    """The only key pair let in; None lets in every well-formed signature."""
    hosts = [options.host, *([gate_host] if gate_host else [])]
    if not options.verify_signatures and all(map(_is_loopback, hosts)):
        return None
    known = os.environ.get(KEY_VARIABLE), os.environ.get(SECRET_VARIABLE)
    if known[0] and known[1]:
        return known[0], known[1]
    # Not from the seed: who knows the scenario must not know the key.
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    access_key = "AK" + "".join(secrets.choice(letters) for _ in range(ACCESS_KEY_LENGTH - 2))
    return access_key, secrets.token_urlsafe(30)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _object_in(text: str) -> dict[str, object]:
    try:
        settings = json.loads(text)
    except ValueError as error:
        raise UsageError(f"--settings is not JSON: {error}") from None
    if not isinstance(settings, dict):
        raise UsageError("--settings is not a JSON object")
    return settings


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="aws_process", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to bind")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=0, help="all chance is drawn from it")
    parser.add_argument("--settings", default="", help=SETTINGS_HELP)
    parser.add_argument("--gate", default="", help=GATE_HELP)
    parser.add_argument("--certificate", type=Path, help="PEM file: serve TLS with it")
    parser.add_argument("--key", type=Path, help="PEM file of the private key, when it is another")
    parser.add_argument(
        "--verify-signatures",
        action="store_true",
        help=f"take one key pair alone: ${KEY_VARIABLE} and ${SECRET_VARIABLE}, or a random one; "
        "always so when bound to another address than this machine's own",
    )
    parser.add_argument(
        "--preload", action="store_true", help="load the long tail of services once ready"
    )
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="end when the parent has gone"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # A request that moto is still answering in its thread is not worth waiting for.
    os._exit(code)

"""`harness up`: who reaches the servers, and with what."""

from __future__ import annotations

import re
import signal
import socket
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from harness.backends.aws_clients import AwsClients
from harness.backends.clickhouse_url import query
from harness.backends.endpoints import AwsAccess
from harness.errors import BackendError
from tests.cli.command import start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def served(folder: Path, *options: str) -> Iterator[dict[str, str]]:
    """The variables that `harness up` prints, while it serves."""
    process = start(folder, "up", "--aws-port", "0", "--clickhouse-port", "0", *options)
    assert process.stdout is not None
    told: dict[str, str] = {}
    try:
        while "CLICKHOUSE_URL" not in told:
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            name, _, value = line.removeprefix("export ").strip().partition("=")
            told[name] = value.strip("'")
        yield told
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def access(told: dict[str, str]) -> AwsAccess:
    keys = (told["AWS_ACCESS_KEY_ID"], told["AWS_SECRET_ACCESS_KEY"])
    return AwsAccess(told["AWS_ENDPOINT_URL"], *keys, told["AWS_REGION"])


def other_address() -> str:
    """An address of this machine that is not its loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


def answers(host: str, url: str) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((host, urlsplit(url).port or 0)) == 0


def test_servers_listen_on_loopback_unless_told(tmp_path: Path) -> None:
    with served(tmp_path) as told:
        for name in ("AWS_ENDPOINT_URL", "CLICKHOUSE_URL"):
            assert answers("127.0.0.1", told[name])
            assert not answers(other_address(), told[name])


def test_beyond_loopback_only_this_runs_key_and_password_get_in(tmp_path: Path) -> None:
    with served(tmp_path, "--host", "0.0.0.0") as told:
        aws, address = access(told), other_address()
        here = f"http://{address}:{urlsplit(aws.endpoint_url).port}"
        aws = replace(aws, endpoint_url=here)
        assert AwsClients(aws)["dynamodb"].list_tables()["TableNames"] == []
        for secret, key in (("wrong", aws.access_key), (aws.secret_key, "AKIAIOSFODNN7EXAMPLE")):
            stranger = AwsClients(replace(aws, secret_key=secret, access_key=key))
            with pytest.raises(ClientError, match=r"InvalidSignature|UnrecognizedClient"):
                stranger["dynamodb"].list_tables()
            with pytest.raises(ClientError, match=r"SignatureDoesNotMatch|InvalidAccessKeyId"):
                stranger["s3"].list_buckets()

        parts = urlsplit(told["CLICKHOUSE_URL"])
        there = parts._replace(netloc=f"default:{parts.password}@{address}:{parts.port}")
        assert query(there.geturl(), "SELECT 1") == "1\n"
        for login in ("default:wrong", "default:"):
            wrong = parts._replace(netloc=f"{login}@{address}:{parts.port}")
            with pytest.raises(BackendError, match=r"refuses: Code: (516|194)"):
                query(wrong.geturl(), "SELECT 1")


def test_keys_and_passwords_are_new_each_time(tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        with served(tmp_path, "--host", "0.0.0.0") as told:
            seen.append((told["AWS_SECRET_ACCESS_KEY"], urlsplit(told["CLICKHOUSE_URL"]).password))
    assert seen[0][0] != seen[1][0]
    assert seen[0][1] != seen[1][1]
    assert all(re.fullmatch(r"\S{16,}", secret or "") for pair in seen for secret in pair)

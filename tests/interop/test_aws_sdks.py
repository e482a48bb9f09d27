"""The AWS SDKs for JavaScript and Go, unmodified: tables, export, destination, streams, fan-out, S3.

Both programs do the same and compare every item that they read with a scan of the table: 60 items
put and exported; then, after a split, 30 updated, 10 deleted and 2 put.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from harness.backends.embedded_aws import EmbeddedAws

RUN_SECONDS_MAX = 150

CHANGES = {
    "records": 102,
    "INSERT": 62,
    "MODIFY": 30,
    "REMOVE": 10,
    "items": 52,
    "sum": 26346,
    "closed": 1,
}
SEEN = {
    "exported": {"items": 60, "sum": 1770},
    "refused": "ConditionalCheckFailedException",
    "queried": {"items": 10, "sum": 5145},
    "object": 3_000_000,
    "records": CHANGES,
    "fanOut": CHANGES,
    "stream": CHANGES,
}


@pytest.mark.slow
@pytest.mark.interop("node")
def test_the_sdk_for_javascript_sees_every_change(node: Path, aws: EmbeddedAws) -> None:
    assert told_by(["node", "--no-warnings", str(node / "aws.mjs"), aws.endpoint]) == SEEN


@pytest.mark.slow
@pytest.mark.interop("go")
def test_the_sdk_for_go_sees_every_change(go: Path, aws: EmbeddedAws) -> None:
    assert told_by([str(go / "bin" / "aws"), aws.endpoint]) == SEEN


def told_by(command: list[str]) -> object:
    """The JSON that a program prints."""
    said = subprocess.run(
        command, capture_output=True, text=True, timeout=RUN_SECONDS_MAX, check=False
    )
    assert said.returncode == 0, said.stderr[-3000:]
    return json.loads(said.stdout)

"""ClickHouse's clients for JavaScript and Go, unmodified, on the embedded engine's HTTP interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.backends.embedded_clickhouse import EmbeddedClickHouse
from tests.interop.test_aws_sdks import told_by

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEEN = {
    "count": 450,
    "sum": 112_500,
    "price": "5625",
    "rows": [
        ["näme 7", ["a", "b"], 1735689600123, None],
        ["näme 11", ["a", "b"], 1735689600123, None],
    ],
    "refused": "60",
}
"""A table of 1,000 rows, put twice, of which the second time marks every tenth as deleted."""


@pytest.fixture
def clickhouse() -> Iterator[EmbeddedClickHouse]:
    with EmbeddedClickHouse(password="secret", database="shop") as clickhouse:
        yield clickhouse


@pytest.mark.slow
@pytest.mark.interop("node")
def test_clickhouse_client_for_javascript(node: Path, clickhouse: EmbeddedClickHouse) -> None:
    command = ["node", "--no-warnings", str(node / "clickhouse.mjs"), clickhouse.url]
    assert told_by(command) == SEEN
    assert clickhouse.command("SELECT count() FROM orders") == "2000\n"


@pytest.mark.slow
@pytest.mark.interop("go")
def test_clickhouse_go(go: Path, clickhouse: EmbeddedClickHouse) -> None:
    assert told_by([str(go / "bin" / "clickhouse"), clickhouse.url]) == SEEN
    assert clickhouse.command("SELECT count() FROM orders") == "2000\n"

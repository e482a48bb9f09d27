"""What a bench tells: the JSON that others read, the table, the document and the exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness.bench import machine, show
from harness.bench.result import Measured
from harness.bench.rows import Row
from tests.cli.command import harness

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.bench.contenders import Contender

SCAN = Row("scan", "items/s", "boto3")
ROWS = [
    Measured(SCAN, 24_153.4, {"one": 19_140.2, "two": None}, {"two": "HTTP 400 <Unknown>|`x`"}),
    Measured(Row("get_item", "items/s", "boto3"), 90.0, {"one": 100.0, "two": 1.234567}),
]
MACHINE: dict[str, Any] = {
    "cpu": "Some CPU",
    "cores": 2,
    "memory_gb": 8.0,
    "system": "Linux 6",
    "python": "3.11.7",
    "boto3": "1.40.0",
    "date": "2026-11-21",
    "load_average": 1.5,
    "versions": {"embedded": "0.1.0", "one": ""},
}


def test_a_row_is_published_with_the_names_that_others_read() -> None:
    assert ROWS[0].as_json() == {
        "name": "scan",
        "unit": "items/s",
        "ours": 24150.0,
        "peers": {"one": 19140.0, "two": None},
        "best_peer": "one",
        "ratio": 1.262,
        "bar": 1.0,
        "client": "boto3",
        "passed": True,
        "reasons": {"two": "HTTP 400 <Unknown>|`x`"},
    }


def test_the_command_prints_one_object_and_its_exit_code_is_the_rows_verdict(
    tmp_path: Path, make: Callable[..., Contender]
) -> None:
    with make("peer").start() as peer:
        ended = harness(
            tmp_path, "bench", "aws", "--quick", "--json", "--seconds", "0.1",
            "--row", "get_item", "--row", "cold_start", "--peer", peer.url,
            "--doc", "figures.md",
        )  # fmt: skip
        name = peer.url.partition("://")[2]

    told = json.loads(ended.out)
    assert list(told) == ["machine", "rows"]
    assert {"cpu", "cores", "memory_gb", "system", "python", "date", "versions"} <= set(
        told["machine"]
    )
    assert [row["name"] for row in told["rows"]] == ["get_item", "cold_start"]
    get_item = told["rows"][0]
    assert get_item["peers"][name] > 0
    assert get_item["best_peer"] == name
    assert told["rows"][1]["peers"] == {name: None}
    assert ended.code == (0 if all(row["passed"] for row in told["rows"]) else 1)
    assert "get_item" in ended.err
    assert "| get_item | items/s |" in (tmp_path / "figures.md").read_text(encoding="utf-8")


def test_growth_takes_neither_peers_nor_rows(tmp_path: Path) -> None:
    ended = harness(tmp_path, "bench", "aws", "--growth", "--row", "scan")

    assert ended.code == 2
    assert ended.err.startswith("error: --growth looks at the embedded endpoint alone")


def test_the_document_names_machine_versions_reasons_and_what_is_below() -> None:
    text = show.markdown(ROWS, ["one", "two"], MACHINE, "harness bench aws")

    assert "`harness bench aws` on 2026-11-21; 2 cores of Some CPU, 8.0 GB, Linux 6" in text
    assert "Endpoints: embedded 0.1.0, one (unknown version)." in text
    assert "| scan | items/s | 24,153 | 19,140 | – | 1.26 | 1.0 |" in text
    assert "| get_item | items/s | 90 | 100 | 1.23 | 0.90 | 1.0 |" in text
    assert "- two, scan: HTTP 400 (Unknown)/'x'" in text
    assert text.endswith("Below the bar: get_item.\n")
    assert "Endpoints" not in show.markdown(ROWS, [], {**MACHINE, "versions": {}}, "harness bench")


def test_a_section_replaces_its_own_kind_and_leaves_the_others(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"

    show.write_section(document, "AWS endpoint", "old")
    show.write_section(document, "Growth", "stays")
    show.write_section(document, "AWS endpoint", "new")
    again = document.read_text(encoding="utf-8")
    show.write_section(document, "AWS endpoint", "new")

    assert again == document.read_text(encoding="utf-8")
    assert again.startswith("# Benchmarks\n")
    assert again.endswith("\n## AWS endpoint\n\nnew\n\n## Growth\n\nstays\n")
    assert "old" not in again


def test_the_machine_is_described() -> None:
    told = machine.describe({"embedded": "1"})

    assert told["cores"] >= 1
    assert told["memory_gb"] > 0
    assert told["cpu"]
    assert told["versions"] == {"embedded": "1"}

"""What a run keeps of its keys' ends: those that differ always, the rest as far as there is room."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

from harness.checks import (  # noqa: F401 - importing registers each check
    final_state,
    lost_update,
)
from harness.checks.check import judge
from harness.checks.evidence import Column, Evidence, RawRow, Write
from harness.run.kept import kept_keys, write_keys

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = (
    Column("id", "Decimal(18, 2)", "id"),
    Column("total", "String", "total"),
    Column("_w", "String", "_w"),
    Column("_n", "UInt64", "_n"),
)


def evidence(count: int, *, wrong: tuple[int, ...]) -> Evidence:
    def item(n: int) -> dict[str, Any]:
        return {
            "id": {"N": str(n)},
            "total": {"S": f"t{n}"},
            "_w": {"S": f"w{n}"},
            "_n": {"N": "1"},
        }

    def row(n: int) -> dict[str, Any]:
        shown = "other" if n in wrong else f"t{n}"
        return {"id": Decimal(n).quantize(Decimal("1.00")), "total": shown, "_w": f"w{n}", "_n": 1}

    numbers = range(count)
    return Evidence(
        columns=COLUMNS,
        key_attributes=("id",),
        source=[item(n) for n in numbers],
        rows=[row(n) for n in numbers],
        writes=[Write(n, {"id": {"N": str(n)}}, "put", f"w{n}", 1, "acked") for n in numbers],
        id_column="_w",
        counter_column="_n",
        raw_rows=[RawRow((Decimal(n),), 7, False, f"w{n}", 1) for n in numbers],
    )


def test_a_small_run_keeps_every_key_with_its_rows_and_both_sides() -> None:
    found = evidence(3, wrong=(1,))
    head, *lines = kept_keys(found, judge(found))
    assert (head["keys"], head["kept"], head["differ"]) == (3, 3, 1)
    assert lines[0] == {
        "key": {"id": "1"},
        "differ": "altered",
        "what": "the last write's row has another value in total",
        "wrong": ["total"],
        "source": {"id": "1", "total": "t1", "_w": "w1", "_n": "1"},
        "found": {"id": "1.00", "total": "other", "_w": "w1", "_n": "1"},
        "rows": [{"version": 7, "deleted": False, "id": "w1", "counter": 1}],
    }
    assert [line["key"]["id"] for line in lines[1:]] == ["0", "2"]


def test_a_big_run_keeps_the_keys_that_differ_and_a_sample(tmp_path: Path) -> None:
    found = evidence(12_000, wrong=(7, 11_999))
    write_keys(tmp_path / "keys.jsonl", found, judge(found))
    head, *lines = map(orjson.loads, (tmp_path / "keys.jsonl").read_bytes().splitlines())
    assert (head["keys"], head["differ"]) == (12_000, 2)
    assert [line["key"]["id"] for line in lines[:2]] == ["7", "11999"]
    assert head["kept"] == len(lines)
    assert 100 <= len(lines) <= 110

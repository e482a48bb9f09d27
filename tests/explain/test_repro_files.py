"""`harness explain FILE`: a repro is played, and the steps that it needs are found by leaving out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from harness.explain.necessity import trials
from harness.fuzz.failure import failure_of
from harness.fuzz.repro import read_repro
from harness.fuzz.script import play
from harness.run.step_world import Bench
from tests.cli.command import harness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = """
version = 1
pipeline = "{pipeline}"
steps = [
  {{ do = "write", what = "w000001", put = {{ id = "k3" }} }},
  {{ do = "write", what = "w000002", delete = {{ id = "k3" }} }},
  {{ do = "write", what = "w000003", put = {{ id = "bystander" }} }},
  {{ do = "deliver", what = "w000002" }},
]
[expect]
check = "no_resurrection"
shape = "extra"
key = {{ id = "k3" }}
[scenario]
name = "told"
description = "a delete that overtakes its put"
item.id = {{ sequence = "k{{n}}" }}
workload.changes = 3
snapshot.export = false
[scenario.table]
table_name = "things"
key_schema = [{{ attribute_name = "id", key_type = "HASH" }}]
attribute_definitions = [{{ attribute_name = "id", attribute_type = "S" }}]
[scenario.target]
table = "things"
columns.id = "String"
"""


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as found:
        yield found


def test_what_a_failure_needs_is_found_by_leaving_it_out(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "repro.toml"
    file.write_text(FILE.format(pipeline="redelivery-unstable-version"))
    script = read_repro(file).script
    failure = failure_of(play(bench, script).result)
    assert failure is not None
    found = trials(bench, script, failure)
    assert [(t.words, t.is_necessary) for t in found] == [
        ("the put of k3", True),
        ("the delete of k3", True),
        ("the put of bystander", False),
        ("the delivery of w000002 ahead of w000001", True),
    ]


def test_a_repro_file_is_explained_with_the_steps_that_it_needs(tmp_path: Path) -> None:
    (tmp_path / "repro.toml").write_text(FILE.format(pipeline="redelivery-unstable-version"))
    shown = harness(tmp_path, "explain", "repro.toml", "--json")
    assert shown.code == 0, shown.err
    told = orjson.loads(shown.out)
    assert told["key"] == {"id": "k3"}
    assert told["necessary"] == ["the delivery of w000002 ahead of w000001"]
    assert told["sentence"].endswith(
        "it does not happen without the delivery of w000002 ahead of w000001."
    )
    assert [m["lane"] for m in told["moments"] if m.get("write") == "w000001"][:2] == [
        "write", "stream",
    ]  # fmt: skip


def test_a_repro_that_passes_now_says_so(tmp_path: Path) -> None:
    (tmp_path / "repro.toml").write_text(FILE.format(pipeline="clickpipes"))
    shown = harness(tmp_path, "explain", "repro.toml", "--key", "k3")
    assert shown.code == 0, shown.err
    assert "k3 ended as DynamoDB has it" in shown.out
    assert "no_resurrection does not fail any more" in shown.out


def test_a_mistake_in_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    text = FILE.format(pipeline="clickpipes").replace('do = "deliver"', 'do = "delver"')
    (tmp_path / "repro.toml").write_text(text)
    shown = harness(tmp_path, "explain", "repro.toml")
    assert shown.code == 2
    assert "repro.toml: line 8: expected a kind of step, found 'delver'" in shown.err
    assert "Traceback" not in shown.err

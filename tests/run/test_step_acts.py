"""Acts on a target that is not what the checks read: the table behind a view of the scenario's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.pipelines.pipeline import NoOpPipeline
from harness.run.step_actions import Action, RecordedChooser
from harness.run.step_world import Bench
from harness.run.stepped import run_stepped
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCENARIO = """
name = "history"
description = "an append-only history behind a view"

[table]
table_name = "users"
key_schema = [{ attribute_name = "id", key_type = "HASH" }]
attribute_definitions = [{ attribute_name = "id", attribute_type = "S" }]

[item]
id = { sequence = "u-{n}" }
name = "first_name"

[snapshot]
export = false

[workload]
items = 0
changes = 2

[target]
table = "history"
deleted = { absent = true }
ddl = ['''
  CREATE TABLE history (
    id String, body String, at UInt64, kind Enum8('PUT' = 1), day Date ALIAS toDate(at)
  ) ENGINE = MergeTree ORDER BY (id, at)
''']
view = '''
  SELECT id, argMax(body, at) AS name, '' AS _w, toUInt64(0) AS _n FROM history GROUP BY id
'''

[target.columns]
id = "String"
name = "String"

[stepped]
alters_max = 2
"""


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as made:
        yield made


def test_columns_are_altered_of_the_table_and_not_of_the_view_over_it(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "history.toml").write_text(SCENARIO)
    scenario = load_scenario(str(tmp_path / "history.toml"))
    steps = [Action("alter-column"), Action("add-column")]
    result = run_stepped(
        bench, scenario, RecordedChooser(steps), make=lambda _config: NoOpPipeline()
    )
    assert result.counts["alters"] == 2
    assert [step["do"] for step in result.trace[:2]] == ["alter-column", "add-column"]

"""Tables over many examples: what an example finds does not tell that there were others before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.run.step_actions import Action, RecordedChooser
from harness.run.step_world import Bench
from harness.run.stepped import run_stepped
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.pipelines.pipeline import Environment

OWN = "CREATE TABLE IF NOT EXISTS own (a UInt8) ENGINE = MergeTree ORDER BY a"
HOW_MANY = "SELECT count() FROM own"


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as made:
        yield made


class _Asks:
    """Sends statements to ClickHouse and keeps what comes back."""

    def __init__(self, *statements: str) -> None:
        self.statements = statements
        self.answers: list[str] = []

    def run(self, env: Environment) -> None:
        for statement in self.statements:
            answer = env.http.request("POST", "http://clickhouse/", body=statement)
            text = answer.data.decode().strip()
            self.answers.append(text if answer.status == 200 else text.split("(")[-2][:-2])
        while env.pause(1.0):
            pass


def asked(bench: Bench, *statements: str) -> list[str]:
    """What a pipeline is answered in an example of its own."""
    overrides = ["workload.items=0", "workload.changes=1", "snapshot.export=false"]
    told = load_scenario("hot-key", overrides=overrides)
    pipeline = _Asks(*statements)
    run_stepped(bench, told, RecordedChooser([Action("start")]), make=lambda _: pipeline)
    assert len(pipeline.answers) == len(statements)
    return pipeline.answers


def test_what_a_pipeline_has_made_is_gone_in_the_next_example(bench: Bench) -> None:
    made = "CREATE TABLE own (a UInt8) ENGINE = MergeTree ORDER BY a"
    for _ in range(3):
        assert asked(bench, "EXISTS TABLE own", made, "INSERT INTO own VALUES (1)", HOW_MANY) == [
            "0",
            "",
            "",
            "1",
        ]


def test_the_target_is_empty_and_as_the_scenario_makes_it(bench: Bench) -> None:
    fresh = ["0", asked(bench, "SHOW CREATE TABLE counters")[0]]
    looks = ("SELECT count() FROM counters", "SHOW CREATE TABLE counters")
    for change in (
        "INSERT INTO counters (id) VALUES ('k')",
        "ALTER TABLE counters ADD COLUMN more UInt8",
        "DROP TABLE counters",
        "RENAME TABLE counters TO others",
        "CREATE VIEW shown AS SELECT * FROM counters",
        "CREATE MATERIALIZED VIEW kept ENGINE = Memory AS SELECT id FROM counters",
    ):
        assert asked(bench, *looks, change) == [*fresh, ""]
    assert asked(bench, *looks) == fresh


def test_what_is_missing_is_made_however_often_it_was_there_before(bench: Bench) -> None:
    for gone in ("DROP TABLE own", "RENAME TABLE own TO older", "EXCHANGE TABLES own AND second"):
        second = "CREATE TABLE IF NOT EXISTS second (b UInt8) ENGINE = MergeTree ORDER BY b"
        answers = asked(bench, OWN, OWN, second, second, gone, OWN, "SELECT a FROM own", second)
        unknown = ["UNKNOWN_IDENTIFIER"] if gone.startswith("EXCHANGE") else [""]
        assert answers == ["", "", "", "", "", "", *unknown, ""]


def test_what_is_there_is_not_emptied_by_being_made_again(bench: Bench) -> None:
    again = asked(bench, OWN, "INSERT INTO own VALUES (1)", OWN, HOW_MANY)
    assert again == ["", "", "", "1"]

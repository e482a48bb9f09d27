"""docs/guide-recipe.md, row by row: each point is shown by a run, each repair by another."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.backends.embedded_aws import EmbeddedAws
from harness.clock import WallClock
from harness.errors import UsageError
from harness.pipelines.guide.guide import Guide
from harness.pipelines.guide.statements import REPAIRS
from harness.pipelines.reference.clickhouse import ClickHouseError
from harness.run.progress import Silent
from harness.run.result import COMPANIONS
from harness.run.runner import Options, run_scenario
from harness.run.step_world import Bench
from harness.run.stepped import run_stepped
from harness.scenario.load import load_scenario
from tests.pipelines.conftest import Running, Servers, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guide-recipe.md").read_text(encoding="utf-8")
LINK = re.compile(r"\[([a-z0-9-]+)\]\(\.\./scenarios/[a-z0-9-]+\.toml\)")


def table_after(heading: str) -> list[list[str]]:
    part = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def links(text: str) -> list[str]:
    return LINK.findall(text)


RIGHT = [links(row[1])[0] for row in table_after("What it gets right")]
ON_WALL_TIME = {"guide-ties"}
"""Real milliseconds hold several writes."""

WRONG = [(links(row[1])[0], row[2], links(row[4])[0]) for row in table_after("Where it differs")]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as made:
        yield made


@pytest.mark.parametrize("name", RIGHT)
def test_what_the_recipe_gets_right_passes_as_it_stands(bench: Bench, name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.pipeline.name == "guide"
    assert not scenario.pipeline.settings
    result = run_stepped(bench, scenario)
    assert result.outcome == "passed", (result.reason, result.failing)
    assert result.failing == []


@pytest.mark.parametrize(("name", "checks", "repaired"), WRONG, ids=lambda value: str(value)[:30])
def test_each_difference_shows_and_its_repair_removes_it(
    bench: Bench, tmp_path: Path, name: str, checks: str, repaired: str
) -> None:
    if name in ON_WALL_TIME:
        live = run_scenario(load_scenario(name), Options(runs=tmp_path), Silent())
        outcome, reason, verdicts = live.outcome, live.reason, live.checks
    else:
        broken = run_stepped(bench, load_scenario(name))
        outcome, reason, verdicts = broken.outcome, broken.reason, broken.verdicts
    failing = {verdict.name for verdict in verdicts if verdict.verdict == "fail"}
    assert outcome == "passed", (reason, failing)
    told = set(re.findall(r"`(\w+)`", checks))
    assert told <= failing
    assert failing <= told | COMPANIONS
    whole = run_stepped(bench, load_scenario(repaired))
    assert whole.outcome == "passed", (whole.reason, whole.failing)
    assert whole.failing == []


@pytest.mark.parametrize(("name", "repaired"), [(row[0], row[2]) for row in WRONG])
def test_a_repair_changes_one_thing(name: str, repaired: str) -> None:
    before, after = load_scenario(name), load_scenario(repaired)
    assert before.expect
    assert not after.expect
    ours = {"name", "description", "guards", "expect", "seed"}
    one, other = before.model_dump(exclude=ours), after.model_dump(exclude=ours)
    changed = [part for part in one if one[part] != other[part]]
    repairs = after.pipeline.settings.get("repairs", [])
    if repairs == ["deletes"]:
        # The scenario has to say how a deleted row looks, too.
        assert changed == ["target", "pipeline"]
        return
    assert len(changed) == 1
    assert len(repairs) <= 1
    assert not before.pipeline.settings
    assert len(differing(one[changed[0]], other[changed[0]])) == 1


def differing(one: Any, other: Any) -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            name
            for key in one | other
            for name in (differing(one.get(key), other.get(key)) and [key]) or []
        ]
    return [] if one == other else ["value"]


def test_every_scenario_of_the_guide_is_on_the_page() -> None:
    files = {path.stem for path in (ROOT / "scenarios").glob("guide-*.toml")}
    assert files == {*RIGHT, *(n for n, _, _ in WRONG), *(n for _, _, n in WRONG), "guide-recipe"}


def test_every_repair_is_on_the_page_and_others_are_refused(servers: Servers) -> None:
    assert [name for name in REPAIRS if f"`{name}`" not in PAGE] == []
    table = Table(servers, {"id": "String"}, {"id": "S"})
    with pytest.raises(UsageError, match=r"settings\.repairs: 'delete' is none"):
        Guide(table.config(settings={"repairs": ["delete"]}))


def test_in_the_guides_order_the_view_is_refused(servers: Servers) -> None:
    for name in ("snapshot", "snapshot_mv"):
        servers.sql.command(f"DROP TABLE IF EXISTS {name}")
    refused: list[int] = []

    class Told(Guide):
        def create(self, clickhouse: Any, statements: Any) -> None:
            clickhouse.run(statements.snapshot_table())
            try:
                clickhouse.run(statements.snapshot_view())
            except ClickHouseError as error:
                refused.append(error.code)
            super().create(clickhouse, statements)

    table = Table(servers, {"id": "String"}, {"id": "S"})
    table.enable_stream()
    table.put({"id": {"S": "a"}})
    with table.running(Told):
        table.wait_for_rows([("a",)])
    assert refused == [60]


@pytest.mark.parametrize(("repairs", "shown"), [([], 1), (["snapshot-version"], 2)])
def test_a_second_export_repairs_lost_changes_only_with_a_version(
    servers: Servers, repairs: list[str], shown: int
) -> None:
    for name in ("snapshot", "snapshot_mv"):
        servers.sql.command(f"DROP TABLE IF EXISTS {name}")
    # A clock of its own, which may be moved.
    with EmbeddedAws() as aws:
        world = Servers(aws, servers.clickhouse, WallClock())
        table = Table(world, {"id": "String", "x": "Int8"}, {"id": "S"}, name=f"lost_{shown}")
        table.enable_stream()
        table.put({"id": {"S": "a"}, "x": {"N": "1"}})
        settings = {"repairs": repairs}
        with table.running(Guide, settings=settings):
            table.wait_for_rows([("a", 1)])
        stop_streaming(world, table)
        table.put({"id": {"S": "a"}, "x": {"N": "2"}})
        aws.advance(600)
        url, time = table.export(), world.clock.now() + 600
        servers.sql.command("DROP TABLE IF EXISTS snapshot_mv")
        env = world.environment(target=table.name, export=url, export_time=iso(time))
        with Running(Guide(table.config(settings=settings)), env):
            servers.clock.wait_until(
                lambda: servers.sql.query("SELECT count() FROM snapshot").result_rows == [(1,)],
                timeout_seconds=20,
                what="the snapshot",
            )
        assert table.rows() == [("a", shown)]
        for client in (world.s3, world.dynamodb, world.kinesis, world.sql):
            client.close()


def stop_streaming(world: Servers, table: Table) -> None:
    """What is written from now on reaches no stream."""
    found = world.dynamodb.describe_kinesis_streaming_destination(TableName=table.name)
    arn = found["KinesisDataStreamDestinations"][0]["StreamArn"]
    world.dynamodb.disable_kinesis_streaming_destination(TableName=table.name, StreamArn=arn)

    def is_off() -> bool:
        found = world.dynamodb.describe_kinesis_streaming_destination(TableName=table.name)
        return bool(found["KinesisDataStreamDestinations"][0]["DestinationStatus"] == "DISABLED")

    world.clock.wait_until(is_off, timeout_seconds=20, what="the stream to be off")


def iso(epoch: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(epoch, UTC).isoformat()

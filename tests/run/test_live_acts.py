"""Each act of the operator, alone: what it does to live servers and to a pipeline that runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from harness.errors import BackendError, ScenarioError
from harness.faults.acts import acts
from harness.pipelines.pipeline import VARIABLES
from tests.run.live_stage import EXPIRED, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.run.child import Child


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("stage")) as made:
        yield made


def pid(stage: Stage) -> int:
    return pid_of(stage.child)


def pid_of(child: Child) -> int:
    assert child._process is not None
    return child._process.pid


def is_stopped(number: int) -> bool:
    """The kernel says that the process stands still."""
    return Path(f"/proc/{number}/stat").read_text(encoding="ascii").rpartition(")")[2][1] == "T"


def records(stage: Stage) -> list[dict[str, Any]]:
    """All that lies in the stream's open shards, and is JSON."""
    found = []
    for shard in stage.open_shards():
        ask = {"StreamName": stage.source.stream, "ShardId": shard}
        start = stage.kinesis.get_shard_iterator(**ask, ShardIteratorType="TRIM_HORIZON")
        page = stage.kinesis.get_records(ShardIterator=start["ShardIterator"])
        found += [orjson.loads(r["Data"]) for r in page["Records"] if r["Data"][:1] == b"{"]
    return found


def stamp_of(stage: Stage, name: str) -> int:
    keyed = [r["dynamodb"] for r in records(stage) if r["dynamodb"]["Keys"]["id"]["S"] == name]
    return int(keyed[-1]["ApproximateCreationDateTime"])


def test_kill_ends_the_process_and_starts_another(stage: Stage) -> None:
    before, told = pid(stage), len(stage.states())
    assert stage.do("kill") == {"act": "kill"}
    assert stage.states()[told:] == ["killed", "started"]
    assert pid(stage) != before
    assert not Path(f"/proc/{before}").exists()
    stage.shows(stage.put())


def test_start_starts_what_is_down(stage: Stage) -> None:
    stage.do("kill", start=False)
    told = len(stage.states())
    assert stage.child.exit_code() is None
    name = stage.put()
    stage.do("start")
    assert stage.states()[told:] == ["started"]
    stage.shows(name)


def test_restart_tells_it_to_end_first(stage: Stage) -> None:
    stage.shows(stage.put())
    told = len(stage.states())
    stage.do("restart")
    assert stage.states()[told:] == ["stopped", "started"]
    stage.shows(stage.put())


def test_pause_stops_it_where_it_stands(stage: Stage) -> None:
    stage.do("pause")
    stage.until(lambda: is_stopped(pid(stage)), "a process that stands still")
    stage.do("resume")


def test_resume_lets_it_go_on_as_the_same_process(stage: Stage) -> None:
    before = pid(stage)
    stage.do("pause")
    name = stage.put()
    stage.do("resume")
    stage.shows(name)
    assert pid(stage) == before


def test_second_instance_runs_beside_the_first(stage: Stage) -> None:
    told = len(stage.states())
    stage.do("second-instance")
    first, second = stage.hands.children
    try:
        assert stage.states()[told:] == ["started"]
        assert second.incarnation == first.incarnation + 1
        assert pid_of(first) != pid_of(second)
        assert (first.exit_code(), second.exit_code()) == (None, None)
        stage.shows(stage.put())
    finally:
        stage.hands.children.pop().kill()
        # It may have given way to the other.
        stage.do("kill")


def test_catch_up_waits_until_everything_is_read_and_stored(stage: Stage) -> None:
    names = [stage.put() for _ in range(20)]
    assert stage.do("catch-up") == {"act": "catch-up", "caught_up": True}
    assert [stage.rows(name) for name in names] == [1] * 20
    stage.do("pause")
    stage.put()
    assert stage.do("catch-up", seconds=0.5)["caught_up"] is False
    stage.do("resume")


def test_lose_checkpoints_makes_it_read_everything_again(stage: Stage) -> None:
    name = stage.put()
    stage.shows(name)
    told = stage.do("lose-checkpoints")
    assert told["tables"] == ["sessions_clickpipes_checkpoint"]
    stage.enters_again(name)


def test_save_checkpoints_copies_them_and_leaves_them(stage: Stage) -> None:
    stage.shows(stage.put())
    told = stage.do("save-checkpoints")
    assert told["tables"] == ["sessions_clickpipes_checkpoint"]
    saved = stage.target.rows("SELECT count() FROM sessions_clickpipes_checkpoint_before")
    assert 0 < saved[0][0] <= stage.checkpoints()


def test_roll_back_checkpoints_makes_it_read_again_what_came_since(stage: Stage) -> None:
    stage.do("save-checkpoints")
    name = stage.put()
    stage.shows(name)
    stage.do("roll-back-checkpoints")
    stage.enters_again(name)


def test_roll_back_checkpoints_needs_something_saved(tmp_path: Path, stage: Stage) -> None:
    from harness.run.operator_checkpoints import Checkpoints

    with pytest.raises(ScenarioError, match="nothing was saved"):
        Checkpoints(stage.target, tmp_path).restore()


def test_split_makes_two_shards_of_one(stage: Stage) -> None:
    before = stage.open_shards()
    told = stage.do("split")
    assert told["parents"] == before[:1]
    assert set(stage.open_shards()) == {*before[1:], *told["children"]}
    assert len(told["children"]) == 2
    stage.shows(stage.put())


def test_merge_makes_one_shard_of_two(stage: Stage) -> None:
    if len(stage.open_shards()) == 1:
        with pytest.raises(BackendError, match="the stream has one open shard"):
            stage.do("merge")
        stage.do("split")
    before = stage.open_shards()
    told = stage.do("merge")
    assert len(told["parents"]) == 2
    assert len(told["children"]) == 1
    assert set(stage.open_shards()) == set(before) - set(told["parents"]) | set(told["children"])
    stage.shows(stage.put())


def test_update_shard_count_scales_the_stream(stage: Stage) -> None:
    wanted = 2 * len(stage.open_shards())
    assert stage.do("update-shard-count", count=wanted)["act"] == "reshard"
    assert len(stage.open_shards()) == wanted
    stage.shows(stage.put())


def test_second_export_is_given_to_the_next_start(stage: Stage) -> None:
    stage.put()
    told = stage.do("second-export")
    held = len(list(stage.source.scan()))
    assert (told["act"], told["items"]) == ("export", held)
    location = stage.source.export_location(told["export_arn"])
    environment = Path(f"/proc/{pid(stage)}/environ").read_bytes().split(b"\0")
    assert f"{VARIABLES['export']}={location}".encode() in environment


def test_incremental_export_is_written_beside_the_full_one(stage: Stage) -> None:
    # AWS exports no period that is shorter than a quarter of an hour.
    stage.do("clock-step", seconds=1000.0)
    arn = stage.do("incremental-export")["export_arn"]
    assert stage.source.wait_for_export(arn) >= 0
    found = stage.dynamodb.describe_export(ExportArn=arn)["ExportDescription"]
    assert (found["ExportType"], found["ExportStatus"]) == ("INCREMENTAL_EXPORT", "COMPLETED")


def test_truncate_target_empties_it_for_good(stage: Stage) -> None:
    before = stage.put()
    stage.shows(before)
    assert stage.do("truncate-target") == {"act": "truncate"}
    stage.shows(stage.put())
    assert stage.rows(before) == 0


def test_add_column_adds_one_that_the_pipeline_does_not_know(stage: Stage) -> None:
    stage.do("add-column", column="colour", type="Nullable(UInt8)")
    assert ("colour", "Nullable(UInt8)") in stage.target.described()
    stage.shows(stage.put())


def test_drop_column_takes_one_away(stage: Stage) -> None:
    stage.do("add-column", column="shape")
    assert stage.do("drop-column", column="shape") == {"act": "alter-column", "column": "shape"}
    assert "shape" not in dict(stage.target.described())


def test_change_type_writes_a_text_for_a_number(stage: Stage) -> None:
    stage.put()
    told = stage.do("change-type", attribute="expires", text="soon")
    found = stage.dynamodb.get_item(TableName=stage.source.table, Key=told["key"])["Item"]
    assert found["expires"] == {"S": "soon"}
    name = told["key"]["id"]["S"]
    stage.until(lambda: stage.errors(name) > 0, "a record that was set aside")
    with pytest.raises(ScenarioError, match="no attribute 'expired'"):
        stage.do("change-type", attribute="expired")


def test_recreate_table_leaves_another_table_and_no_item(stage: Stage) -> None:
    stage.put()
    described = stage.dynamodb.describe_table(TableName=stage.source.table)["Table"]
    stage.do("recreate-table")
    again = stage.dynamodb.describe_table(TableName=stage.source.table)["Table"]
    assert again["TableId"] != described["TableId"]
    assert list(stage.source.scan()) == []
    assert stage.source.destination() == "ACTIVE"
    stage.shows(stage.put())


def test_destination_off_and_what_is_written_reaches_no_stream(stage: Stage) -> None:
    stage.do("destination-off")
    assert stage.source.destination() == "DISABLED"
    name = stage.put()
    stage.do("destination-on")
    stage.shows(stage.put())
    assert stage.rows(name) == 0


def test_destination_on_carries_what_is_written_from_then_on(stage: Stage) -> None:
    stage.do("destination-off")
    stage.do("destination-on")
    assert stage.source.destination() == "ACTIVE"
    stage.shows(stage.put())


def test_change_precision_gives_the_stamps_another_unit(stage: Stage) -> None:
    stage.do("destination-off")
    stage.do("destination-on")
    fine = stage.put()
    stage.do("change-precision", precision="MILLISECOND")
    coarse = stage.put()
    assert stage.source.destination() == "ACTIVE"
    assert 900 < stamp_of(stage, fine) / stamp_of(stage, coarse) < 1100
    stage.shows(coarse)


def test_enable_time_to_live_deletes_all_that_has_expired_in_its_own_name(stage: Stage) -> None:
    # It can be enabled once an hour, and once for a table.
    stage.do("recreate-table")
    names = [stage.put(expires=EXPIRED) for _ in range(12)]
    kept = stage.put()
    assert stage.do("enable-time-to-live")["attribute"] == "expires"
    stage.until(lambda: len(list(stage.source.scan())) == 1, "a table of one item")
    gone = [r for r in records(stage) if r["eventName"] == "REMOVE" and "userIdentity" in r]
    assert {r["dynamodb"]["Keys"]["id"]["S"] for r in gone} >= set(names)
    assert gone[-1]["userIdentity"]["principalId"] == "dynamodb.amazonaws.com"
    stage.shows(kept)


def test_foreign_records_are_set_aside_by_the_reference(stage: Stage) -> None:
    assert stage.do("foreign-records", count=2, data="from elsewhere")["count"] == 2
    stage.until(lambda: stage.errors("from elsewhere") == 2, "two records that were set aside")
    stage.shows(stage.put())


def test_clock_step_moves_the_clock_of_aws_both_ways(stage: Stage) -> None:
    stage.do("recreate-table")
    first = stamp_of(stage, stage.put())
    stage.do("clock-step", seconds=50.0)
    ahead = stamp_of(stage, stage.put())
    assert 50_000_000 <= ahead - first < 70_000_000
    stage.do("clock-step", seconds=-50.0)
    # The stamps of a table never go back: they stand still.
    assert [stamp_of(stage, stage.put()) for _ in range(2)] == [ahead, ahead]


def test_restart_clickhouse_brings_it_back_with_its_data(stage: Stage) -> None:
    name = stage.put()
    stage.shows(name)
    before = stage.world.stats().delivered
    stage.do("restart-clickhouse")
    assert int(stage.target.rows("SELECT uptime()")[0][0]) < 5
    assert stage.rows(name) >= 1
    stage.shows(stage.put())
    assert stage.world.stats().delivered == before + 1


def test_drop_connections_cuts_what_the_pipeline_has_open(stage: Stage) -> None:
    stage.shows(stage.put())
    assert stage.do("drop-connections")["connections"] > 0
    stage.shows(stage.put())


def test_every_act_has_a_test_of_its_own() -> None:
    tests = [name for name in globals() if name.startswith("test_")]
    without = [
        act.name
        for act in acts
        if not any(test.startswith(f"test_{act.name.replace('-', '_')}_") for test in tests)
    ]
    assert without == []

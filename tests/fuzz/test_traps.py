"""A trap waits for its moment, does its one thing, and lets nothing else go wrong."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from harness.clock import VirtualClock
from harness.faults.fault import known_faults
from harness.fuzz.failure import Failure
from harness.fuzz.fed import written_table
from harness.fuzz.ground import allowed_faults, ground
from harness.fuzz.repro import Repro, text_of
from harness.fuzz.script import Script
from harness.fuzz.search import Search
from harness.fuzz.story import story
from harness.fuzz.trapper import Trapper
from harness.fuzz.traps import FAR_BEHIND, PLAIN, TRAPS, Trap, is_allowed, opened, row_of
from harness.fuzz.written import Written
from harness.run.step_actions import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.run.step_world import Bench

IDLE, EAGER = 0.1, 6.0
CALM = Action("calm", weight=0.0)
KILL = Action("kill", "clickhouse INSERT orders", "before")
INSERT = Action("release", "clickhouse INSERT orders #0", "ok", EAGER)
REFUSED = Action("release", "clickhouse INSERT orders #0", "error-before")
POSITION = Action("release", "dynamodb PutItem positions #0", "ok", EAGER)
READ = Action("release", "kinesis GetRecords shardId-000000000000 #0", "ok", EAGER)
POLL = Action("release", "kinesis GetRecords shardId-000000000000 #1", "ok", IDLE)


class First:
    """Takes the first of what is offered, and keeps all of it."""

    def __init__(self) -> None:
        self.offered: list[Sequence[Action]] = []

    def choose(self, enabled: Sequence[Action]) -> Action:
        self.offered.append(enabled)
        return enabled[0]


def trap(name: str) -> Trap:
    return next(one for one in TRAPS if one.name == name)


def trapper(one: Trap, *, ends: bool = True) -> Trapper:
    inner: Any = First()
    made = Trapper(inner, VirtualClock(seed=1).random, one, "orders", is_first=True)
    made._ends = ends
    return made


def test_the_kill_comes_when_rows_of_the_stream_are_held_and_then_the_example_ends() -> None:
    chooser = trapper(trap("killed before an insert"))
    assert chooser.choose([READ, KILL, CALM]) == READ
    assert chooser.choose([INSERT, KILL, CALM]) == KILL
    assert chooser.choose([Action("start"), CALM]) == CALM


def test_rows_of_the_export_come_before_any_read_and_have_a_trap_of_their_own() -> None:
    assert trapper(trap("killed before an insert")).choose([INSERT, KILL, CALM]) == INSERT
    assert trapper(trap("killed while loading")).choose([INSERT, KILL, CALM]) == KILL


def test_a_restart_begins_before_the_first_read_again() -> None:
    chooser = trapper(trap("killed before an insert"))
    chooser.choose([READ, CALM])
    chooser.choose([Action("start"), CALM])
    assert chooser.choose([INSERT, KILL, CALM]) == INSERT


def test_a_fault_and_the_kill_after_it_meet_the_same_request() -> None:
    chooser = trapper(trap("an insert fails, then killed"))
    other = Action("release", "clickhouse INSERT positions #0", "error-before")
    chooser.choose([READ, CALM])
    assert chooser.choose([other, INSERT, REFUSED, KILL, CALM]) == REFUSED
    assert chooser.choose([INSERT, KILL, CALM]) == KILL


def test_a_checkpoint_is_whatever_stores_and_is_not_the_target() -> None:
    after = Action("kill", "dynamodb PutItem positions", "after")
    chooser = trapper(trap("killed at a checkpoint"))
    assert chooser.choose([INSERT, KILL, CALM]) == INSERT
    assert chooser.choose([POSITION, after, CALM]) == after


def test_an_idle_poll_waits_until_nothing_else_is_left() -> None:
    chooser = trapper(PLAIN, ends=False)
    assert chooser.choose([POLL, Action("write", "w000001"), CALM]).do == "write"
    assert chooser.choose([POLL, CALM]) == POLL


def test_nothing_comes_twice_where_something_is_to_be_lost() -> None:
    copy, once = Action("deliver", "w000001", "copy"), Action("deliver", "w000001")
    assert trapper(trap("told to end after a read")).choose([copy, once, CALM]) == once
    assert trapper(PLAIN, ends=False).choose([copy, once, CALM]) == copy


def test_copies_come_after_all_the_rest() -> None:
    chooser = trapper(trap("copies come late"), ends=False)
    again, fresh = Action("deliver", "w000001", "again"), Action("deliver", "w000002")
    assert chooser.choose([again, fresh, POLL, CALM]) == fresh
    assert chooser.choose([again, POLL, CALM]) == again


def test_an_insert_waits_until_a_later_one_was_answered_and_the_program_has_read_on() -> None:
    later = Action("release", "clickhouse INSERT orders #1", "ok", EAGER)
    advance = Action("advance")
    chooser = trapper(trap("an insert overtakes another, then killed"))
    chooser.choose([READ, CALM])
    assert chooser.choose([INSERT, POLL, CALM]) == POLL
    assert chooser.choose([INSERT, advance, CALM]) == advance
    assert chooser.choose([INSERT, later, KILL, CALM]) == later
    assert chooser.choose([INSERT, advance, KILL, CALM]) == advance
    assert chooser.choose([INSERT, POLL, KILL, CALM]) == POLL
    assert chooser.choose([INSERT, KILL, CALM]) == KILL


def test_one_insert_is_stored_and_the_kill_comes_before_another() -> None:
    later = Action("release", "clickhouse INSERT orders #1", "ok", EAGER)
    chooser = trapper(trap("killed before another insert"))
    chooser.choose([READ, CALM])
    assert chooser.choose([INSERT, KILL, CALM]) == INSERT
    assert chooser.choose([READ, KILL, CALM]) == READ
    assert chooser.choose([later, KILL, CALM]) == KILL


def test_an_insert_that_no_later_one_joins_is_answered() -> None:
    chooser = trapper(trap("an insert overtakes another, then killed"))
    chooser.choose([READ, CALM])
    taken = [chooser.choose([Action("advance"), INSERT, CALM]) for _ in range(20)]
    offered: Any = chooser.inner
    assert {a.do for a in taken} == {"advance"}
    assert INSERT not in offered.offered[1]
    assert INSERT in offered.offered[-1]


@pytest.mark.parametrize(
    ("ddl", "table"),
    [
        (["CREATE TABLE orders (id String) ENGINE = MergeTree ORDER BY id"], "orders"),
        (
            [
                "CREATE TABLE orders (id String) ENGINE = MergeTree ORDER BY id",
                "CREATE MATERIALIZED VIEW v TO `default`.orders AS SELECT id FROM raw.`changes`",
            ],
            "changes",
        ),
        (["create materialized view orders engine = MergeTree as select 1 from raw"], "raw"),
        (["CREATE MATERIALIZED VIEW v TO others AS SELECT id FROM orders"], "orders"),
    ],
)
def test_rows_for_a_target_behind_a_view_are_sent_to_the_views_source(
    ddl: list[str], table: str
) -> None:
    scenario = ground()
    target = scenario.target.model_copy(update={"table": "orders", "ddl": ddl})
    assert written_table(scenario.model_copy(update={"target": target})) == table


def test_what_the_parents_hold_is_read_last_after_a_split() -> None:
    chooser = trapper(trap("resharded while unread"), ends=False)
    split = Action("split", "shardId-000000000000")
    child = Action("release", "kinesis GetRecords shardId-000000000001 #0", "ok", EAGER)
    assert chooser.choose([READ, split, CALM]) == split
    stored = Action("release", "clickhouse INSERT orders #1", "ok", EAGER)
    assert chooser.choose([READ, child, CALM]) == child
    assert chooser.choose([READ, Action("advance"), CALM]).do == "advance"
    assert chooser.choose([READ, stored, CALM]) == stored
    assert chooser.choose([READ, CALM]) == READ


def test_an_old_shard_lags_where_a_program_asks_for_nothing_else() -> None:
    chooser = trapper(trap("resharded while unread, and old shards lag"), ends=False)
    split = Action("split", "shardId-000000000000")
    empty = Action("release", "kinesis GetRecords shardId-000000000000 #0", "empty-page")
    child = Action("release", "kinesis GetRecords shardId-000000000001 #0", "ok", EAGER)
    assert chooser.choose([READ, empty, split, CALM]) == split
    assert chooser.choose([READ, empty, CALM]) == empty
    assert chooser.choose([READ, empty, child, CALM]) == child
    stored = Action("release", "clickhouse INSERT orders #1", "ok", EAGER)
    assert chooser.choose([READ, empty, stored, CALM]) == stored
    assert chooser.choose([READ, empty, CALM]) == READ


def test_each_way_has_its_turn() -> None:
    ways = [
        Action("release", "kinesis GetRecords shardId-000000000000 #0", how)
        for how in ("throttle", "expired-iterator", "empty-page")
    ]
    tried: Counter[tuple[str, str]] = Counter()
    met = set()
    for seed in range(3):
        inner: Any = First()
        random = VirtualClock(seed=seed).random
        chooser = Trapper(inner, random, trap("a read fails"), "orders", True, tried)
        met.add(chooser.choose([READ, *ways, CALM]))
    assert met == set(ways)


def test_what_a_scenario_is_about_has_every_other_turn() -> None:
    base = ground(overrides=("stepped.kills_max=0", "stepped.reshards_max=2"))
    names = [one.name for one in row_of(base)]
    assert all("resharded" in name for name in names[::2])
    assert not any("resharded" in name for name in names[1::2])
    assert [one.name for one in row_of(ground())] == [one.name for one in TRAPS]


OUTAGE, START = Action("outage", weight=3.0), Action("start", weight=3.0)


def writes(*names: str) -> list[Action]:
    return [Action("write", name, weight=4.0) for name in names]


def test_an_outage_comes_after_changes_that_nobody_has_read() -> None:
    chooser = trapper(FAR_BEHIND[0])
    for number in range(2):
        (write,) = writes(f"w{number}")
        assert chooser.choose([write, READ, CALM]) == write
    # The other changes are kept back until rows are stored and the pipeline is down.
    left = writes("w2", "w3", "w4", "w5", "w6")
    assert chooser.choose([left[0], READ, CALM]) == READ
    assert chooser.choose([left[0], INSERT, KILL, CALM]) == INSERT
    assert chooser.choose([left[0], START, KILL, CALM]) == KILL
    for write in left[:4]:
        assert chooser.choose([START, OUTAGE, write, CALM]) == write
    assert chooser.choose([START, OUTAGE, left[4], CALM]) == OUTAGE
    assert chooser.choose([left[4], START, CALM]) == START


def test_an_outage_comes_although_no_changes_are_left() -> None:
    chooser = trapper(FAR_BEHIND[0])
    chooser.choose([READ, CALM])
    chooser.choose([INSERT, KILL, CALM])
    assert chooser.choose([START, KILL, CALM]) == KILL
    assert chooser.choose([START, OUTAGE, CALM]) == OUTAGE


def test_an_example_of_a_pipeline_that_hangs_can_end() -> None:
    assert trapper(FAR_BEHIND[0]).choose([CALM]) == CALM


@pytest.mark.parametrize("scenario", ["outage", "destination-gap"])
def test_what_a_second_export_must_repair_is_found_within_20_examples(
    bench: Bench, scenario: str
) -> None:
    mutant = "stale-epoch-checkpoint"
    search = Search(bench, [ground(scenario, mutant)], mutant, 1)
    assert any(one.failure for one in search.examples(20))


def test_nothing_else_goes_wrong() -> None:
    chooser = trapper(trap("a second export"), ends=False)
    chooser.choose([READ, REFUSED, KILL, Action("stop"), Action("start", how="second"), CALM])
    inner: Any = chooser.inner
    assert inner.offered == [[READ]]


def test_a_moment_that_does_not_come_is_not_waited_for() -> None:
    chooser = trapper(trap("killed before an insert"))
    for _ in range(5):
        chooser.choose([POLL, KILL, CALM])
    inner: Any = chooser.inner
    assert CALM in inner.offered[-1]


@pytest.mark.parametrize("one", TRAPS, ids=lambda one: one.name)
def test_every_trap_asks_for_what_there_is(one: Trap) -> None:
    base = ground()
    faults = {name for move in one.moves if "release" in move.do for name in move.hows} - {"ok"}
    assert faults <= set(allowed_faults(base)) <= set(known_faults().names())
    wide = opened(one, base).stepped
    exports = base.snapshot.export
    for name, least in one.needs:
        assert getattr(wide, name) >= least or (name == "exports_max" and not exports)


def test_where_nobody_may_be_killed_nothing_is_read_again() -> None:
    base = ground(overrides=("stepped.kills_max=0",))
    allowed = {one.name for one in TRAPS if is_allowed(one, base)}
    assert "an insert fails" in allowed
    assert not allowed & {
        "killed before an insert",
        "told to end after a read",
        "a second instance",
    }


def test_a_repro_says_in_words_what_happens() -> None:
    key = {"id": {"S": "o-1"}}
    steps = (
        Action("write", "w000001"),
        Action("deliver", "w000001", "copy"),
        Action("release", "clickhouse INSERT orders #0", "lost-answer"),
        KILL,
    )
    exported = Written(0, "put", {"id": {"S": "o-0"}}, image={"id": {"S": "o-0"}}, exported=True)
    script = Script(ground(), "p", (exported, Written(1, "put", key, image=key)), steps)
    assert story(script) == [
        "the export holds o-0",
        "o-1: put (w000001)",
        "the put of o-1 (w000001) reaches the stream, and will come again",
        "INSERT orders meets lost-answer",
        "the pipeline is killed while INSERT orders waits, which has no effect",
    ]
    text = text_of(Repro(script, Failure("no_lost_update", "", {}, "lost")), name="a.toml")
    assert "# 5. the pipeline is killed while INSERT orders waits, which has no effect\n" in text

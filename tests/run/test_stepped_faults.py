"""Each fault at the one request that matters most: the INSERT of rows, or the page with records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.run.step_actions import Action, RecordedChooser
from harness.run.step_world import Bench
from harness.run.stepped import run_stepped
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.scenario.model import Scenario

INSERT = "clickhouse INSERT counters #0"
PAGE = "kinesis GetRecords shardId-000000000000 #0"


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench() as made:
        yield made


def scenario(*more: str) -> Scenario:
    overrides = (
        "workload.items=0",
        "snapshot.export=false",
        "workload.mix.insert=1",
        "workload.changes=4",
        "stream.shard_count=1",
        "stepped.reshards_max=0",
        "faults.breaks_promises=true",
        'stepped.faults=["error-before","error-after","lost-answer","cut-mid-body","throttle",'
        '"latency","hang","server-restart","empty-page","expired-iterator","stale-page",'
        '"duplicated-page","too-many-parts","memory-limit","partial-insert"]',
        *more,
    )
    return load_scenario("hot-key", overrides=overrides)


def writes_then(*more: Action) -> RecordedChooser:
    steps = [Action("write", f"w{n:06d}") for n in range(4)]
    steps += [Action("deliver", f"w{n:06d}") for n in range(4)]
    return RecordedChooser([*steps, Action("start"), *more], strict=False)


@pytest.mark.parametrize(
    ("fault", "saw", "stored_twice"),
    [
        ("error-before", "500", False),
        ("error-after", "500", True),
        ("lost-answer", "cut", True),
        ("cut-mid-body", "cut", True),
        ("throttle", "500", False),
        ("too-many-parts", "500", False),
        ("memory-limit", "500", False),
        ("partial-insert", "500", False),
        ("hang", "cut", False),
        ("server-restart", "cut", False),
        ("latency", "200", False),
    ],
)
def test_the_reference_survives_every_fault_of_an_insert(
    bench: Bench, fault: str, saw: str, *, stored_twice: bool
) -> None:
    chooser = writes_then(Action("release", INSERT, fault))
    result = run_stepped(bench, scenario(), chooser)
    assert chooser.left_out == []
    step = next(s for s in result.trace if s.get("what") == INSERT)
    assert (step["how"], step["saw"]) == (fault, saw)
    assert result.outcome == "passed", result.reason
    assert result.sightings["fault"] == 1 + 2 * (fault == "server-restart")
    assert result.sightings.get("ambiguous-insert", 0) == int(stored_twice)
    assert result.sightings.get("partial-insert", 0) == int(fault == "partial-insert")


@pytest.mark.parametrize(
    ("fault", "saw"),
    [
        ("empty-page", "200"),
        ("expired-iterator", "400"),
        ("throttle", "400"),
        ("lost-answer", "cut"),
        ("cut-mid-body", "cut"),
        ("duplicated-page", "200 with 8 records"),
    ],
)
def test_the_reference_survives_every_fault_of_a_page(bench: Bench, fault: str, saw: str) -> None:
    chooser = writes_then(Action("release", PAGE, fault))
    result = run_stepped(bench, scenario(), chooser)
    assert chooser.left_out == []
    step = next(s for s in result.trace if s.get("what") == PAGE)
    assert (step["how"], step["saw"]) == (fault, saw)
    assert result.outcome == "passed", result.reason


@pytest.mark.parametrize(
    ("how", "sighting"),
    [("after", "kill-between-insert-and-checkpoint"), ("in-flight", "kill-with-insert-in-flight")],
)
def test_a_kill_at_an_insert_loses_nothing(bench: Bench, how: str, sighting: str) -> None:
    requests = [
        Action("release", PAGE, "ok"),
        Action("advance"),
        Action("kill", how=how),
    ]
    chooser = writes_then(*requests)
    result = run_stepped(bench, scenario(), chooser)
    assert [s["do"] for s in result.trace].count("kill") == 1, result.trace
    assert result.outcome == "passed", result.reason
    assert result.sightings[sighting] == 1


def test_a_duplicate_and_an_overtaking_delivery_are_sighted(bench: Bench) -> None:
    told = scenario().model_copy()
    steps = [Action("write", f"w{n:06d}") for n in range(4)]
    steps += [
        Action("deliver", "w000001", "copy"),
        Action("deliver", "w000000"),
        Action("deliver", "w000001", "again"),
    ]
    result = run_stepped(bench, told, RecordedChooser(steps))
    assert result.sightings["redelivered-change"] == 1
    assert result.outcome == "passed"


class Patient:
    """Writes all, delivers the first, then lets the pipeline poll an empty stream."""

    def __init__(self, polls: int) -> None:
        self.polls = polls

    def choose(self, enabled: Sequence[Action]) -> Action | None:
        for wanted in ("write", "deliver", "start", "release", "advance"):
            for action in enabled:
                if action.do != wanted or action.how not in ("", "ok"):
                    continue
                if wanted == "deliver" and action.what != "w000000":
                    continue
                self.polls -= wanted == "release"
                return action if self.polls else None
        return None


@pytest.mark.parametrize("breaks_promises", [False, True])
def test_equal_stamps_of_one_key_come_within_two_seconds_of_each_other(
    bench: Bench, *, breaks_promises: bool
) -> None:
    told = scenario(
        "stream.approximate_creation_date_time_precision=MILLISECOND",
        f"faults.breaks_promises={str(breaks_promises).lower()}",
        "stepped.faults=[]",
    )
    result = run_stepped(bench, told, Patient(polls=30))
    assert result.sightings["version-tie-ms"]
    at = [event["at"] / 1e6 for event in result.events if event["event"] == "delivery"]
    apart = at[1] - at[0]
    # Where promises are broken it waits for as long as the chooser lets it.
    assert apart > 2.5 if breaks_promises else 2 <= apart < 2.5
    assert at[3] == at[1]

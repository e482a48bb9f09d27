"""The life of a key, from a history: what is odd in it is seen, what is not is not claimed."""

from __future__ import annotations

from harness.explain.life import Moment
from harness.explain.lives import life_of
from harness.explain.material import End
from tests.explain.story import Story

KEY = ("a",)


def shown(moments: list[Moment]) -> list[tuple[str, str, str]]:
    return [(m.lane, m.text, m.tag) for m in moments]


def test_a_life_goes_from_the_write_to_final() -> None:
    story = Story()
    story.start()
    change = story.write("a")
    story.write("another")
    number = story.deliver("a", change)
    story.read(number, number + 2)
    story.insert(3)
    story.add("settled", how="equal", seconds=1.0)
    row = {"version": 7, "deleted": False, "id": "w000000", "counter": 1}
    end = End(source={"_w": "w000000"}, found={"_w": "w000000"}, rows=(row,))
    life, _ = life_of(story.material({KEY: end}), KEY)
    assert shown(life.moments) == [
        ("pipeline", "the pipeline started", ""),
        ("write", "put w000000", ""),
        ("stream", "w000000 into shard 0", ""),
        ("pipeline", "GetRecords hands out w000000", ""),
        ("pipeline", "INSERT #0 of 3 rows", ""),
        ("rows", "row of w000000", ""),
        ("final", "FINAL shows w000000", ""),
    ]
    assert life.moments[3].detail == "incarnation 1, and 2 others"


def test_disorder_on_the_stream_is_named() -> None:
    story = Story()
    first, second = story.write("a"), story.write("a")
    story.deliver("a", second)
    story.deliver("a", first)
    story.deliver("a", second, copy=1)
    story.deliver("a", first, copy=1)
    life, _ = life_of(story.material(), KEY)
    assert [m.tag for m in life.moments if m.lane == "stream"] == [
        "", "overtakes", "again", "late-again",
    ]  # fmt: skip


def test_two_writes_of_one_millisecond_are_a_tie() -> None:
    story = Story()
    story.write("a")
    story.write("a", after_us=3)
    story.write("a", after_us=5000)
    life, _ = life_of(story.material(), KEY)
    assert [m.tag for m in life.moments if m.lane == "write"] == ["", "tie", ""]


def test_a_record_that_no_page_held_was_never_read() -> None:
    story = Story()
    one, two = story.write("a"), story.write("a")
    number = story.deliver("a", one)
    story.deliver("a", two)
    story.read(number, number)
    life, _ = life_of(story.material(), KEY)
    assert ("pipeline", "w000001 was never read", "unread") in shown(life.moments)
    assert [change.readings for change in life.changes] == [1, 0]


def test_a_page_before_the_delivery_cannot_have_held_it() -> None:
    story = Story()
    story.read(0, 1000)
    story.deliver("a", story.write("a"))
    life, _ = life_of(story.material(), KEY)
    assert life.changes[0].readings == 0


def test_a_second_reading_after_a_kill_is_seen_with_the_kill() -> None:
    story = Story()
    story.start(1)
    number = story.deliver("a", story.write("a"))
    story.read(number, number)
    story.insert(1, fault="lost-answer", status=0)
    story.kill(1)
    story.start(2)
    story.read(number, number)
    life, _ = life_of(story.material(), KEY)
    assert [(m.text, m.tag) for m in life.moments if m.lane == "pipeline"] == [
        ("the pipeline started", ""),
        ("GetRecords hands out w000000", ""),
        ("fault lost-answer", "wrong"),
        ("INSERT #0 of 1 rows", "wrong"),
        ("the pipeline killed", "wrong"),
        ("the pipeline started", ""),
        ("GetRecords hands out w000000", "again"),
    ]


def test_a_write_that_the_stream_never_carried_is_seen() -> None:
    story = Story()
    story.write("another")
    story.write("a", phase="before")
    story.add(
        "write", number=9, kind="update", phase="after", key={"id": {"S": "a"}}, id="w000009",
        counter=2, started_us=story.at_us, outcome="acked", error="",
    )  # fmt: skip
    life, _ = life_of(story.material(), KEY)
    assert ("stream", "w000009 has no stream record", "undelivered") in shown(life.moments)


def test_a_refused_write_changes_nothing() -> None:
    story = Story()
    story.add(
        "write", number=0, kind="put", phase="after", key={"id": {"S": "a"}}, id="w000000",
        counter=1, started_us=story.at_us, outcome="refused", error="ValidationException",
    )  # fmt: skip
    life, _ = life_of(story.material(), KEY)
    assert shown(life.moments) == [("write", "put w000000 refused", "")]
    assert life.changes == []


def test_rows_that_contradict_the_order_of_writes_are_seen() -> None:
    story = Story()
    story.deliver("a", story.write("a"))
    story.deliver("a", story.write("a"))
    rows = (
        {"version": 5, "deleted": False, "id": "w000001", "counter": 2},
        {"version": 9, "deleted": False, "id": "w000000", "counter": 1},
    )
    end = End("stale", "shows an older write", ("_w",), {"_w": "w000001"}, {"_w": "w000000"}, rows)
    life, _ = life_of(story.material({KEY: end}), KEY)
    assert [(m.text, m.tag) for m in life.moments if m.lane == "rows"] == [
        ("row of w000001", ""),
        ("row of w000000", "outranked"),
    ]


def test_samples_of_final_show_what_was_seen_on_the_way_and_a_step_back() -> None:
    story = Story()
    story.write("a")
    story.write("a")
    for write in ("w000001", "w000000"):
        story.add("sample", shown=[[["a"], write], [["another"], "w000009"]], gone=[])
    story.add("sample", shown=[], gone=[["a"]])
    life, _ = life_of(story.material(), KEY)
    assert [(m.text, m.tag) for m in life.moments if m.lane == "final"] == [
        ("FINAL shows w000001", ""),
        ("FINAL shows w000000", "wrong"),
        ("FINAL shows no row any more", ""),
    ]

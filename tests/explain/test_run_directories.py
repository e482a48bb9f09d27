"""`harness explain` of a run directory, whole, damaged, unfinished or of nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from harness.errors import UsageError
from harness.explain.choose import choose_key
from harness.explain.lives import life_of
from harness.explain.material import open_run
from tests.cli.command import harness
from tests.explain.story import Story

if TYPE_CHECKING:
    from pathlib import Path

FAILED = {
    "verdict": "failed",
    "reason": "failed final_state, no_lost_update",
    "checks": [
        {"name": "final_state", "verdict": "fail", "keys": [{"key": {"id": "b"}}]},
        {"name": "no_lost_update", "verdict": "fail", "keys": [{"key": {"id": "a"}}]},
    ],
}
KEYS: list[dict[str, Any]] = [
    {
        "key": {"id": "a"}, "differ": "stale", "what": "shows an older write", "wrong": ["_w"],
        "source": {"id": "a", "_w": "w000001"}, "found": {"id": "a", "_w": "w000000"},
        "rows": [
            {"version": 5, "deleted": False, "id": "w000000", "counter": 1},
            {"version": 5, "deleted": False, "id": "w000001", "counter": 2},
        ],
    },
    {"key": {"id": "b"}, "source": None, "found": None, "rows": []},
]  # fmt: skip


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    story = Story()
    story.start()
    one, two = story.write("a"), story.write("a", after_us=10)
    story.write("b", "delete")
    first, last = story.deliver("a", one), story.deliver("a", two)
    story.read(first, last)
    story.insert(2)
    folder = tmp_path / "20260101T000000-told-1"
    story.write_to(folder, keys=KEYS, verdict=FAILED)
    return folder


def test_the_first_key_of_a_check_that_says_what_is_wrong_is_told(run_dir: Path) -> None:
    shown = harness(run_dir.parent, "explain", str(run_dir))
    assert shown.code == 0, shown.err
    assert "the life of a  in 20260101T000000-told-1" in shown.out
    assert "version-tie-arbitrary-winner" in shown.out
    assert "what usually repairs it" in shown.out
    assert "\x1b" not in shown.out


def test_json_holds_the_timeline_and_the_verdict(run_dir: Path) -> None:
    shown = orjson.loads(
        harness(run_dir.parent, "explain", str(run_dir), "--json", "--key", "a").out
    )
    assert shown["key"] == {"id": "a"}
    assert shown["fits"][0]["defect"] == "version-tie-arbitrary-winner"
    assert shown["moments"][1] == {
        "at_us": 2000, "lane": "write", "kind": "write", "text": "put w000000", "write": "w000000",
    }  # fmt: skip
    assert shown["necessary"] is None


@pytest.mark.parametrize("spelled", ["b", "id = b", '{"id": "b"}', '{"id": {"S": "b"}}'])
def test_a_key_may_be_spelled_in_several_ways(run_dir: Path, spelled: str) -> None:
    assert choose_key(open_run(run_dir), spelled) == ("b",)


def test_an_unknown_key_is_answered_with_the_nearest(run_dir: Path) -> None:
    with pytest.raises(UsageError) as caught:
        choose_key(open_run(run_dir), "bb")
    assert caught.value.message == "no key 'bb' in 20260101T000000-told-1"
    assert caught.value.hint == "did you mean: b"


def test_a_history_cut_short_is_read_as_far_as_it_goes_and_says_so(run_dir: Path) -> None:
    history = run_dir / "history.jsonl"
    history.write_bytes(history.read_bytes()[:-20])
    material = open_run(run_dir)
    life, _ = life_of(material, ("a",))
    assert any(m.text == "put w000000" for m in life.moments)
    assert material.gaps == ["1 damaged line of history.jsonl left out"]


def test_lines_that_make_no_sense_are_left_out(run_dir: Path) -> None:
    with (run_dir / "keys.jsonl").open("ab") as keys:
        keys.write(b'{"key": 7}\n[1]\nhello\n')
    with (run_dir / "history.jsonl").open("ab") as history:
        history.write(b'{"at": 1, "event": "request", "operation": "GetRecords", "records": 1, ')
        history.write(b'"service": "kinesis", "first": "abc", "last": null}\n"text"\n')
    material = open_run(run_dir)
    life, _ = life_of(material, ("a",))
    assert [change.readings for change in life.changes] == [1, 1]
    assert material.gaps == [
        "a line of keys.jsonl without a key left out",
        "a damaged line of keys.jsonl left out",
        "1 damaged line of history.jsonl left out",
    ]


def test_a_run_that_never_came_to_its_end_says_what_is_missing(run_dir: Path) -> None:
    (run_dir / "verdict.json").unlink()
    (run_dir / "keys.jsonl").unlink()
    shown = harness(run_dir.parent, "explain", str(run_dir), "--key", "a")
    assert shown.code == 0
    assert "no verdict.json: the run did not come to its end" in shown.out
    assert "Of a the run kept no end" in shown.out


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("folder", "no run directory"),
        ("history", "holds no history.jsonl"),
        ("empty", "is empty: the run ended before anything happened"),
    ],
)
def test_what_is_no_run_is_one_clear_line(run_dir: Path, spoil: str, message: str) -> None:
    folder = run_dir
    if spoil == "folder":
        folder = run_dir / "elsewhere"
    elif spoil == "history":
        (run_dir / "history.jsonl").unlink()
    else:
        (run_dir / "history.jsonl").write_bytes(b"")
    shown = harness(folder.parent, "explain", str(folder))
    assert shown.code == 2
    assert message in shown.err
    assert "hint:" in shown.err
    assert "Traceback" not in shown.err


def test_a_run_in_which_nothing_failed_asks_for_a_key(run_dir: Path) -> None:
    passed = {"verdict": "passed", "checks": []}
    (run_dir / "verdict.json").write_bytes(orjson.dumps(passed))
    story = Story()
    story.write("b")
    story.write_to(run_dir, keys=KEYS[1:], verdict=passed)
    shown = harness(run_dir.parent, "explain", str(run_dir))
    assert shown.code == 2
    assert "names a key: the run passed" in shown.err
    assert "--key 'b'" in shown.err

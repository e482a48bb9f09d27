"""Several scenarios in one command: in parts, side by side, and told to CI."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from harness.cli.jobs import shard
from harness.errors import UsageError
from tests.cli.command import harness
from tests.cli.test_bad_input import GOOD

SMALL = "\n[workload]\nitems = 20\nchanges = 40\n"


def write(folder: Path, name: str, pipeline: str = "clickpipes") -> str:
    text = GOOD.replace('name = "mine"', f'name = "{name}"', 1) + SMALL
    text += f'\n[pipeline]\nname = "{pipeline}"\n\n[settle]\nstall_seconds = 4\n'
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return f"{name}.toml"


def test_the_parts_together_are_everything_once() -> None:
    names = [f"s{number}" for number in range(10)]
    parts = [shard(names, f"{number}/4") for number in range(1, 5)]
    assert sorted(name for part in parts for name in part) == names
    assert [len(part) for part in parts] == [3, 3, 2, 2]
    assert shard(["a"], "2/2") == []


@pytest.mark.parametrize("part", ["0/4", "5/4", "1", "a/b", "1/0"])
def test_a_part_that_does_not_exist_is_refused(part: str) -> None:
    with pytest.raises(UsageError, match="--shard takes"):
        shard(["a", "b"], part)


def test_runs_side_by_side_are_told_in_order_and_to_ci(tmp_path: Path) -> None:
    files = [write(tmp_path, "one"), write(tmp_path, "two", "no-op"), write(tmp_path, "three")]
    ended = harness(
        tmp_path,
        *("run", *files, "--jobs", "2", "--json", "--junit", "out/junit.xml"),
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"),
        GITHUB_ACTIONS="true",
        GITHUB_WORKSPACE=str(tmp_path),
    )
    assert ended.code == 1, ended.err
    runs = json.loads(ended.out)["runs"]
    told = [(run["scenario"], run["verdict"]) for run in runs]
    assert told == [("one", "passed"), ("two", "failed"), ("three", "passed")]
    cases = Xml.parse(tmp_path / "out" / "junit.xml").getroot().iter("testcase")
    assert [c.get("name") for c in cases] == [
        "one with clickpipes",
        "two with no-op",
        "three with clickpipes",
    ]
    assert "### 2 of 3 scenarios passed" in (tmp_path / "summary.md").read_text()
    assert "::error file=two.toml,title=two with no-op%3A failed::" in ended.err


def test_one_part_runs_its_share_alone(tmp_path: Path) -> None:
    files = [write(tmp_path, "one"), write(tmp_path, "two")]
    ended = harness(tmp_path, "run", *files, "--shard", "2/2", "--json")
    assert (ended.code, json.loads(ended.out)["scenario"]) == (0, "two")
    ended = harness(tmp_path, "run", *files, "--shard", "3/3", "--json")
    assert (ended.code, json.loads(ended.out)) == (0, {"runs": []})


def test_a_scenario_that_cannot_run_is_one_line_with_jobs_too(tmp_path: Path) -> None:
    files = [write(tmp_path, "one"), write(tmp_path, "two", "clickpies")]
    ended = harness(tmp_path, "run", *files, "--jobs", "2")
    assert ended.code == 2
    assert "unknown pipeline 'clickpies'" in ended.err
    assert "Traceback" not in ended.err


def test_a_strangers_command_needs_permission_on_the_command_line(tmp_path: Path) -> None:
    file = write(tmp_path, "one")
    setting = 'pipeline={command=["touch", "ran"]}'
    ended = harness(tmp_path, "run", file, "--set", setting)
    assert ended.code == 2
    assert "--allow-command" in ended.err
    assert not (tmp_path / "ran").exists()
    ended = harness(tmp_path, "run", file, "--set", setting, "--allow-command")
    assert ended.code == 1
    assert (tmp_path / "ran").exists()
    assert (
        f"run it again: harness run {file} --seed 1 --set '{setting}' --allow-command" in ended.out
    )


ROLLS_BACK = """
[[operator]]
act = "save-checkpoints"
on_request = { service = "clickhouse", operation = "INSERT", subject = "mine", at = 999 }

[[operator]]
act = "roll-back-checkpoints"
phase = "settled"
"""


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_scenario_that_cannot_be_carried_out_is_one_result_and_the_others_go_on(
    tmp_path: Path, jobs: str
) -> None:
    files = [write(tmp_path, "one"), write(tmp_path, "two")]
    with (tmp_path / "one.toml").open("a", encoding="utf-8") as file:
        file.write(ROLLS_BACK)
    ended = harness(
        tmp_path, *("run", *files, "--jobs", jobs, "--json", "--junit", "out/junit.xml")
    )
    assert ended.code == 2, ended.err
    told = [(run["scenario"], run["verdict"]) for run in json.loads(ended.out)["runs"]]
    assert told == [("one", "error"), ("two", "passed")]
    assert (
        "error: one: act 'roll-back-checkpoints': nothing was saved; act 'save-checkpoints' waited "
        "for clickhouse INSERT mine #999, which never came"
    ) in ended.err
    assert "after_changes" in ended.err
    assert "Traceback" not in ended.err
    one, two = Xml.parse(tmp_path / "out" / "junit.xml").getroot().iter("testcase")
    (error,) = one.findall("error")
    assert "nothing was saved" in (error.get("message") or "")
    assert not two.findall("error")

"""Repro files: written, read, edited, put in another order, and refused with the line of the mistake."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import VirtualClock
from harness.errors import ScenarioError, UsageError
from harness.fuzz.failure import Failure, failure_of
from harness.fuzz.ground import draw, ground, grounds
from harness.fuzz.replay import replay
from harness.fuzz.repro import Repro, parse_repro, read_repro, text_of, with_pipeline, write_repro
from harness.fuzz.script import Script
from harness.fuzz.steps_toml import plain, wire
from harness.fuzz.toml import inline, lines_of_entries
from harness.fuzz.written import Written
from harness.run.own_code import require_permission
from harness.run.step_actions import Action
from harness.run.stepped import StepResult
from harness.workload.operations import Update

if TYPE_CHECKING:
    from pathlib import Path

    from harness.run.step_world import Bench
    from harness.scenario.model import Scenario

A = {"id": {"S": "a"}}
INSERT = "clickhouse INSERT things"
WRITES = (
    Written(1, "put", A, image={**A, "value": {"N": "7"}, "tags": {"SS": ["x"]}}),
    Written(
        2,
        "update",
        A,
        update=Update(
            "SET #a0 = :v0 REMOVE #a1", {"#a0": "value", "#a1": "tags"}, {":v0": {"N": "8"}}
        ),
    ),
    Written(3, "delete", A),
)
STEPS = (
    Action("write", "w000001"),
    Action("deliver", "w000001", "copy"),
    Action("write", "w000002"),
    Action("start"),
    Action("release", INSERT, "lost-answer"),
    Action("write", "w000003"),
    Action("kill", how="before"),
)
FAILURE = Failure("no_lost_update", "missing", {"id": "a"}, "no row")


def script(pipeline: str = "clickpipes") -> Script:
    scenario = ground(overrides=("snapshot.export=false",))
    return Script(scenario, pipeline, WRITES, STEPS)


def text(pipeline: str = "clickpipes") -> str:
    return text_of(Repro(script(pipeline), FAILURE), name="repro.toml")


def parsed(body: str, tmp_path: Path) -> Repro:
    path = tmp_path / "repro.toml"
    path.write_text(body, encoding="utf-8")
    return read_repro(path)


def test_a_repro_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = parsed(text(), tmp_path)
    assert found.script.steps == STEPS
    assert found.script.writes == WRITES
    assert found.script.pipeline == "clickpipes"
    assert found.expected == FAILURE
    assert found.signature == Repro(script(), FAILURE).signature
    assert found.script.scenario.target == script().scenario.target


@pytest.mark.parametrize("base", grounds("", "clickpipes"), ids=lambda base: str(base.name))
def test_a_repro_of_every_scenario_can_be_read(base: Scenario, tmp_path: Path) -> None:
    """Keys that cannot be many are enough for the few writes of an example."""
    for seed in range(5):
        made = Repro(
            Script(draw(base, VirtualClock(seed=seed).random), "clickpipes", (), ()), FAILURE
        )
        read = parsed(text_of(made, name="x.toml"), tmp_path)
        assert read.script.scenario.table == base.table
        assert read.script.scenario.target == base.target


def test_a_command_is_found_from_wherever_the_repro_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = ground(overrides=("pipeline.command=['./sync']",))
    (tmp_path / "mine" / "scenarios").mkdir(parents=True)
    (tmp_path / "mine" / "go.mod").touch()
    scenario.keep_folder(tmp_path / "mine" / "scenarios")
    path = tmp_path / "mine" / "repros" / "deep" / "repro.toml"
    write_repro(Repro(Script(scenario, "command", WRITES, STEPS), FAILURE), path)
    assert 'folder = "../../scenarios"' in path.read_text(encoding="utf-8").splitlines()
    found = read_repro(path).script.scenario
    assert found.folder.resolve() == (tmp_path / "mine" / "scenarios").resolve()
    monkeypatch.chdir(tmp_path / "mine")
    require_permission(found, allowed=False)
    # A repro from elsewhere that names my folder is from elsewhere still.
    strange = tmp_path / "download" / "repro.toml"
    strange.parent.mkdir()
    text = path.read_text(encoding="utf-8")
    strange.write_text(text.replace("../../scenarios", "../mine/scenarios"), encoding="utf-8")
    with pytest.raises(UsageError, match="download"):
        require_permission(read_repro(strange).script.scenario, allowed=False)


def test_the_steps_can_be_read_by_a_person() -> None:
    lines = [line.strip() for line in text().splitlines() if line.startswith("  {")]
    assert lines == [
        '{ do = "write", what = "w000001", put = { id = "a", value = 7, tags = { SS = ["x"] } } },',
        '{ do = "deliver", what = "w000001", how = "copy" },',
        '{ do = "write", what = "w000002", update = { id = "a" }, set = { value = 8 }, '
        'remove = ["tags"] },',
        '{ do = "start" },',
        '{ do = "release", what = "clickhouse INSERT things", how = "lost-answer" },',
        '{ do = "write", what = "w000003", delete = { id = "a" } },',
        '{ do = "kill", how = "before" },',
    ]


def test_an_edited_and_reordered_repro_is_played(bench: Bench, tmp_path: Path) -> None:
    lines = text("version-tie-arbitrary-winner").splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("  {"))
    steps = [
        '  { do = "start" },',
        '  { do = "write", what = "w9", put = { id = "b", value = 3 } },',
        lines[first],
        '  { do = "deliver", what = "w9" },',
        '  { do = "deliver", what = "w1" },',
    ]
    lines[first : first + len(STEPS)] = steps
    repro = parsed("\n".join(lines), tmp_path)
    assert [s.what for s in repro.script.steps] == ["", "w000009", "w000001", "w000009", "w000001"]
    played = replay(bench, repro)
    assert played.result.outcome == "passed"
    done = [(s["do"], s.get("what")) for s in played.result.trace[:5]]
    assert done == [
        ("start", None), ("write", "w000009"), ("write", "w000001"),
        ("deliver", "w000009"), ("deliver", "w000001"),
    ]  # fmt: skip
    assert not played.same_check


def test_another_pipeline_can_be_given_the_steps(bench: Bench, tmp_path: Path) -> None:
    repro = with_pipeline(parsed(text("no-op"), tmp_path), "clickpipes")
    assert replay(bench, repro).result.outcome == "passed"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('do = "start"', 'do = "sart"', "line 24: expected a kind of step, found 'sart'"),
        ('how = "lost-answer"', 'how = "lost"', "line 25: expected how = 'ok' or a fault, found 'lost'"),
        ('what = "w000001", how', 'what = "w8", how', "line 22: cannot deliver w000008: it is written by no step"),
        ('delete = { id = "a" }', 'delete = { key = "a" }', "line 26: expected the key attribute 'id' in delete"),
        ('delete = { id = "a" }', 'deleted = { id = "a" }', "line 26: expected a member of a step, found 'deleted'"),
        ('what = "w000003", del', 'what = "w000001", del', "line 26: w000001 is written a second time"),
        ('what = "w000003", del', 'what = "third", del', "line 26: expected what = 'w000001' or the like"),
        ("value = 8", "value = 1979-05-27", "line 23: expected text, a number, true, false or a value like"),
        ('do = "start" }', 'do = "start"', "line 24, column"),
        ("version = 1", "version = 2", "expected version = 1, found 2"),
        ('table = "things"', 'tabel = "things"', "target.table: expected this key, found none"),
        ("steps = [", "step = [", "expected a member of a repro, found 'step'"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    body = text()
    assert old in body
    with pytest.raises(ScenarioError) as caught:
        parsed(body.replace(old, new, 1), tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_step_that_cannot_be_done_is_told_with_its_line(bench: Bench, tmp_path: Path) -> None:
    body = text().replace(INSERT, "clickhouse INSERT elsewhere", 1)
    with pytest.raises(ScenarioError, match=r"line 25: cannot do 'release clickhouse INSERT else"):
        replay(bench, parsed(body, tmp_path))


def test_the_command_ends_like_a_run(tmp_path: Path) -> None:
    """1 when it fails again, 0 when it passes, 2 when the file has a mistake; a run directory stays."""
    path = tmp_path / "repro.toml"
    path.write_text(text("no-op").replace("lost-answer", "ok"), encoding="utf-8")
    body = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in body if "release" not in line and "kill" not in line]
    path.write_text("\n".join(line for line in kept if "delete =" not in line), encoding="utf-8")

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "harness.cli.app", "replay", "repro.toml", *more]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    failed = run("--json", "--times", "3")
    told = orjson.loads(failed.stdout)
    assert failed.returncode == 1, failed.stderr
    assert (told["same_check"], told["same_key"], told["same_trace"]) == (3, 3, True)
    left = {p.name for p in (tmp_path / told["run_dir"]).iterdir()}
    assert {"history.jsonl", "scenario.json", "trace.json", "verdict.json"} <= left
    assert told["replay"] == "harness replay repro.toml"
    assert run("--pipeline", "clickpipes").returncode == 0
    path.write_text("steps = 1", encoding="utf-8")
    wrong = run()
    assert wrong.returncode == 2
    assert wrong.stderr.count("\n") <= 2


VALUES: Any = st.one_of(
    st.text(max_size=8).map(lambda s: {"S": s}),
    st.integers(-(10**20), 10**20).map(lambda n: {"N": str(n)}),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(lambda d: {"N": str(d)}),
    st.booleans().map(lambda b: {"BOOL": b}),
    st.just({"NULL": True}),
    st.lists(st.text(max_size=3), min_size=1, unique=True).map(lambda v: {"SS": v}),
    st.dictionaries(st.text(max_size=3), st.just({"L": [{"B": "AAE="}]})).map(lambda m: {"M": m}),
)


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=4))
def test_every_item_comes_back_from_toml_as_it_was(item: dict[str, Any]) -> None:
    body = f"item = {inline({k: plain(v) for k, v in item.items()})}"
    found = tomllib.loads(body, parse_float=Decimal)["item"]
    assert {k: wire(v) for k, v in found.items()} == item


@given(st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=6), max_size=3), max_size=5))
def test_the_line_of_each_entry_is_found(entries: list[dict[str, str]]) -> None:
    body = (
        "a = 1 # [{\nsteps = [ # {\n" + "".join(f"  {inline(e)}, # }} ]\n" for e in entries) + "]\n"
    )
    assert lines_of_entries(body, "steps") == list(range(3, 3 + len(entries)))
    assert tomllib.loads(body)["steps"] == entries


def test_a_repro_without_lines_is_parsed_from_text(tmp_path: Path) -> None:
    assert parse_repro(text(), "x.toml", tmp_path / "x.toml").lines == tuple(range(21, 28))


def test_a_repro_says_that_the_pipeline_ends_whenever_it_is_started(tmp_path: Path) -> None:
    failure = replace(FAILURE, ended="KeyError: 'status'")
    body = text_of(Repro(script(), failure), name="repro.toml")
    assert "# whenever it is started it ends by itself: KeyError: 'status'\n" in body
    assert parsed(body, tmp_path).expected == FAILURE
    assert "ends by itself" not in text()


def test_a_pipeline_that_gave_up_did_not_fail_as_one_that_went_on() -> None:
    trace = [{"do": "calm", "saw": "ended"}]
    gave_up = StepResult(1, trace, outcome="failed", pipeline_ends=["KeyError: 'status'"])
    went_on = StepResult(1, [{"do": "calm", "saw": "stalled"}], outcome="failed")
    restarted = replace(went_on, pipeline_ends=["KeyError: 'status'"])
    first, second, third = (failure_of(one) for one in (gave_up, went_on, restarted))
    assert first is not None
    assert second is not None
    assert third is not None
    assert first.ended == "KeyError: 'status'"
    assert not first.is_same_end(second)
    assert second.is_same_end(third)

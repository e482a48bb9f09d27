"""Code that a scenario brings: where it starts, what it is given, and when it may run at all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.errors import PipelineError, ScenarioError, UsageError
from harness.run.own_code import may_run_code, project_root, require_sql_permission, sql_of
from harness.run.pipelines import is_own, require_pipeline
from harness.run.progress import Silent
from harness.run.result import Result
from harness.run.runner import Options, run_scenario
from harness.scenario.load import load_scenario

SCENARIO = """
name = "mine"
description = "one table"

[table]
table_name = "mine"
key_schema = [{ attribute_name = "id", key_type = "HASH" }]
attribute_definitions = [{ attribute_name = "id", attribute_type = "S" }]

[item]
id = { sequence = "u-{n}" }
name = "first_name"

[workload]
items = 20
changes = 20

[target]
table = "mine"

[target.columns]
id = "String"
name = "String"

[settle]
stall_seconds = 4
quiet_seconds = 0.1
"""


def write(folder: Path, pipeline: str, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    path = folder / "mine.toml"
    path.write_text(SCENARIO + "\n[pipeline]\n" + pipeline, encoding="utf-8")
    return path


def run(path: Path, runs: Path, *, allow_command: bool = True) -> Result:
    options = Options(runs=runs / "runs", allow_command=allow_command)
    return run_scenario(load_scenario(path), options, Silent())


def test_a_command_starts_in_the_scenarios_folder_with_its_variables(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'command = ["python", "show.py"]\nenv = { BUG = 1 }',
        show="import os; print(os.getcwd(), os.environ['BUG'], os.environ['HARNESS_TABLE'])",
    )
    result = run(path, tmp_path)
    assert result.pipeline == "command"
    assert result.pipeline_log == [f"{tmp_path.resolve()} 1 mine"]


def test_an_executable_beside_the_scenario_is_found(tmp_path: Path) -> None:
    program = tmp_path / "show"
    program.write_text("#!/bin/sh\necho here; echo there >&2\n", encoding="utf-8")
    path = write(tmp_path, 'name = "mine"\ncommand = ["./show"]')
    with pytest.raises(PipelineError, match="is not executable"):
        run(path, tmp_path)
    program.chmod(0o755)
    result = run(path, tmp_path)
    assert (result.pipeline, result.pipeline_log) == ("mine", ["here", "there"])


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, 'command = ["./nothing"]')
    with pytest.raises(PipelineError, match="there is no file"):
        run(path, tmp_path)


@pytest.mark.parametrize(
    "pipeline",
    ['command = ["touch", "ran"]', 'python = "ran:run"', 'lambda = { handler = "ran:run" }'],
)
def test_code_of_a_strangers_scenario_does_not_run(tmp_path: Path, pipeline: str) -> None:
    path = write(tmp_path, pipeline, ran="open('ran', 'w')")
    with pytest.raises(UsageError, match="runs code of its own") as caught:
        run(path, tmp_path, allow_command=False)
    assert "--allow-command" in caught.value.hint
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "runs").exists()


def test_a_strangers_scenario_runs_with_a_pipeline_that_ships(tmp_path: Path) -> None:
    path = write(tmp_path, 'command = ["touch", "ran"]')
    options = Options(pipeline="clickpipes", runs=tmp_path / "runs")
    assert run_scenario(load_scenario(path), options, Silent()).outcome == "passed"
    assert not (tmp_path / "ran").exists()


def test_code_runs_unasked_in_the_readers_project_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, other = tmp_path / "project", tmp_path / "downloads"
    (project / "tests" / "scenarios").mkdir(parents=True)
    other.mkdir()
    (project / "package.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(project / "tests")
    assert project_root(Path.cwd()) == project.resolve()
    assert may_run_code(project / "tests" / "scenarios")
    assert not may_run_code(other)
    (project / "link").symlink_to(other)
    assert not may_run_code(project / "link")
    monkeypatch.chdir(other)
    assert not may_run_code(other)


FUNCTION = """
import os

def run(env):
    print(env.table, env.target, os.environ["HARNESS_EXPORT"] == env.export)
"""

CLASS = """
import neighbour

class Mine:
    def __init__(self, settings):
        self.settings = settings

    def run(self, env):
        print(self.settings, neighbour.NAME)
        while env.pause(1):
            pass
        print("stopped")
"""


def test_a_function_gets_the_environment(tmp_path: Path) -> None:
    result = run(write(tmp_path, 'python = "mine:run"', mine=FUNCTION), tmp_path)
    assert result.pipeline_log == ["mine mine True"]
    assert result.pipeline == "python"


def test_a_class_gets_its_settings_and_is_asked_to_stop(tmp_path: Path) -> None:
    pipeline = 'python = "mine:Mine"\nsettings = { rows = 7 }'
    result = run(write(tmp_path, pipeline, mine=CLASS, neighbour="NAME = 'n'"), tmp_path)
    assert result.pipeline_log == ["{'rows': 7} n", "stopped"]


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("nothing:run", "there is no module nothing in"),
        ("mine:nothing", "mine has no nothing"),
        ("mine:NUMBER", "expected a class or a function, found 3"),
        ("mine:Bare", "the class has no method run(env)"),
        ("broken:run", "broken imports surely_not_installed, which is not installed"),
    ],
)
def test_what_cannot_be_loaded_is_one_line(tmp_path: Path, reference: str, said: str) -> None:
    path = write(
        tmp_path,
        f'python = "{reference}"',
        mine="NUMBER = 3\nclass Bare: pass\n",
        broken="import surely_not_installed",
    )
    result = run(path, tmp_path)
    assert result.outcome == "failed"
    assert len(result.pipeline_log) == 1
    assert said in result.pipeline_log[0]
    assert "the pipeline ended by itself with exit code 4" in result.notes


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        ('command = ["x"]\npython = "a:b"', "found command and python"),
        ("command = []", "pipeline.command"),
        ('command = ["x"]\nenv = { HARNESS_TABLE = "t" }', "which the harness sets"),
        ('lambda = { handler = "a:b", source = "dynamodb" }', "table.stream_view_type"),
        ('lambda = { handler = "a:b", maximum_record_age_in_seconds = 5 }', "at least 60"),
        (
            'lambda = { handler = "a:b", filter_criteria = { filters = [{ pattern = "[]" }] } }',
            "no JSON",
        ),
        (
            'lambda = { handler = "a:b", destination_config = { on_failure = '
            '{ destination = "arn:aws:sqs:eu-west-1:1:../../x" } } }',
            "pipeline.lambda.destination_config.on_failure.destination",
        ),
        (
            'lambda = { handler = "a:b", tumbling_window_in_seconds = 5, parallelization_factor = 2 }',
            "expected 1 beside tumbling windows",
        ),
    ],
)
def test_a_pipeline_table_that_makes_no_sense_is_refused(
    tmp_path: Path, pipeline: str, said: str
) -> None:
    with pytest.raises(ScenarioError, match=said):
        load_scenario(write(tmp_path, pipeline))


def test_the_interpreter_of_the_harness_is_python_where_none_is_active(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    path = write(tmp_path, 'command = ["python", "show.py"]', show="import sys; print(sys.prefix)")
    assert run(path, tmp_path).pipeline_log == [sys.prefix]


SQL_OF_A_STRANGER = [
    ("ddl", "ddl = ['SELECT 1']"),
    ("view", "view = 'SELECT * FROM orders'"),
    ("deleted.predicate", "deleted = { predicate = 'is_deleted = 1' }"),
    ("engine", "engine = \"MergeTree ORDER BY () AS SELECT * FROM file('x')\""),
    ("partition_by", "partition_by = \"file('x')\""),
    ("settings", "settings = { 'index_granularity = 1 --' = 1 }"),
]


@pytest.mark.parametrize(("key", "line"), SQL_OF_A_STRANGER, ids=[k for k, _ in SQL_OF_A_STRANGER])
def test_sql_of_a_strangers_scenario_does_not_run(tmp_path: Path, key: str, line: str) -> None:
    text = Path("scenarios/quickstart.toml").read_text()
    path = tmp_path / "stranger.toml"
    path.write_text(
        text.replace('table = "orders"\n\n[target', f'table = "orders"\n{line}\n\n[target')
    )
    told = load_scenario(path)
    with pytest.raises(UsageError, match=rf"\[target\] {key}\) and lies outside") as caught:
        run_scenario(told, Options(runs=tmp_path / "runs"), Silent())
    assert "--allow-command" in caught.value.hint
    require_sql_permission(told, allowed=True)


def test_a_plain_target_is_no_sql(tmp_path: Path) -> None:
    text = Path("scenarios/quickstart.toml").read_text()
    path = tmp_path / "stranger.toml"
    plain = 'engine = "ReplacingMergeTree(version, is_deleted)"\npartition_by = "toYYYYMM(day)"'
    path.write_text(
        text.replace('table = "orders"\n\n[target', f'table = "orders"\n{plain}\n\n[target')
    )
    assert sql_of(load_scenario(path)) == []


def test_a_command_put_into_a_scenario_that_ships_is_not_called_by_the_name_of_its_pipeline(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, 'name = "clickpipes"')
    put_in = load_scenario(path, overrides=["pipeline.command=['true']"])
    assert put_in.pipeline.name == "command"
    assert is_own(put_in, "command")
    assert not is_own(put_in, "clickpipes")


def test_an_unknown_pipeline_says_where_a_program_of_ones_own_is_named(tmp_path: Path) -> None:
    scenario = load_scenario(write(tmp_path, "command = ['true']"))
    with pytest.raises(UsageError, match="unknown pipeline") as caught:
        require_pipeline(scenario, "sync.py", allow_command=True)
    assert "run a scenario whose [pipeline] command it is" in caught.value.hint

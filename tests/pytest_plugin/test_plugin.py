"""The plugin in a project of somebody else: installed from the wheel, in an environment of its own."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTALL_SECONDS_MAX = 600
RUN_SECONDS_MAX = 180

SCENARIO = """
name = "{name}"
description = "one table"

[table]
table_name = "users"
key_schema = [{{ attribute_name = "id", key_type = "HASH" }}]
attribute_definitions = [{{ attribute_name = "id", attribute_type = "S" }}]

[item]
id = {{ sequence = "u-{{n}}" }}
name = "first_name"

[workload]
items = 20
changes = 60
mix = {{ insert = 1, update = 1, delete = 1 }}

[target]
table = "users"

[target.columns]
id = "String"
name = "String"

[settle]
stall_seconds = 5

[pipeline]
{pipeline}
"""

TESTS = """
import boto3
import clickhouse_connect
import pytest


def test_both_servers_answer(aws_endpoint, clickhouse_url):
    assert boto3.client("dynamodb").list_tables()["TableNames"] == []
    assert boto3.client("kinesis").meta.endpoint_url == aws_endpoint
    assert clickhouse_connect.get_client(dsn=clickhouse_url).command("SELECT 1") == 1


SEEN = []


def test_the_servers_stay(harness_world):
    SEEN.append(harness_world)


def test_and_are_the_same_in_one_process(harness_world):
    assert all(world is harness_world for world in SEEN)


@pytest.mark.scenario("quickstart", overrides=["workload.items=50", "workload.changes=100"])
def test_the_marked_scenario_runs(harness_run):
    result = harness_run()
    assert result.scenario == "quickstart"
    assert result.seed == 11


def test_a_wrong_pipeline_fails_with_the_table(harness_run):
    harness_run("scenarios/good.toml", pipeline="no-op")


def test_a_wrong_pipeline_can_be_asked_about(harness_run):
    result = harness_run("scenarios/good.toml", pipeline="no-op", check=False)
    assert result.outcome == "failed"


def test_a_name_that_does_not_exist_is_one_line(harness_run):
    harness_run("quickstrat")
"""


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own, with the wheel and what it needs; one for all test processes."""
    base = tmp_path_factory.getbasetemp()
    # Workers of one run have folders of their own beside each other.
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "elsewhere"
    place.mkdir(exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = place / "installed"
        if not done.exists():
            install(place)
            done.touch()
    return place / "venv" / "bin" / "python"


def install(place: Path) -> None:
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", str(place)]
    subprocess.run([*command, str(ROOT)], check=True, timeout=INSTALL_SECONDS_MAX)
    wheel = next(place.glob("*.whl"))
    subprocess.run([sys.executable, "-m", "venv", str(place / "venv")], check=True)
    python = str(place / "venv" / "bin" / "python")
    command = [python, "-m", "pip", "install", "--quiet", "--no-compile"]
    command.append("--disable-pip-version-check")
    subprocess.run(
        [*command, "--constraint", str(ROOT / "constraints.txt"), f"{wheel}[test]"],
        check=True,
        timeout=INSTALL_SECONDS_MAX,
    )


def in_project(python: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "PYTEST_ADDOPTS")
    variables = {k: v for k, v in os.environ.items() if k not in hidden and "PYTEST_" not in k}
    return subprocess.run(
        [str(python), *command],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "scenarios").mkdir()
    for name, pipeline in {
        "good": 'name = "clickpipes"',
        "bad": 'name = "no-op"',
        "own": 'command = ["python", "own.py"]',
    }.items():
        text = SCENARIO.format(name=name, pipeline=pipeline)
        (tmp_path / "scenarios" / f"{name}.toml").write_text(text, encoding="utf-8")
    (tmp_path / "scenarios" / "own.py").write_text("print('own words')", encoding="utf-8")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_project.py").write_text(TESTS, encoding="utf-8")
    ini = "[pytest]\ntestpaths = tests\naddopts = --strict-markers -p no:cacheprovider\n"
    (tmp_path / "pytest.ini").write_text(ini, encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_another_project_runs_scenarios_side_by_side(python: Path, project: Path) -> None:
    options = ("-n", "2", "-rA", "--harness-scenarios", "--harness-seed", "11")
    ended = in_project(python, project, "-m", "pytest", *options)
    shown = ended.stdout
    assert ended.returncode == 1, shown + ended.stderr
    assert "6 passed, 4 failed" in shown or "4 failed, 6 passed" in shown, shown
    assert "harness: every scenario with seed 11" in shown
    outcomes: dict[str, str] = {}
    for line in shown.splitlines():
        if line.startswith(("PASSED ", "FAILED ")):
            outcome, name = line.split(" - ")[0].split(" ", 1)
            outcomes[name] = outcome
    assert outcomes["scenarios/good.toml::good"] == "PASSED"
    assert outcomes["scenarios/bad.toml::bad"] == "FAILED"
    assert outcomes["scenarios/own.toml::own"] == "FAILED"
    # The harness's own table, not a traceback into the harness.
    assert "ClickHouse FINAL shows" in shown
    assert "own words" in shown
    assert "did you mean 'quickstart'?" in shown
    assert "run it again: harness run scenarios/good.toml --seed 11 --pipeline no-op" in shown
    assert "pytest_plugin.py" not in shown


@pytest.mark.slow
def test_a_search_follows_each_scenario_and_says_how_to_play_what_it_found(
    python: Path, project: Path
) -> None:
    options = ("-q", "--harness-fuzz", "8s", "--harness-seed", "3", "scenarios/good.toml")
    ended = in_project(python, project, "-m", "pytest", *options)
    assert ended.returncode == 0, ended.stdout
    assert "2 passed" in ended.stdout
    broken = ("--harness-pipeline", "swaps-two-versions")
    ended = in_project(python, project, "-m", "pytest", *options, *broken)
    assert ended.returncode == 1, ended.stdout
    repro = next((project / "repros").glob("*.toml"))
    assert f"harness replay {repro}" in ended.stdout
    assert "pytest_plugin.py" not in ended.stdout


@pytest.mark.slow
def test_scenarios_are_collected_when_asked_or_named_alone(python: Path, project: Path) -> None:
    quiet = ("-m", "pytest", "--collect-only", "-q")
    assert "toml" not in in_project(python, project, *quiet).stdout
    named = in_project(python, project, *quiet, "scenarios/good.toml").stdout
    assert named.splitlines()[0] == "scenarios/good.toml::good"
    by_ini = in_project(python, project, *quiet, "-o", "harness_scenarios=true").stdout
    assert by_ini.count(".toml::") == 3


@pytest.mark.slow
def test_the_plugin_costs_other_projects_nothing(python: Path, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\n\n\ndef test_it():\n"
        "    assert not {'boto3', 'moto', 'chdb', 'pydantic', 'rich.table'} & set(sys.modules)\n",
        encoding="utf-8",
    )
    ended = in_project(python, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert ended.returncode == 0, ended.stdout


@pytest.mark.slow
def test_quickstart_runs_outside_of_the_repository(python: Path, tmp_path: Path) -> None:
    ended = in_project(python, tmp_path, "-m", "harness.cli.app", "run", "quickstart")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "passed  quickstart with clickpipes" in ended.stdout
    assert (tmp_path / "runs" / "latest" / "verdict.json").exists()


@pytest.mark.slow
def test_the_wheel_holds_the_scenarios_and_no_tests(python: Path) -> None:
    wheel = next(python.parents[2].glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    assert "harness/_scenarios/quickstart.toml" in names
    assert not [name for name in names if name.startswith(("tests/", "examples/"))]

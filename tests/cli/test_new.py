"""`harness new`: what it writes runs, fails where it says, and never overwrites."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from harness.scenario.load import load_scenario
from harness.scenario.start import FILES, start
from tests.cli.command import harness

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mark", ["", "pyproject.toml"])
def test_code_outside_of_a_project_is_told_to_need_leave(mark: str, tmp_path: Path) -> None:
    if mark:
        (tmp_path / mark).touch()
    made = harness(tmp_path, "new", "orders")
    assert made.code == 0, made.err
    assert ("--allow-command" in made.out) == (not mark)


def test_what_it_writes_passes_and_its_bug_is_found(tmp_path: Path) -> None:
    made = harness(tmp_path, "new", "orders")
    told = [line.partition("harness ")[2] for line in made.out.splitlines() if "harness " in line]
    assert [harness(tmp_path, *line.split()).code for line in told[:2]] == [0, 1]


@pytest.mark.parametrize("language", FILES)
def test_every_language_makes_a_scenario_of_that_name(language: str, tmp_path: Path) -> None:
    scenario = load_scenario(str(start("my-orders", language, tmp_path)))
    assert scenario.name == scenario.pipeline.name == "my-orders"
    assert "example" not in (tmp_path / "my-orders" / "my-orders.toml").read_text()
    assert {path.name for path in (tmp_path / "my-orders").iterdir()} == {
        *FILES[language],
        "my-orders.toml",
    }


def test_the_package_brings_each_file(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for language, files in FILES.items():
        for file in (*files, "orders.toml"):
            place = f"examples/{language}/{file}"
            assert included[place] == f"harness/_{place}"


@pytest.mark.parametrize(
    ("name", "told"),
    [("Orders", "a-z"), ("../orders", "a-z"), ("taken", "is there already")],
)
def test_a_name_that_cannot_be_is_one_line(name: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    ended = harness(tmp_path, "new", name)
    assert ended.code == 2
    assert told in ended.err
    assert "Traceback" not in ended.err

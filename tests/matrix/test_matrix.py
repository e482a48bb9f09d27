"""`harness matrix`: its cells repeat, its JSON has its shape, and it fails when it should."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from rich.console import Console

from harness.cli.matrix import matrix as run_matrix
from harness.errors import UsageError
from harness.matrix.cell import Cell, Kill, run_cell
from harness.matrix.document import document
from harness.matrix.matrix import Matrix
from harness.matrix.plan import Task, default_scenarios, plan
from harness.matrix.terminal import print_matrix
from harness.matrix.workers import run_tasks
from harness.scenario.load import load_scenario

if TYPE_CHECKING:
    from harness.run.step_world import Bench


def told(capfd: pytest.CaptureFixture[str], **options: Any) -> tuple[int, dict[str, Any]]:
    code = run_matrix(as_json=True, **options)
    return code, orjson.loads(capfd.readouterr().out)


def test_a_mutant_that_is_found_and_a_correct_pipeline_that_is_not_exit_with_0(
    capfd: pytest.CaptureFixture[str],
) -> None:
    code, shown = told(
        capfd, pipelines=["delete-event-ignored", "clickpipes"], scenarios=["redelivery"], seeds=2
    )
    assert code == 0
    assert list(shown["pipelines"]) == ["delete-event-ignored", "clickpipes"]
    mutant = shown["pipelines"]["delete-event-ignored"]
    assert mutant["defect"] == "delete-event-ignored"
    assert mutant["killed_by"][0]["scenario"] == "redelivery"
    assert {kill["check"] for kill in mutant["killed_by"]} == {"no_resurrection"}
    assert shown["pipelines"]["clickpipes"]["killed_by"] == []
    assert shown["pipelines"]["clickpipes"]["examples"] == 2
    assert (shown["survivors"], shown["false_alarms"]) == ([], [])


def test_a_mutant_with_nothing_to_show_survives_and_exits_with_1(
    capfd: pytest.CaptureFixture[str],
) -> None:
    code, shown = told(
        capfd,
        pipelines=["delete-event-ignored"],
        scenarios=["redelivery"],
        settings=["workload.mix.delete=0"],
        seeds=2,
    )
    assert code == 1
    assert shown["survivors"] == ["delete-event-ignored"]
    assert shown["pipelines"]["delete-event-ignored"]["killed_by"] == []


def test_a_kill_for_another_reason_does_not_count() -> None:
    kill = Kill("redelivery", 3, "type_fidelity", is_expected=False)
    matrix = Matrix.of([Cell("delete-event-ignored", "redelivery", 1, [kill])])
    assert matrix.survivors == ["delete-event-ignored"]
    assert matrix.beside("delete-event-ignored") == [kill]
    assert matrix.exit_code == 1


def test_a_correct_pipeline_that_fails_is_a_false_alarm() -> None:
    kill = Kill("redelivery", 3, "no_phantom", is_expected=True)
    matrix = Matrix.of([Cell("clickpipes-efo", "redelivery", 4, [kill])])
    assert matrix.false_alarms == [
        {"pipeline": "clickpipes-efo", "scenario": "redelivery", "seed": 3, "check": "no_phantom"}
    ]
    assert matrix.exit_code == 1


def test_a_correct_pipeline_that_no_seed_can_judge_is_one_too() -> None:
    reasons = ["seed 0: time was up", "seed 1: time was up"]
    assert Matrix.of([Cell("clickpipes", "crash", 2, unknown=reasons)]).exit_code == 1
    matrix = Matrix.of([Cell("clickpipes", "crash", 3, unknown=reasons)])
    assert (matrix.false_alarms, matrix.exit_code) == ([], 0)
    assert [found["reason"] for found in matrix.as_json()["undecided"]] == reasons


def test_a_pipeline_of_another_kind_is_shown_and_decides_nothing(bench: Bench) -> None:
    cell = run_cell(bench, "no-op", load_scenario("redelivery"), [0])
    matrix = Matrix.of([cell])
    assert "final_state" in {kill.check for kill in matrix.kills("no-op")}
    assert matrix.exit_code == 0


def test_an_equivalent_mutant_is_no_survivor(bench: Bench) -> None:
    name = "final-filter-pushdown-partition"
    matrix = Matrix.of([run_cell(bench, name, load_scenario("redelivery"), range(3))])
    assert (matrix.found, matrix.survivors, matrix.exit_code) == ([], [], 0)
    assert matrix.as_json()["pipelines"][name]["equivalent"].startswith("FINAL joins")


def test_a_cell_is_the_same_each_time(bench: Bench) -> None:
    scenario = load_scenario("version-ties")
    first = run_cell(bench, "version-tie-arbitrary-winner", scenario, range(5))
    assert first.expected
    assert run_cell(bench, "version-tie-arbitrary-winner", scenario, range(5)) == first


def test_two_processes_give_the_cells_of_one_in_the_same_order(bench: Bench) -> None:
    scenarios = [load_scenario(name) for name in ("redelivery", "crash")]
    names = ("delete-event-ignored", "clickpipes")
    tasks = [Task(name, scenario, (0, 1)) for name in names for scenario in scenarios]
    seen: list[Cell] = []
    side_by_side = run_tasks(tasks, 2, seen.append)
    assert side_by_side == [run_cell(bench, t.pipeline, t.scenario, t.seeds) for t in tasks]
    assert len(seen) == 4
    assert [(c.pipeline, c.scenario) for c in side_by_side] == [
        ("delete-event-ignored", "redelivery"),
        ("delete-event-ignored", "crash"),
        ("clickpipes", "redelivery"),
        ("clickpipes", "crash"),
    ]


def test_the_default_plan_is_everything_under_every_small_scenario() -> None:
    scenarios = default_scenarios()
    names = [scenario.name for scenario in scenarios]
    assert "redelivery" in names
    assert "quickstart" not in names
    tasks = plan([], scenarios, 2)
    assert [t.scenario.name for t in tasks if t.pipeline == "clickpipes"] == names
    assert {t.pipeline for t in tasks} >= {"clickpipes", "clickpipes-efo", "last-arrival-wins"}


def test_an_unknown_pipeline_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown pipeline 'last-arival-wins'"):
        plan(["last-arival-wins"], default_scenarios(), 1)


def shown_matrix() -> Matrix:
    kill = Kill("redelivery", 3, "no_resurrection", is_expected=True)
    other = Kill("crash", 0, "type_fidelity", is_expected=False)
    return Matrix.of(
        [
            Cell("clickpipes", "redelivery", 4),
            Cell("clickpipes", "crash", 4),
            Cell("delete-event-ignored", "redelivery", 4, [kill]),
            Cell("delete-event-ignored", "crash", 1, [other]),
            Cell("last-arrival-wins", "redelivery", 4),
            Cell("last-arrival-wins", "crash", 4, unknown=["seed 1: stuck"]),
        ]
    )


def test_the_printed_matrix_marks_each_cell(capsys: pytest.CaptureFixture[str]) -> None:
    print_matrix(Console(width=120, highlight=False), shown_matrix())
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    assert rows["clickpipes"] == ["·", "·", "nothing"]
    assert rows["delete-event-ignored"] == ["●", "○", "no_resurrection"]
    assert rows["last-arrival-wins"] == ["·", "?", "nothing"]
    assert "1 of 2 mutants found" in lines
    assert "0 false alarms in 8 examples of 1 correct pipelines" in lines
    assert any(line.startswith("survived last-arrival-wins: The table replaces") for line in lines)


def test_the_page_has_a_row_for_each_mutant() -> None:
    page = document(shown_matrix(), "26.9.2.1")
    assert "ClickHouse 26.9.2.1" in page
    assert "## 9 · delete-event-ignored" in page
    assert (
        "| `delete-event-ignored` | REMOVE records are skipped. | redelivery | `no_resurrection` |"
        in page
    )
    assert "1 of 2 mutants found; survivors: last-arrival-wins" in page
    assert "0 false alarms in 8 examples" in page

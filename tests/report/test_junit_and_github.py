"""What CI systems read: JUnit XML, GitHub's step summary and annotations, whatever items hold."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from harness.checks.check import Finding, Verdict
from harness.report import github
from harness.report.junit import write_junit
from harness.run.result import Outcome, Result

NASTY = "<script>alert(1)</script> ]]> \x00\x1b|`'\""


def result(outcome: Outcome, *, scenario: str = "hot-key", reason: str = "why") -> Result:
    finding = Finding({"id": NASTY}, f"shows {NASTY}", {"id": NASTY}, None)
    verdict = Verdict("no_lost_update", "fail", True, NASTY, (finding,))
    return Result(
        scenario,
        "mine",
        7,
        outcome,
        reason,
        checks=[] if outcome in ("passed", "error") else [verdict],
        seconds={"total": 1.5},
        pipeline_log=[NASTY],
        replay=f"harness run {scenario} --seed 7",
    )


def test_junit_has_a_case_for_each_run_with_the_command_that_repeats_it(tmp_path: Path) -> None:
    outcomes: list[Outcome] = ["passed", "failed", "unknown", "error"]
    path = tmp_path / "reports" / "junit.xml"
    write_junit(path, [result(outcome) for outcome in outcomes])
    suite = Xml.parse(path).getroot()[0]
    assert {k: suite.get(k) for k in ("tests", "failures", "errors", "time")} == {
        "tests": "4",
        "failures": "1",
        "errors": "2",
        "time": "6.000",
    }
    cases = suite.findall("testcase")
    assert [c.get("name") for c in cases] == ["hot-key with mine"] * 4
    assert [[child.tag for child in c] for c in cases] == [
        ["properties"],
        ["properties", "failure", "system-err"],
        ["properties", "error", "system-err"],
        ["properties", "error", "system-err"],
    ]
    failure = cases[1].find("failure")
    assert failure is not None
    assert failure.get("message") == "why"
    assert "run it again: harness run hot-key --seed 7" in (failure.text or "")
    assert "<script>alert(1)</script>" in (failure.text or "")


def test_the_summary_is_a_table_and_details_of_what_did_not_pass() -> None:
    shown = github.markdown([result("passed"), result("failed", reason="a | b <i>")])
    assert shown.startswith("### 1 of 2 scenarios passed\n")
    assert "| ❌ failed | hot-key | mine | 7 | a \\| b &lt;i&gt; | 1.5 |" in shown
    assert shown.count("<details>") == 1
    # Values of items stand in a fenced block, where HTML is text.
    assert shown.index("```text") < shown.index("<script>") < shown.rindex("```")


def test_a_fence_is_longer_than_any_in_the_text() -> None:
    shown = github.markdown([result("failed", reason="x ``` y")])
    assert "````text" in shown


def test_an_annotation_names_file_and_command(tmp_path: Path) -> None:
    file = tmp_path / "scenarios" / "a,b.toml"
    variables = {"GITHUB_WORKSPACE": str(tmp_path)}
    assert github.annotation(result("passed"), file, variables) == ""
    assert github.annotation(result("failed", reason="50%\nx"), file, variables) == (
        "::error file=scenarios/a%2Cb.toml,title=hot-key with mine%3A failed::"
        "50%25%0Ax%0Arun it again: harness run hot-key --seed 7\n"
    )
    elsewhere = github.annotation(result("unknown"), Path("/elsewhere/a.toml"), variables)
    assert elsewhere.startswith("::warning title=hot-key with mine%3A unknown::")


def test_nothing_is_written_where_github_does_not_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    github.report([(result("failed"), tmp_path / "a.toml")])
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    github.report([(result("failed"), tmp_path / "a.toml")])
    github.report([(result("passed"), tmp_path / "a.toml")])
    assert (tmp_path / "summary.md").read_text().count("###") == 2
    assert capsys.readouterr().err.startswith("::error ")

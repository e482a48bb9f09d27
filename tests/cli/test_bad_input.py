"""Wrong input is answered with one clear line and what to do, by the command itself."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from harness.cli import app
from tests.cli.command import harness

GOOD = """
name = "mine"
description = "one table"

[table]
table_name = "mine"
key_schema = [{ attribute_name = "id", key_type = "HASH" }]
attribute_definitions = [{ attribute_name = "id", attribute_type = "S" }]

[item]
id = { faker = "uuid4" }
name = "first_name"

[target]
table = "mine"

[target.columns]
id = "String"
name = "String"
"""

CASES = [
    (
        "unknown faker provider",
        'name = "first_name"',
        'name = "frist_name"',
        "item.name",
        "first_name",
    ),
    ("malformed TOML", "[item]", "[item", "line 10", ""),
    ("key missing in the template", 'id = { faker = "uuid4" }\n', "", "item", "'id'"),
    (
        "type that cannot hold it",
        'name = "String"',
        'name = "Int8"',
        "target.columns.name",
        "String",
    ),
    ("unknown key", "[item]", "[itme]\nx = 1\n[item]", "itme", "item"),
]


@pytest.mark.parametrize(("what", "old", "new", "where", "hint"), CASES, ids=[c[0] for c in CASES])
def test_a_wrong_scenario_names_file_and_key(
    tmp_path: Path, what: str, old: str, new: str, where: str, hint: str
) -> None:
    (tmp_path / "mine.toml").write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    ended = harness(tmp_path, "run", "mine.toml")
    assert ended.code == 2, what
    lines = ended.err.splitlines()
    assert lines[0].startswith("error: mine.toml: "), lines
    assert where in lines[0]
    assert hint in ended.err
    assert "Traceback" not in ended.err
    assert len(lines) <= 2
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "line", "hint"),
    [
        (["run", "quikstart"], "'quikstart'", "did you mean 'quickstart'?"),
        (["run"], "no scenario given", "harness list"),
        (["run", "quickstart", "--sett", "a=1"], "No such option: --sett", "harness run --help"),
        (["run", "quickstart", "--set", "workload.chnges=1"], "'chnges'", "'changes'"),
        (["run", "quickstart", "--pipeline", "clickpipe"], "'clickpipe'", "'clickpipes'"),
        (["run", "quickstart", "--aws", "nowhere"], "--aws takes 'embedded'", ""),
        (["run", "quickstart", "--seed", "x"], "--seed", "harness run --help"),
        (["frobnicate"], "'frobnicate'", "harness --help"),
        (["up", "--only", "moon"], "--only takes aws or clickhouse", ""),
    ],
)
def test_a_wrong_call_says_what_to_do(
    tmp_path: Path, arguments: list[str], line: str, hint: str
) -> None:
    ended = harness(tmp_path, *arguments)
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert line in ended.err.splitlines()[0]
    assert hint in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = harness(tmp_path, "up", "--only", "aws", "--aws-port", port)
    assert ended.code == 4
    assert port in ended.err
    assert "in use" in ended.err or "taken" in ended.err
    assert "Traceback" not in ended.err


def test_a_folder_that_cannot_hold_runs_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file", encoding="utf-8")
    ended = harness(tmp_path, "run", "quickstart")
    assert ended.code == 4
    assert "cannot make the run directory" in ended.err
    assert "--runs" in ended.err
    assert "Traceback" not in ended.err


def test_an_endpoint_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ended = harness(tmp_path, "run", "quickstart", "--aws", f"http://127.0.0.1:{port}")
    assert ended.code == 4
    assert str(port) in ended.out + ended.err
    assert "Traceback" not in ended.out + ended.err


def test_a_defect_of_the_harness_is_no_failure_of_the_pipeline(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(**_options: object) -> int:
        raise TypeError("Integer exceeds 64-bit range")

    monkeypatch.setattr(app, "app", broken)
    assert app._run() == 4
    told = capsys.readouterr().err
    assert "error: the harness broke: TypeError: Integer exceeds 64-bit range" in told
    assert "says nothing about your pipeline" in told

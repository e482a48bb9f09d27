"""Imports go one way: a module imports only from layers before its own, or its own part."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "harness"

LAYERS: list[set[str]] = [
    {"errors"},
    {"clock", "values", "registry", "defects", "lookout", "cache"},
    {"history", "web", "scenario.model"},
    {"awscbor", "smithyrpc"},
    {"awsjson"},
    {"workload", "faults", "checks", "pipelines"},
    {"kinesis", "clickhouse", "objects", "longtail"},
    {"dynamodb"},
    {"gateway", "scenario"},
    {"backends", "peers"},
    {"run"},
    {"fuzz"},
    {"explain"},
    {"report", "terraform", "bench", "conformance", "matrix"},
    {"cli", "pytest_plugin"},
]
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}

ONLY = {
    "pipelines": {"errors", "clock", "registry"},
    "checks": {"errors", "clock", "values", "registry", "history"},
    "values": {"errors"},
}
"""Parts that must not see what the others decode with."""

MODULES = sorted(p for p in ROOT.rglob("*.py") if "_scenarios" not in p.parts)


def part_of(module: str) -> str:
    """`harness.scenario.model*` is a part of its own, everything else its first name."""
    names = module.split(".")[1:]
    if names[:1] == ["scenario"] and names[1:2] and names[1].split("_")[0] == "model":
        return "scenario.model"
    return (names or [""])[0]


def name_of(path: Path) -> str:
    relative = path.relative_to(ROOT.parent).with_suffix("")
    return ".".join(relative.parts).removesuffix(".__init__")


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("harness."):
            found.add(node.module or "")
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.startswith("harness.")}
    return {part_of(module) for module in found}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: name_of(path))
def test_imports_go_one_way(path: Path) -> None:
    own = part_of(name_of(path))
    if not own:
        return
    assert own in LEVEL, f"{own} has no place in the layers"
    allowed = {own}
    for other in imports_of(path) - allowed:
        if own == "scenario" and other == "scenario.model":
            continue
        assert LEVEL[other] < LEVEL[own], f"{name_of(path)} must not import harness.{other}"
        if own in ONLY:
            assert other in ONLY[own], f"{name_of(path)} must not know harness.{other}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: name_of(path))
def test_no_module_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_importing_the_package_loads_nothing_heavy() -> None:
    probe = "import sys, harness; print([m for m in ('boto3','chdb','moto') if m in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"


def test_the_emulators_start_without_moto_and_boto3() -> None:
    probe = (
        "import sys, harness.backends.aws_process;"
        " print([m for m in ('boto3','chdb','moto') if m in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"

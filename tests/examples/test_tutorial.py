"""The tutorial is followed to the letter: its files are written, its commands run, its claims seen."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "your-pipeline.md"
SECONDS_MAX = 120
_FENCE = re.compile(r"^```(\w+)(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of the page: its language, its attributes and its text."""

    language: str
    attributes: dict[str, str]
    text: str


def blocks() -> Iterator[Block]:
    for language, rest, text in _FENCE.findall(PAGE.read_text(encoding="utf-8")):
        pairs = (word.partition("=") for word in shlex.split(rest))
        yield Block(language, {name: value for name, _, value in pairs}, text)


def follow(folder: Path, block: Block) -> int:
    """Do what a block says; returns how many commands were run."""
    known = block.attributes
    if "title" in known:
        (folder / known["title"]).parent.mkdir(exist_ok=True)
        (folder / known["title"]).write_text(block.text, encoding="utf-8")
    elif "replace" in known:
        path = folder / "pipeline.py"
        before = path.read_text(encoding="utf-8")
        assert before.count(known["replace"] + "\n") == 1
        path.write_text(before.replace(known["replace"] + "\n", block.text), encoding="utf-8")
    else:
        for line in block.text.splitlines():
            run(folder, line, code=int(known["exit"]), says=known["says"])
        return len(block.text.splitlines())
    return 0


def run(folder: Path, line: str, *, code: int, says: str) -> None:
    program, *arguments = shlex.split(line)
    module = {"harness": "harness.cli.app", "pytest": "pytest"}[program]
    plugin = ["-p", "harness.pytest_plugin", "-p", "no:cacheprovider"]
    # Where the harness is installed, pytest finds the plugin by itself; loading it twice is refused.
    extra = plugin if program == "pytest" and not is_installed() else []
    ended = subprocess.run(
        [sys.executable, "-m", module, *extra, *arguments],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
    )
    assert ended.returncode == code, f"{line}\n{ended.stdout}{ended.stderr}"
    assert says in ended.stdout


def is_installed() -> bool:
    from importlib.metadata import entry_points

    return any(e.value == "harness.pytest_plugin" for e in entry_points(group="pytest11"))


@pytest.mark.slow
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    commands = sum(follow(tmp_path, block) for block in blocks())
    assert commands == 5

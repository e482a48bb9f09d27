"""What README and docs tell to type exists, and what is quick to run is run."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from tests.cli.command import harness

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
LINE = re.compile(r"^(?:\$ |    )?((?:harness|make) [^#\n]*?)\s*(?:#.*)?$", re.MULTILINE)
QUICK = ["harness list", "harness schema", "harness doctor"]


def blocks(text: str) -> str:
    """The fenced and the indented code of a page."""
    fenced = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return "\n".join([*fenced, *(line for line in rest.splitlines() if line.startswith("    "))])


def commands() -> list[str]:
    found = {line.strip() for page in PAGES for line in LINE.findall(blocks(page.read_text()))}
    return sorted(found)


@cache
def help_of(words: tuple[str, ...]) -> str:
    shown = harness(ROOT, *words, "--help", COLUMNS="200")
    assert shown.code == 0, shown.err
    return shown.out


def test_commands_are_found() -> None:
    assert "make scenario NAME=quickstart" in commands()
    assert "harness run quickstart --pipeline swaps-two-versions" in commands()


@pytest.mark.parametrize("line", [c for c in commands() if c.startswith("harness ")])
def test_a_documented_command_and_its_options_exist(line: str) -> None:
    words = shlex.split(line.partition(" > ")[0].partition(" | ")[0])[1:]
    group = words[:2] if words[0] in ("bench", "pipe") and len(words) > 1 else words[:1]
    text = help_of(tuple(group))
    for word in words:
        option = word.partition("=")[0]
        if option.startswith("--"):
            assert option in text, f"{line}: {option} is no option of harness {' '.join(group)}"


@pytest.mark.parametrize("line", [c for c in commands() if c.startswith("make ")])
def test_a_documented_make_target_exists(line: str) -> None:
    target = shlex.split(line)[1]
    assert re.search(rf"^{re.escape(target)}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("line", QUICK)
def test_quick_commands_succeed(line: str, tmp_path: Path) -> None:
    ended = harness(tmp_path, *line.split()[1:])
    assert ended.code == 0, ended.err
    assert ended.out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / link).exists(), f"{page.name} links {link}"

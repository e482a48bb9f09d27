from __future__ import annotations

from pathlib import Path

from harness.cli.page import page

DOCS = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    assert DOCS.read_text(encoding="utf-8") == page(), (
        "python -m harness.cli.page > docs/commands.md"
    )


def test_the_page_holds_groups_arguments_and_choices() -> None:
    shown = page()
    assert "## `harness run [SCENARIOS…]`" in shown
    assert "## `harness bench aws`" in shown
    assert "| `--seed`" in shown

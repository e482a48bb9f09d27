from __future__ import annotations

from pathlib import Path

from harness.scenario.page import page
from harness.scenario.schema import json_schema

DOCS = Path(__file__).parents[2] / "docs" / "scenario.md"
REMAKE = "python -m harness.scenario.page > docs/scenario.md"


def test_the_page_of_scenarios_is_what_the_schema_says() -> None:
    assert DOCS.read_text(encoding="utf-8") == page() + "\n", REMAKE


def test_the_page_holds_every_key() -> None:
    shown = page()
    schema = json_schema()
    for definition in (schema, *schema["$defs"].values()):
        for name in definition.get("properties", {}):
            assert f"| `{name}` |" in shown

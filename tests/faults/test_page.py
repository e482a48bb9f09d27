from __future__ import annotations

from pathlib import Path

from harness.faults.fault import known_faults
from harness.faults.page import page
from harness.faults.sightings import SIGHTINGS

DOCS = Path(__file__).parents[2] / "docs" / "faults.md"


def test_the_page_of_faults_is_what_the_faults_say() -> None:
    assert DOCS.read_text(encoding="utf-8") == page()


def test_the_page_names_every_fault_and_every_sighting() -> None:
    shown = page()
    assert [n for n in known_faults().names() if f"### `{n}`" not in shown] == []
    assert [n for n in SIGHTINGS if f"| `{n}` |" not in shown] == []

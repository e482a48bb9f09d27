"""docs/checks.md is what the checks' docstrings say."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.checks.check import checks
from harness.checks.page import PAGE, page

ROOT = Path(__file__).parents[2]


def test_the_page_is_written_from_the_docstrings() -> None:
    written = (ROOT / PAGE).read_text(encoding="utf-8")
    assert written == page(), "run: python -m harness.checks.page"


@pytest.mark.parametrize("name", checks.names())
def test_each_check_says_what_it_proves_and_when_it_could_not_have_failed(name: str) -> None:
    told = type(checks.get(name)).__doc__ or ""
    assert told.startswith("Proves")
    assert "Could not have failed:" in told

"""Which page a path asks for: of a run, of a kill matrix, or of a campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.report.run_page import write_report

if TYPE_CHECKING:
    from pathlib import Path


def write_page(path: Path, out: Path | None = None) -> Path:
    """Write the page of what lies at `path`; returns where the page lies.

    Raises:
        UsageError: it is nothing that a page can be made of.
        BackendError: the page cannot be written.
    """
    return write_report(path, out)

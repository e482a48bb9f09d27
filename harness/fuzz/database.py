"""The example database: what failed before is tried first by the next run.

A folder of repro files, one folder for each pipeline and scenario. A file that passes is taken out:
its defect is repaired.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ScenarioError
from harness.fuzz.repro import read_repro, write_repro

if TYPE_CHECKING:
    from harness.fuzz.repro import Repro

FOLDER = Path(".harness") / "examples"
KEPT_MAX = 20
_ODD = re.compile(r"[^A-Za-z0-9_-]+")


class Database:
    """The known failures of one pipeline on one scenario.

    Args:
        root: of all databases.
        pipeline: whose failures.
        scenario: on what.
    """

    def __init__(self, root: Path, pipeline: str, scenario: str) -> None:
        self.folder = root / _ODD.sub("-", pipeline) / _ODD.sub("-", scenario)

    def known(self) -> list[Repro]:
        """What is kept; files of older versions that cannot be read are left out."""
        found = []
        for path in sorted(self.folder.glob("*.toml")):
            try:
                found.append(read_repro(path))
            except ScenarioError:
                continue
        return found

    def keep(self, repro: Repro) -> None:
        """Keep a failure, unless there are enough."""
        path = self.folder / f"{repro.signature}.toml"
        if path.exists() or len(list(self.folder.glob("*.toml"))) < KEPT_MAX:
            write_repro(repro, path)

    def forget(self, signature: str) -> None:
        """It passes now."""
        (self.folder / f"{signature}.toml").unlink(missing_ok=True)

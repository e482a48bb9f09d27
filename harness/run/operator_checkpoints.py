"""What a pipeline keeps of its position: its state folder, and tables called `…checkpoint…`."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from harness.errors import ScenarioError

if TYPE_CHECKING:
    from pathlib import Path

    from harness.run.target import Target

SAVED = "_before"
_FIND = (
    "SELECT name FROM system.tables WHERE database = currentDatabase() "
    f"AND name LIKE '%checkpoint%' AND name NOT LIKE '%{SAVED}' AND engine NOT LIKE '%View' "
    "ORDER BY name"
)


class Checkpoints:
    """Loses positions, or brings older ones back; the pipeline must not be running.

    Args:
        target: in whose database the tables are.
        state_dir: the pipeline's folder.
    """

    def __init__(self, target: Target, state_dir: Path) -> None:
        self._target = target
        self._state_dir = state_dir
        self._saved_dir = state_dir.with_name(f"{state_dir.name}{SAVED}")
        self._saved: list[str] = []
        self._is_saved = False

    def tables(self) -> list[str]:
        """The tables that hold positions."""
        return [str(row[0]) for row in self._target.rows(_FIND)]

    def lose(self) -> list[str]:
        """Empty all of it; returns the tables."""
        found = self.tables()
        for name in found:
            self._target.run(f"TRUNCATE TABLE `{name}` SYNC")
        _empty(self._state_dir)
        return found

    def save(self) -> list[str]:
        """Keep a copy of all of it; returns the tables. May be done while the pipeline runs."""
        self._saved = self.tables()
        self._is_saved = True
        for name in self._saved:
            self._target.run(f"DROP TABLE IF EXISTS `{name}{SAVED}` SYNC")
            self._target.run(f"CREATE TABLE `{name}{SAVED}` AS `{name}`")
            self._target.run(f"INSERT INTO `{name}{SAVED}` SELECT * FROM `{name}`")
        shutil.rmtree(self._saved_dir, ignore_errors=True)
        shutil.copytree(self._state_dir, self._saved_dir)
        return self._saved

    def restore(self) -> list[str]:
        """Bring the copy back; returns the tables.

        Raises:
            ScenarioError: nothing was saved.
        """
        if not self._is_saved:
            raise ScenarioError(
                "act 'roll-back-checkpoints': nothing was saved",
                hint="plan 'save-checkpoints' before it, at a moment that comes with every "
                "pipeline: after_changes, or at = 0 of its request",
            )
        self.lose()
        for name in self._saved:
            self._target.run(f"INSERT INTO `{name}` SELECT * FROM `{name}{SAVED}`")
        shutil.copytree(self._saved_dir, self._state_dir, dirs_exist_ok=True)
        return self._saved


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)

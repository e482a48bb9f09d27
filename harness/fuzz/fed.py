"""Which table a pipeline's rows are sent to: the target, or what a materialized view feeds it from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.scenario.model import Scenario

_VIEW = re.compile(
    r"\bMATERIALIZED\s+VIEW\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>[\w.`]+)(?P<middle>.*?)"
    r"\bFROM\s+(?P<source>[\w.`]+)",
    re.IGNORECASE | re.DOTALL,
)
_TO = re.compile(r"\bTO\s+(?P<name>[\w.`]+)", re.IGNORECASE)


def written_table(scenario: Scenario) -> str:
    """The name of the table that INSERTs of rows go to, without its database."""
    target = scenario.target.table
    for statement in scenario.target.ddl:
        found = _VIEW.search(statement)
        if found is None:
            continue
        to = _TO.search(found["middle"])
        if target in (_plain(found["name"]), _plain(to["name"]) if to else ""):
            return _plain(found["source"])
    return target


def _plain(name: str) -> str:
    return name.rpartition(".")[2].strip("`")

"""Reads a scenario: from a file or a name to a checked `Scenario`, or to one line that says why not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from harness.errors import ScenarioError
from harness.scenario import catalog, rules
from harness.scenario.mistakes import from_pydantic, scenario_error
from harness.scenario.model import Scenario
from harness.scenario.overrides import apply

if TYPE_CHECKING:
    from collections.abc import Sequence

_AT = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


def load_scenario(name_or_file: str | Path, *, overrides: Sequence[str] = ()) -> Scenario:
    """A scenario by its name or its file, checked as far as it can be without running it.

    Args:
        name_or_file: `quickstart`, or a path that ends in `.toml` or holds a separator.
        overrides: `key.path=value`, applied in order.

    Raises:
        ScenarioError: unknown name, unreadable file, or a mistake in it; the message names file
            and key, what was expected and what was found.
    """
    path = catalog.find(name_or_file)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScenarioError(
            f"{path}: expected a readable file, found: {error.strerror}",
            hint="harness list shows the scenarios there are",
        ) from None
    except UnicodeDecodeError as error:
        raise ScenarioError(
            f"{shown(path)}: expected UTF-8 text, found other bytes at byte {error.start}"
        ) from None
    data = parse(text, shown(path))
    for override in overrides:
        apply(data, override)
    return build(data, shown(path), path.parent)


def parse(text: str, file: str) -> dict[str, Any]:
    """The tables of a TOML text.

    Raises:
        ScenarioError: not TOML; the message has line and column.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        at = _AT.search(message)
        lines = text.count("\n") + 1
        place = f"line {at[1]}, column {at[2]}" if at and at[1] else f"line {lines}, at the end"
        reason = _AT.sub("", message)
        raise ScenarioError(
            f"{file}: {place}: expected TOML, found: {reason[:1].lower()}{reason[1:]}",
            hint="texts stand in quotes, tables in [brackets]",
        ) from None


def build(data: dict[str, Any], file: str, folder: Path) -> Scenario:
    """A checked scenario from parsed tables.

    Args:
        data: the tables.
        file: what messages call it.
        folder: where `workload.from_export` and `from_records` are looked up.

    Raises:
        ScenarioError: as `load_scenario`.
    """
    try:
        scenario = Scenario.model_validate(data, strict=True)
    except ValidationError as error:
        raise scenario_error(file, from_pydantic(error, Scenario)) from None
    scenario.keep_folder(folder)
    mistakes = rules.mistakes(scenario, folder)
    if mistakes:
        raise scenario_error(file, mistakes)
    return scenario


def shown(path: Path) -> str:
    """The path as a reader would type it: relative to the current folder where it is below it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)

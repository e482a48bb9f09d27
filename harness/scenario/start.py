"""A first scenario with a pipeline, to be changed into one's own: what `harness new` writes.

The pipelines are the worked examples of the project, so each of them is run by a test.
"""

from __future__ import annotations

import re
from pathlib import Path

from harness.errors import ScenarioError

_PACKAGE = Path(__file__).resolve().parents[1]
FILES = {
    "python": ("pipeline.py",),
    "lambda": ("function.py",),
    "node": ("pipeline.mjs", "package.json"),
    "go": ("main.go", "clickhouse.go", "go.mod", "go.sum"),
}
"""The files of each language's example, beside its scenario."""
BUILT_BY = {"node": "npm install", "go": "go build -o pipeline ."}
_SCENARIO = "orders.toml"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")


def start(name: str, language: str, into: Path) -> Path:
    """Write a scenario and a pipeline that passes it into a new folder.

    Args:
        name: of the folder and the scenario.
        language: a key of `FILES`.
        into: where the folder is made.

    Returns:
        The scenario's file.

    Raises:
        ScenarioError: the name cannot be one, or the folder holds something already.
    """
    if not _NAME.fullmatch(name):
        raise ScenarioError(
            f"a scenario's name is made of a-z, 0-9 and -, begins with a letter, not {name!r}"
        )
    folder = into / name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ScenarioError(f"{folder} is there already", hint="take another name")
    source = _examples() / language
    folder.mkdir(parents=True, exist_ok=True)
    for file in FILES[language]:
        (folder / file).write_bytes((source / file).read_bytes())
    scenario = folder / f"{name}.toml"
    scenario.write_text(_renamed((source / _SCENARIO).read_text(), name, language))
    return scenario


def _examples() -> Path:
    packaged = _PACKAGE / "_examples"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "examples"


def _renamed(text: str, name: str, language: str) -> str:
    """The example's scenario under another name."""
    text = text.replace(f'name = "example-{language}"', f'name = "{name}"')
    text = text.replace(f'name = "{language}-example"', f'name = "{name}"')
    return text.replace(f"examples/{language}/{_SCENARIO}", f"{name}/{name}.toml")

"""Which scenarios there are: those that ship, and those in the current folder's `scenarios/`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ScenarioError, nearest

_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Entry:
    """A scenario of the catalogue.

    Attributes:
        name: by which it is run: its file's name without `.toml`.
        path: its file.
        description: what happens in it.
        guards: the bug it guards against.
    """

    name: str
    path: Path
    description: str
    guards: str


def folders() -> list[Path]:
    """Where scenarios are found: the first folder that has a name wins."""
    candidates = [Path.cwd() / "scenarios", _PACKAGE / "_scenarios", _PACKAGE.parent / "scenarios"]
    found: list[Path] = []
    for folder in candidates:
        if folder.is_dir() and folder.resolve() not in found:
            found.append(folder.resolve())
    return found


def files() -> dict[str, Path]:
    """Name to file, sorted by name."""
    found: dict[str, Path] = {}
    for folder in folders():
        for path in folder.glob("*.toml"):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def names() -> list[str]:
    """Names of all scenarios, sorted."""
    return list(files())


def catalog() -> list[Entry]:
    """All scenarios with what they say of themselves, sorted by name.

    A file that is no TOML is listed with its error as description, so that it does not vanish.
    """
    return [_entry(name, path) for name, path in files().items()]


def find(name_or_file: str | Path) -> Path:
    """The file of a scenario.

    Args:
        name_or_file: a name of the catalogue, or a path (ends in `.toml` or holds a separator).

    Raises:
        ScenarioError: neither exists; the hint lists the nearest names.
    """
    text = str(name_or_file)
    if isinstance(name_or_file, Path) or text.endswith(".toml") or "/" in text or "\\" in text:
        path = Path(text)
        if path.is_file():
            return path
        near = nearest(path.stem, files()) if files() else ""
        found = "a folder" if path.is_dir() else "no such file"
        raise ScenarioError(f"{text}: expected a scenario file, found {found}", hint=near)
    known = files()
    if text in known:
        return known[text]
    raise ScenarioError(
        f"expected the name of a scenario, found {text!r}",
        hint=nearest(text, known) if known else "no scenarios/ folder here; give a file",
    )


def readme(folder: Path) -> str:
    """The text of `scenarios/README.md`: one line for each scenario of `folder`."""
    lines = [
        "# Scenarios",
        "",
        "Generated from the files by `harness.scenario.catalog.readme`; a test keeps it current.",
        "Run one with `make scenario NAME=quickstart` or `harness run quickstart`.",
        "",
        "| scenario | what happens | what it guards against |",
        "|---|---|---|",
    ]
    for path in sorted(folder.glob("*.toml")):
        entry = _entry(path.stem, path)
        cells = (f"[{entry.name}]({path.name})", entry.description, entry.guards)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _entry(name: str, path: Path) -> Entry:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return Entry(name, path, f"cannot be read: {error}", "")
    return Entry(name, path, str(data.get("description", "")), str(data.get("guards", "")))

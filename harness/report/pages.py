"""Which page a path asks for: of a run, a repro file, a kill matrix, or a campaign.

| what lies there | page |
|---|---|
| a run directory | the run |
| `repro-….toml` | the repro, played, with the steps that it needs |
| what `harness matrix --json` printed | the heat map |
| what `harness fuzz --json` printed, its journal, or a folder of repro files | the campaign |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import BackendError, UsageError
from harness.report.run_page import run_page, write_report

if TYPE_CHECKING:
    from pathlib import Path

HINT = "name a run directory, a repro file, or what harness matrix --json or harness fuzz --json printed"


def write_page(path: Path, out: Path | None = None, *, allow_command: bool = False) -> Path:
    """Write the page of what lies at `path`; returns where the page lies.

    Raises:
        UsageError: it is nothing that a page can be made of.
        BackendError: the page cannot be written.
    """
    repros = sorted(path.glob("repro-*.toml")) if path.is_dir() else []
    if path.is_dir() and not repros:
        return write_report(path, out)
    if repros:
        return keep(_folder_page(path, repros), out or path / "report.html")
    if not path.exists():
        raise UsageError(f"nothing lies at {path}", hint=HINT)
    place = out or path.with_name(f"{path.stem}.html")
    if path.suffix == ".toml":
        from harness.explain.played import play_repro

        return keep(run_page(*play_repro(path, allow_command=allow_command)), place)
    return keep(_file_page(path), place)


def keep(page: str, place: Path) -> Path:
    """Write a page to its place.

    Raises:
        BackendError: it cannot be written.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(page, encoding="utf-8")
    except OSError as error:
        raise BackendError(
            f"cannot write {place}: {error.strerror}", hint="name another place: -o FILE"
        ) from error
    return place


def _folder_page(folder: Path, files: list[Path]) -> str:
    from harness.report.campaign_page import campaign_page, failed_file

    failures = [failed_file(file, str(file)) for file in files]
    figures = {"distinct failures": len(failures)}
    return campaign_page(failures, figures, name=str(folder), pipeline=_pipeline(failures))


def _file_page(path: Path) -> str:
    from harness.report.campaign_page import campaign_page, failures_in, failures_of_journal
    from harness.report.matrix_page import matrix_page

    lines = _objects(path)
    first = lines[0]
    if "pipelines" in first and "scenarios" in first:
        return matrix_page(first)
    if "campaign" in first:
        failures, figures = failures_of_journal(lines[1:])
        return campaign_page(
            failures, figures, name=path.name, pipeline=str(first["campaign"].get("pipeline", ""))
        )
    if "failures" in first and "examples" in first:
        failures = failures_in(first, path.parent)
        figures = {name: first[name] for name in ("examples", "seconds", "seed") if name in first}
        figures["distinct failures"] = len(failures)
        return campaign_page(failures, figures, name=path.name, pipeline=_pipeline(failures))
    raise UsageError(f"{path} is nothing that a page can be made of", hint=HINT)


def _pipeline(failures: list[Any]) -> str:
    names = {failed.repro.script.pipeline for failed in failures if failed.repro}
    return names.pop() if len(names) == 1 else ""


def _objects(path: Path) -> list[dict[str, Any]]:
    """One JSON object, or one a line; a last line cut short is left out."""
    try:
        body = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", hint=HINT) from error
    try:
        whole = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = []
        for line in body.splitlines():
            try:
                found.append(orjson.loads(line))
            except orjson.JSONDecodeError:
                break
    else:
        found = [whole]
    if not found or not all(isinstance(one, dict) for one in found):
        raise UsageError(f"{path} holds no JSON object", hint=HINT)
    return found

"""A failing example as a file: steps that a person can read, edit and put in another order.

    version = 1
    pipeline = "clickpipes"
    steps = [
      { do = "write", what = "w000001", put = { id = "k0", value = 7 } },
      { do = "deliver", what = "w000001" },
      { do = "start" },
      { do = "release", what = "clickhouse INSERT things", how = "lost-answer" },
      { do = "kill", how = "before" },
    ]
    [expect]
    check = "no_lost_update"
    [scenario]
    …

docs/fuzz.md explains every member.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.checks.check import key_shown
from harness.errors import HarnessError, ScenarioError, nearest
from harness.faults.fault import known_faults
from harness.fuzz.failure import Failure, signature
from harness.fuzz.script import Script
from harness.fuzz.steps_toml import read_step, read_write, step_as_toml, write_as_toml
from harness.fuzz.story import ENDS, REST, story
from harness.fuzz.toml import inline, lines_of_entries, table
from harness.scenario.load import build, parse, shown

if TYPE_CHECKING:
    from harness.fuzz.written import Written
    from harness.run.step_actions import Action
    from harness.scenario.model import Scenario

VERSION = 1
_MEMBERS = ("version", "pipeline", "exported", "steps", "expect", "scenario", "folder")
_STEPS = [
    *("write", "deliver", "release", "start", "kill", "stop", "land", "advance"),
    *("split", "merge", "reshard", "roll", "export", "outage", "incremental-export"),
    "lose-checkpoints",
    *("keep-checkpoints", "roll-back-checkpoints", "truncate", "add-column", "alter-column"),
    *("destination-off", "destination-on", "gap", "repair-gap", "change-precision", "clock-step"),
    "enable-time-to-live",
]


@dataclass(frozen=True, slots=True)
class Repro:
    """What a file holds.

    Attributes:
        script: to be played.
        expected: the failure that it showed.
        lines: of each step in the file; empty for one that was not read from a file.
        path: where it was read from, as messages call it.
    """

    script: Script
    expected: Failure
    lines: tuple[int, ...] = ()
    path: str = ""

    @property
    def signature(self) -> str:
        """Of the steps as they are."""
        return signature(self.script, self.expected)


def file_name(script: Script, failure: Failure, *, defect: str = "") -> str:
    """`repro-<defect or check>-<signature>.toml`."""
    told = (defect or failure.check).replace("_", "-").replace(":", "-").replace(".", "-")
    return f"repro-{told}-{signature(script, failure)}.toml"


def text_of(repro: Repro, *, name: str) -> str:
    """The file's text.

    Args:
        repro: what to write.
        name: of the file, for the command in its first lines.
    """
    script, failure = repro.script, repro.expected
    writes = {w.name: w for w in script.writes}
    told = key_shown(failure.key)
    lines = [
        f"# {script.pipeline}: {failure.check} fails{f' for {told}' if told else ''}:",
        f"# {' '.join(failure.message.split())}",
        "#",
        *(f"# {number}. {line}" for number, line in enumerate(story(script), 1)),
        f"# {REST}",
        *([f"# {ENDS}{failure.ended}"] if failure.ended else []),
        "#",
        f"#     harness replay {name}",
        "#",
        "# Steps may be edited, left out and put in another order. Requests that no step names are",
        "# answered; after the last step everything is delivered, and the pipeline may come to rest.",
        f"version = {VERSION}",
        f"pipeline = {inline(script.pipeline)}",
    ]
    folder = _folder(script.scenario, Path(name).parent)
    lines += [f"folder = {inline(folder)}", ""] if folder else [""]
    exported = [w for w in script.writes if w.exported]
    if exported:
        lines += ["exported = [", *(_line(_exported(w)) for w in exported), "]", ""]
    steps = [step_as_toml(step, writes) for step in script.steps]
    lines += ["steps = [", *(_line(step) for step in steps), "]", ""]
    expect = {
        "check": failure.check,
        "shape": failure.shape,
        "key": failure.key,
        "message": failure.message,
        "signature": repro.signature,
    }
    lines += [*table("expect", expect, depth=1)]
    lines += table("scenario", _scenario_members(script.scenario))
    return "\n".join(lines).rstrip() + "\n"


def write_repro(repro: Repro, path: Path) -> None:
    """Write the file; folders are made.

    Raises:
        HarnessError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text_of(repro, name=shown(path)), encoding="utf-8")
    except OSError as error:
        raise HarnessError(
            f"cannot write {path}: {error.strerror}", hint="pass --out a folder you may write to"
        ) from error


def read_repro(path: Path) -> Repro:
    """Read a file.

    Raises:
        ScenarioError: unreadable, or a mistake in it; the message has file and line.
    """
    name = shown(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{name}: expected a readable TOML file, found: {error}") from None
    return parse_repro(text, name, path)


def parse_repro(text: str, name: str, path: Path) -> Repro:
    """As `read_repro`, from its text."""
    data = parse(text, name)
    for member in data:
        if member not in _MEMBERS:
            raise ScenarioError(
                f"{name}: expected a member of a repro, found {member!r}",
                hint=nearest(member, _MEMBERS),
            )
    if data.get("version") != VERSION:
        raise ScenarioError(f"{name}: expected version = {VERSION}, found {data.get('version')!r}")
    for member, kind in (("steps", list), ("expect", dict), ("scenario", dict), ("pipeline", str)):
        if not isinstance(data.get(member), kind):
            raise ScenarioError(f"{name}: expected {member}, found {data.get(member)!r}")
    folder = data.get("folder", ".")
    if not isinstance(folder, str):
        raise ScenarioError(f"{name}: expected the scenario's folder, found {folder!r}")
    scenario = build(_without_drawing(data["scenario"]), name, path.parent / folder)
    scenario.keep_folder(path.parent / folder, origin=path.parent)
    exact = tomllib.loads(text, parse_float=Decimal)
    keys = [part.attribute_name for part in scenario.table.key_schema]
    writes: list[Written] = []
    for line, members in _entries(text, "exported", exact, name):
        writes.append(_at(name, line, read_write, members, keys, exported=True))
    steps: list[Action] = []
    lines: list[int] = []
    for line, members in _entries(text, "steps", exact, name):
        step = _at(name, line, _checked_step, members)
        if step.do == "write":
            writes.append(_at(name, line, read_write, members, keys, exported=False))
        steps.append(step)
        lines.append(line)
    _require_written_once(name, steps, lines, writes)
    expect = data["expect"]
    expected = Failure(
        str(expect.get("check", "")),
        str(expect.get("shape", "")),
        {str(k): str(v) for k, v in dict(expect.get("key", {})).items()},
        str(expect.get("message", "")),
    )
    script = Script(scenario, data["pipeline"], tuple(writes), tuple(steps))
    return Repro(script, expected, tuple(lines), name)


def with_pipeline(repro: Repro, pipeline: str) -> Repro:
    """The same steps for another pipeline."""
    return replace(repro, script=replace(repro.script, pipeline=pipeline)) if pipeline else repro


def _checked_step(members: dict[str, Any]) -> Action:
    step = read_step(members)
    if step.do not in _STEPS:
        raise ScenarioError(f"expected a kind of step, found {step.do!r}", hint=_near(step.do))
    if step.do == "release" and step.how != "ok":
        names = ["ok", *(n for n in known_faults().names() if n != "none")]
        if step.how not in names:
            raise ScenarioError(
                f"expected how = 'ok' or a fault, found {step.how!r}",
                hint=nearest(step.how, names),
            )
    return step


def _near(name: str) -> str:
    return nearest(name, _STEPS)


def _require_written_once(
    name: str, steps: list[Action], lines: list[int], writes: list[Written]
) -> None:
    """Each write has one name, and what is delivered was written before."""
    exported = {w.name for w in writes if w.exported}
    seen: dict[str, int] = {}
    places = {s.what: line for s, line in zip(steps, lines, strict=True) if s.do == "write"}
    for step, line in zip(steps, lines, strict=True):
        if step.do == "write":
            if step.what in seen or step.what in exported:
                raise ScenarioError(f"{name}: line {line}: {step.what} is written a second time")
            seen[step.what] = line
        elif step.do == "deliver" and step.what not in seen:
            later = places.get(step.what)
            told = f"only on line {later}" if later else "by no step"
            raise ScenarioError(
                f"{name}: line {line}: cannot deliver {step.what}: it is written {told}"
            )


def _entries(
    text: str, member: str, data: dict[str, Any], name: str
) -> list[tuple[int, dict[str, Any]]]:
    found = data.get(member, [])
    lines = lines_of_entries(text, member)
    if len(lines) != len(found) or not all(isinstance(one, dict) for one in found):
        raise ScenarioError(
            f"{name}: expected {member} as a list of tables in braces, found another form",
            hint='steps = [ { do = "start" }, … ]',
        )
    return list(zip(lines, found, strict=True))


def _at(name: str, line: int, read: Any, *arguments: Any, **named: Any) -> Any:
    try:
        return read(*arguments, **named)
    except ScenarioError as error:
        raise ScenarioError(f"{name}: line {line}: {error.message}", hint=error.hint) from None


def _exported(write: Written) -> dict[str, Any]:
    return {"what": write.name, **write_as_toml(write)}


def _line(members: dict[str, Any]) -> str:
    return f"  {inline(members)},"


def _folder(scenario: Scenario, place: Path) -> str:
    """Where a command of the scenario and its data lie, from the repro's own folder."""
    workload = scenario.workload
    if not (scenario.pipeline.is_own_code or workload.from_export or workload.from_records):
        return ""
    found = Path(os.path.relpath(scenario.folder.resolve(), place.resolve())).as_posix()
    return "" if found == "." else found


def _without_drawing(members: dict[str, Any]) -> dict[str, Any]:
    """The scenario's members, but that nothing is drawn: all that is written is in the steps.

    As many changes stay as the acts of its operator are placed by.
    """
    given, acts = members.get("workload", {}), members.get("operator", [])
    if not isinstance(given, dict) or not isinstance(acts, list):
        return members
    places = [act.get("after_changes") for act in acts if isinstance(act, dict)]
    changes = max((place for place in places if isinstance(place, int)), default=0)
    return {**members, "workload": {"items": 0, "changes": max(0, changes), **given}}


def _scenario_members(scenario: Scenario) -> dict[str, Any]:
    """What differs from the defaults, without what the steps say."""
    members: dict[str, Any] = scenario.model_dump(
        mode="json", exclude_defaults=True, exclude_none=True, by_alias=True
    )
    for name in ("stepped", "expect", "sightings", "guards"):
        members.pop(name, None)
    for name in ("items", "changes", "mix", "keys", "burst", "burst_share", "during_snapshot"):
        members.get("workload", {}).pop(name, None)
    return {k: v for k, v in members.items() if v != {}}

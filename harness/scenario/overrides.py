"""`--set key=value`: one key of a scenario changed from the command line."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from harness.errors import ScenarioError, nearest
from harness.scenario.mistakes import keys_at, model_at, part_of
from harness.scenario.model import Scenario

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_./:-]*")


def apply(data: dict[str, Any], override: str) -> None:
    """Change `data`, the parsed file, as one `key.path=value` says.

    The value is written as in TOML; a bare word is taken as text. Lists take a position
    (`table.key_schema.0.attribute_name`), a name with a dot is quoted.

    Raises:
        ScenarioError: no such key, or the value is no TOML.
    """
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ScenarioError(
            f"--set {override}: expected key=value, found {override!r}",
            hint="for example --set workload.items=100",
        )
    steps = _steps(override, key.strip())
    value = _value(override, text.strip())
    _check(override, steps)
    _assign(override, data, steps, value)


def _steps(override: str, key: str) -> list[str]:
    try:
        parsed: Any = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        raise ScenarioError(
            f"--set {override}: expected a dotted key, found {key!r}",
            hint='quote names with odd characters: item."a b".value',
        ) from None
    steps = []
    while isinstance(parsed, dict):
        step, parsed = next(iter(parsed.items()))
        steps.append(step)
    return steps


def _value(override: str, text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        if _WORD.fullmatch(text):
            return text
        raise ScenarioError(
            f"--set {override}: expected a TOML value, found {text!r}",
            hint="""quote text for the shell and for TOML: --set 'description="two words"'""",
        ) from None


def _check(override: str, steps: list[str]) -> None:
    for depth, step in enumerate(steps):
        above = model_at(Scenario, steps[:depth])
        known = keys_at(Scenario, steps[:depth])
        if known and step not in known:
            where = ".".join(steps[:depth]) or "a scenario"
            raise ScenarioError(
                f"--set {override}: expected a key of {where}, found {step!r}",
                hint=nearest(step, known),
            )
        if not known and above in (str, int, float, bool):
            raise ScenarioError(
                f"--set {override}: expected {'.'.join(steps[:depth])} alone, "
                f"found {step!r} below it"
            )


def _assign(override: str, data: dict[str, Any], steps: list[str], value: Any) -> None:
    place: Any = data
    for depth, step in enumerate(steps[:-1]):
        inner = (
            place[_position(override, place, step)]
            if step in place or isinstance(place, list)
            else None
        )
        if inner is None:
            inner = place[step] = {}
        elif isinstance(inner, str):
            inner = place[step] = _spelled_out(steps[: depth + 1], inner)
        if not isinstance(inner, dict | list):
            raise ScenarioError(
                f"--set {override}: expected a table at {'.'.join(steps[: depth + 1])}, "
                f"found {inner!r}"
            )
        place = inner
    place[_position(override, place, steps[-1])] = value


def _position(override: str, place: Any, step: str) -> Any:
    if not isinstance(place, list):
        return step
    if step.isdigit() and int(step) < len(place):
        return int(step)
    raise ScenarioError(
        f"--set {override}: expected a position from 0 to {len(place) - 1}, found {step!r}"
    )


def _spelled_out(steps: list[str], text: str) -> Any:
    """`age = "random_int"` as the table it stands for, so that a key can be set in it."""
    part = part_of(model_at(Scenario, steps))
    if part is None:
        return text
    return {"faker": text} if "faker" in part.model_fields else {"type": text}

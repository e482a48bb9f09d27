"""Which key to explain: the one asked for, or the first that a failing check names."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import UsageError
from harness.explain.material import KeyText, Material, label, wire_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SUMMARY_CHECK = "final_state"
NEAREST_FROM_MAX = 20_000
NEAREST_SHOWN = 3


def failing_key(material: Material) -> KeyText | None:
    """The first key that a failing check names; one that says what is wrong before the summary."""
    failing = [c for c in material.verdict.get("checks", []) if c.get("verdict") == "fail"]
    failing.sort(key=lambda check: check.get("name") == SUMMARY_CHECK)
    for check in failing:
        for finding in check.get("keys", []):
            return _normal(material, tuple(finding["key"].values()))
    return next((key for key, end in material.ends.items() if end.differ), None)


def choose_key(material: Material, wanted: str) -> KeyText:
    """The key that the reader means.

    Args:
        material: the run.
        wanted: `c-1 / 17`, `c-1/17`, `customer_id = c-1, order_id = 17`, or JSON; empty takes the
            first that a failing check names.

    Raises:
        UsageError: there is no such key, or nothing failed and none was asked for.
    """
    if not wanted:
        found = failing_key(material)
        if found is not None:
            return found
        known = _some(material)
        state = material.verdict.get("verdict", "")
        raise UsageError(
            f"no check of {material.name} names a key"
            + (f": the run {state}" if state == "passed" else ""),
            hint=f"name one: --key {label(known[0])!r}" if known else "this run wrote no keys",
        )
    forms = _forms(wanted)
    seen: dict[str, None] = {}
    for key in _all_keys(material):
        if _is(key, forms):
            return key
        if len(seen) < NEAREST_FROM_MAX:
            seen[label(key)] = None
    raise UsageError(
        f"no key {wanted!r} in {material.name}",
        hint=_near(wanted, list(seen)) if seen else "this run wrote no keys",
    )


def _near(wanted: str, known: list[str]) -> str:
    near = get_close_matches(wanted, known, n=NEAREST_SHOWN)
    lead = "did you mean" if near else "keys look like"
    return f"{lead}: {'; '.join(near or known[:NEAREST_SHOWN])}"


def _normal(material: Material, key: tuple[Any, ...]) -> KeyText:
    texts = tuple(str(part) for part in key)
    return texts if texts in material.ends else material.plain_key(texts)


def _forms(wanted: str) -> set[KeyText]:
    """What the reader's words may mean."""
    forms: set[KeyText] = {(wanted,)}
    for mark in (" / ", "/", ","):
        forms.add(tuple(part.strip() for part in wanted.split(mark)))
    if "=" in wanted:
        forms.add(tuple(p.partition("=")[2].strip().strip("'\"") for p in wanted.split(",")))
    if wanted.startswith("{"):
        try:
            given = orjson.loads(wanted)
        except orjson.JSONDecodeError:
            return forms
        wires: Mapping[str, Any] = given if isinstance(given, dict) else {}
        typed = all(isinstance(v, dict) for v in wires.values())
        forms.add(wire_key([], wires) if typed else tuple(str(v) for v in wires.values()))
    return forms


def _is(key: KeyText, forms: set[KeyText]) -> bool:
    return key in forms or tuple(part.strip() for part in key) in forms


def _all_keys(material: Material) -> Iterable[KeyText]:
    yield from material.ends
    names = material.key_names
    for event in material.events():
        if event.get("event") in ("write", "change"):
            yield wire_key(names, event.get("key") or {})


def _some(material: Material) -> list[KeyText]:
    for key in _all_keys(material):
        return [key]
    return []

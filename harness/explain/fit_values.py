"""Rules about what a row is: its key, how often it is there, and what its cells hold."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.explain.case import Case

Named = tuple[str, str]

_DEFAULTS = frozenset({"", "0", "NULL", "False", "[]", "{}", "0.0", "1970-01-01"})
_JOINED = re.compile(r"[\W_]+")


def keys_and_counts(case: Case) -> Iterator[Named]:
    """Rows of keys that nobody wrote, and keys that are there more than once."""
    if case.has_empty_key and case.kind in ("phantom", "resurrected"):
        yield "delete-key-from-new-image", "a row with an empty key is shown, which nobody wrote"
    if "twice" in case.differing:
        yield "duplicate-delivery-uncollapsed", "FINAL shows a key more than once"
    strangers = case.material.strangers
    if case.kind == "resurrected" and strangers and not case.entered_delete:
        yield "delete-key-from-new-image", f"{strangers:,} rows entered with keys of no item"
    if case.kind == "phantom" and not case.has_empty_key:
        yield "row-identity-collapse", "a row whose key was never written"
    if case.kind == "missing" and case.last and case.entered(case.last) and not case.end.rows:
        yield "row-identity-collapse", "its row entered, and a row of another key took its place"
    if case.kind == "resurrected" and case.shown is None and _is_blank(case):
        yield "delete-key-from-new-image", "the delete became a row of empty columns"
    if case.kind == "missing" and not case.rows and case.has_log:
        twin = _twin(case)
        if twin:
            yield "row-identity-collapse", f"no row of it entered, and {twin} may stand for it"


def _is_blank(case: Case) -> bool:
    """The row that ranks highest is alive, and carries no write."""
    best = max(case.rows, key=lambda row: int(row["version"]), default=None)
    return best is not None and not best.get("deleted") and not best.get("id")


def poison(case: Case) -> Iterator[Named]:
    """Records that cannot be stored took others with them."""
    if "poison_isolation" in case.failing:
        yield "poison-record-amplification", "what cannot be stored took other records with it"


def _twin(case: Case) -> str:
    """Another key that is the same to a sink that looks at a part, or that joins the parts."""
    own = case.life.key
    for key in case.material.ends:
        if key == own or len(own) < 2:
            continue
        shared = sum(a == b for a, b in zip(own, key, strict=False))
        if shared == len(own) - 1 or _flat(key) == _flat(own):
            return " / ".join(key)
    return ""


def _flat(key: tuple[str, ...]) -> str:
    return _JOINED.sub("", "".join(key))


def cells(case: Case) -> Iterator[Named]:
    """The right write with a wrong value."""
    source, found = case.end.source, case.end.found
    if case.kind != "altered" or source is None or found is None:
        return
    for name in case.end.wrong:
        yield from _cell(name, source.get(name, ""), found.get(name, ""), case)


def _cell(name: str, expected: str, found: str, case: Case) -> Iterator[Named]:
    if expected.startswith("(cannot be stored") and found in _DEFAULTS:
        yield "wrong-type-becomes-default", f"{name}: {expected} became {found or 'empty'}"
    elif _are_numbers(expected, found) and found not in _DEFAULTS:
        only = case.last is not None and not case.last.deliveries
        if only:
            yield "snapshot-stream-decoder-skew", f"{name}: only the export carried it"
        yield "numeric-narrowing", f"{name}: {expected} became {found}"
    elif expected in _DEFAULTS and found in _DEFAULTS:
        yield (
            "wrong-type-becomes-default",
            f"{name}: {expected or 'empty'} became {found or 'empty'}",
        )
    elif found in _DEFAULTS:
        yield "unmapped-attribute-dropped", f"{name}: {expected} is not there"
        yield "wrong-type-becomes-default", f"{name}: {expected} became {found or 'empty'}"
    elif expected in _DEFAULTS:
        yield "stale-attribute-after-removal", f"{name} is gone, and still shows {found}"
    elif case.last is not None and not case.last.deliveries:
        yield "snapshot-stream-decoder-skew", f"{name}: only the export carried it"


def _are_numbers(expected: str, found: str) -> bool:
    try:
        one, other = Decimal(expected), Decimal(found)
    except InvalidOperation:
        return False
    return one.is_finite() and other.is_finite() and one != other


value_rules = (keys_and_counts, poison, cells)

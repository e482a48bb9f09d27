"""Rules of `[target]` and `[[expect]]`: can this table hold these items, and be compared?"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

import harness.checks as all_checks
from harness.checks.check import checks
from harness.errors import HarnessError, nearest
from harness.scenario.ddl import TargetColumn, columns, key_columns, order_by
from harness.scenario.holds import WOULD_DO, why_not
from harness.scenario.mistakes import Mistake
from harness.scenario.types import INTEGERS, TypeNameError, parse_type
from harness.values.paths import look_up, parse_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.scenario.model import Provider, Scenario
    from harness.workload.values import Attribute, Item

VERSION_TYPES = frozenset({*INTEGERS, "Date", "Date32", "DateTime", "DateTime64"})
WHOLE_ITEM_TYPES = frozenset({"JSON", "String"})


def target_mistakes(scenario: Scenario, samples: dict[str, list[Attribute]]) -> list[Mistake]:
    """Everything that is wrong in `[target]` and `[[expect]]`.

    Args:
        scenario: its key schema and template are known to be right.
        samples: attribute name to a few of its values.
    """
    count = max(len(values) for values in samples.values())
    items = [{name: values[n] for name, values in samples.items()} for n in range(count)]
    found: list[Mistake] = []
    mapped = {column.name: column for column in columns(scenario)}
    for name in scenario.target.columns:
        found += _column(scenario, mapped[name], items)
    if not found:
        found += _sorting(scenario, mapped)
    found += _bookkeeping(scenario)
    found += _expectations(scenario)
    return found


def _column(scenario: Scenario, column: TargetColumn, items: list[Item]) -> Iterator[Mistake]:
    at = ("target", "columns", column.name)
    plain = isinstance(scenario.target.columns[column.name], str)
    type_at = at if plain else (*at, "type")
    try:
        tree = parse_type(column.type)
    except TypeNameError as error:
        yield Mistake(
            type_at, f"expected a ClickHouse type, found {column.type}: {error}", error.hint
        )
        return
    markers = scenario.workload.markers
    if column.attribute_path in (markers.id, markers.counter):
        return
    attribute_at = at if plain else (*at, "attribute")
    try:
        path = parse_path(column.attribute_path)
    except HarnessError as error:
        yield Mistake(
            attribute_at,
            f"expected an attribute path, found: {error.message}",
            "such as address.zip",
        )
        return
    if not path:
        if tree.inner.name not in WHOLE_ITEM_TYPES:
            yield Mistake(
                type_at, f"expected JSON or String for the whole item, found {column.type}"
            )
        return
    missing = _missing(scenario.item, path)
    if missing:
        yield Mistake(attribute_at, *missing)
        return
    values = [value for item in items if (value := look_up(item, path)) is not None]
    reasons = [why_not(tree, value) for value in values]
    if values and all(reasons):
        kind = next(iter(values[0]))
        yield Mistake(
            type_at,
            f"expected a type that holds the attribute {column.attribute_path} ({kind}), "
            f"found {column.type}: {reasons[0]}",
            f"{kind} goes into {WOULD_DO[kind]}",
        )


def _missing(
    item: dict[str, Provider | str], path: tuple[str | int, ...]
) -> tuple[str, str] | None:
    """Why the template has nothing at `path`, and what to do; None when it may have."""
    known: dict[str, Provider | str] | None = item
    for depth, step in enumerate(path):
        if isinstance(step, int) or known is None:
            return None
        if step not in known:
            where = "the item template" if not depth else f"item.{path[0]}.fields"
            return (f"expected an attribute of {where}, found {step!r}", nearest(step, known))
        provider = known[step]
        known = None if isinstance(provider, str) else provider.fields
    return None


def _sorting(scenario: Scenario, mapped: dict[str, TargetColumn]) -> Iterator[Mistake]:
    target = scenario.target
    shown = key_columns(scenario)
    names = [part.attribute_name for part in scenario.table.key_schema]
    if len(shown) < len(names):
        paths = {column.attribute_path for column in mapped.values()}
        absent = next((name for name in names if name not in paths), names[0])
        yield Mistake(
            ("target", "columns"),
            f"expected a column that shows the key attribute {absent!r}, found none",
            "rows are matched with items by the whole primary key",
        )
    for position, name in enumerate(order_by(scenario)):
        if name not in mapped and name not in (target.version, target.deleted.column):
            yield Mistake(
                ("target", "order_by", position),
                f"expected a column of the target, found {name!r}",
                nearest(name, mapped),
            )
        elif name in mapped and _refused_as_key(scenario, mapped[name]):
            yield Mistake(
                ("target", "columns", name),
                f"expected a sorting column that is not Nullable, found {mapped[name].type}",
                "write the type without Nullable, or set settings.allow_nullable_key = 1",
            )


def _refused_as_key(scenario: Scenario, column: TargetColumn) -> bool:
    allowed = scenario.target.settings.get("allow_nullable_key")
    return parse_type(column.type).nullable and not allowed


def _bookkeeping(scenario: Scenario) -> Iterator[Mistake]:
    target = scenario.target
    deleted = target.deleted
    forms = {
        "column": deleted.column is not None,
        "predicate": deleted.predicate is not None,
        "absent": deleted.absent,
    }
    given = [form for form, is_given in forms.items() if is_given]
    if len(given) != 1:
        yield Mistake(
            ("target", "deleted"),
            f"expected one of column, predicate, absent, found {' and '.join(given) or 'none'}",
            'write deleted = { column = "is_deleted" }',
        )
    for key, name in (("version", target.version), ("deleted.column", deleted.column)):
        if name in target.columns:
            yield Mistake(
                ("target", *key.split(".")),
                f"expected a column of its own, found {name!r}, which shows an attribute",
                "rename one of the two",
            )
    try:
        version = parse_type(target.version_type)
    except TypeNameError as error:
        yield Mistake(
            ("target", "version_type"),
            f"expected a ClickHouse type, found {target.version_type}: {error}",
            error.hint,
        )
    else:
        if version.name not in VERSION_TYPES:
            yield Mistake(
                ("target", "version_type"),
                f"expected an integer or a date, as ReplacingMergeTree asks, found {target.version_type}",
                "UInt64 holds microseconds of ApproximateCreationDateTime",
            )
    if target.ddl and target.created_by == "pipeline":
        yield Mistake(
            ("target", "ddl"),
            f'expected no statements beside created_by = "pipeline", found {len(target.ddl)}',
        )


def _expectations(scenario: Scenario) -> Iterator[Mistake]:
    known = _check_names() if scenario.expect else frozenset()
    for number, expectation in enumerate(scenario.expect):
        for position, name in enumerate(expectation.fails):
            if name not in known:
                yield Mistake(
                    ("expect", number, "fails", position),
                    f"expected the name of a check, found {name!r}",
                    nearest(name, known),
                )


def _check_names() -> frozenset[str]:
    """Names of all checks: each registers itself when its module is imported."""
    for module in pkgutil.iter_modules(all_checks.__path__):
        importlib.import_module(f"{all_checks.__name__}.{module.name}")
    return frozenset(checks.names())

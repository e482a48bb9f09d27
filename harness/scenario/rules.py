"""What holds between the keys of a scenario: each rule yields the mistakes it finds.

The rules draw a few values from the item template, so that wrong provider arguments, a column that
cannot hold its attribute, or too few different keys show before anything is started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.clock import VirtualClock
from harness.errors import nearest
from harness.scenario import width
from harness.scenario.fault_rules import fault_mistakes
from harness.scenario.mistakes import Mistake
from harness.scenario.pipeline_rules import pipeline_mistakes
from harness.scenario.target_rules import target_mistakes
from harness.workload.imported import inside
from harness.workload.items import SOURCES, Template, TemplateError
from harness.workload.values import SCALARS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.scenario.model import Provider, Scenario
    from harness.workload.values import Attribute

SAMPLES = 8
"""Values drawn of each attribute to judge its column by."""


def mistakes(scenario: Scenario, folder: Path) -> list[Mistake]:
    """Everything that is wrong between the keys of a scenario, in the order of the file.

    Args:
        scenario: as it was read.
        folder: where its imports are looked up.
    """
    found = [*_key_schema(scenario), *_providers(scenario)]
    if found:
        return found
    try:
        samples = _samples(scenario)
    except TemplateError as error:
        return [Mistake(("item", *error.path), str(error), error.hint)]
    found += _keys(scenario, samples)
    found += _markers(scenario)
    found += _workload(scenario)
    found += _imports(scenario, folder)
    found += _time_to_live(scenario, samples)
    found += target_mistakes(scenario, samples)
    found += pipeline_mistakes(scenario)
    found += fault_mistakes(scenario)
    if not found:
        found += _width(scenario)
    return found


def _samples(scenario: Scenario) -> dict[str, list[Attribute]]:
    names = [part.attribute_name for part in scenario.table.key_schema]
    template = Template(scenario.item, names, VirtualClock(seed=scenario.seed))
    return {
        name: [source.present(n) for n in range(SAMPLES)]
        for name, source in template.sources.items()
    }


def _key_schema(scenario: Scenario) -> Iterator[Mistake]:
    table = scenario.table
    kinds = [part.key_type for part in table.key_schema]
    names = [part.attribute_name for part in table.key_schema]
    if kinds not in (["HASH"], ["HASH", "RANGE"]):
        yield Mistake(
            ("table", "key_schema"),
            f"expected HASH, or HASH and RANGE, found {' and '.join(kinds)}",
        )
    if len(set(names)) < len(names):
        yield Mistake(("table", "key_schema"), f"expected two attributes, found {names[0]!r} twice")
    defined = {part.attribute_name for part in table.attribute_definitions}
    for name in names:
        if name not in defined:
            yield Mistake(
                ("table", "attribute_definitions"),
                f"expected the type of the key attribute {name!r}, "
                f"found {', '.join(sorted(defined)) or 'none'}",
                f'add {{ attribute_name = "{name}", attribute_type = "S" }}',
            )
    for name in sorted(defined.difference(names)):
        yield Mistake(
            ("table", "attribute_definitions"),
            f"expected key attributes alone, found {name!r}",
            "DynamoDB refuses definitions of attributes that no key uses",
        )
    for name in names:
        if name not in scenario.item:
            yield Mistake(
                ("item", name),
                f"expected the key attribute {name!r} in the item template, "
                f"found {', '.join(scenario.item)}",
                f"add {name} = {{ sequence = 'k-{{n}}' }}",
            )


def _providers(scenario: Scenario) -> Iterator[Mistake]:
    for name, provider in scenario.item.items():
        yield from _provider(("item", name), provider)


def _provider(path: tuple[str, ...], provider: Provider | str) -> Iterator[Mistake]:
    if isinstance(provider, str):
        return
    given = [source for source in SOURCES if getattr(provider, source) is not None]
    wanted = [] if provider.type == "NULL" else [1]
    if len(given) != len(wanted) and not (provider.type == "NULL" and given == ["value"]):
        yield Mistake(
            path,
            f"expected one of {', '.join(SOURCES)}, found {' and '.join(given) or 'none'}",
            "a bare text names a faker provider",
        )
    if provider.args and provider.faker is None:
        yield Mistake((*path, "args"), "expected arguments beside faker alone, found args")
    if provider.optional + provider.null > 1:
        total = provider.optional + provider.null
        yield Mistake(
            (*path, "null"), f"expected optional and null to be 1 at most together, found {total:g}"
        )
    for name, field in (provider.fields or {}).items():
        yield from _provider((*path, "fields", name), field)
    if provider.items is not None:
        yield from _provider((*path, "items"), provider.items)


def _keys(scenario: Scenario, samples: dict[str, list[Attribute]]) -> Iterator[Mistake]:
    wanted = {
        part.attribute_name: part.attribute_type for part in scenario.table.attribute_definitions
    }
    for part in scenario.table.key_schema:
        name = part.attribute_name
        provider = scenario.item[name]
        if not isinstance(provider, str) and (provider.optional or provider.null):
            key = "optional" if provider.optional else "null"
            yield Mistake(
                ("item", name, key), "expected a key attribute in every item, found a share without"
            )
        for sample in samples[name]:
            kind, value = next(iter(sample.items()))
            if kind not in SCALARS:
                yield Mistake(
                    ("item", name), f"expected S, N or B, as a key has, found {kind}: {value!r}"
                )
            elif kind != wanted[name]:
                yield Mistake(
                    ("item", name),
                    f"expected {wanted[name]}, as table.attribute_definitions says, "
                    f"found {kind}: {value!r}",
                    f'write type = "{wanted[name]}", or change attribute_type',
                )
            elif value == "":
                yield Mistake(
                    ("item", name), "expected a key attribute that is not empty, found an empty one"
                )
            else:
                continue
            break


def _markers(scenario: Scenario) -> Iterator[Mistake]:
    markers = scenario.workload.markers
    for field, name in (("id", markers.id), ("counter", markers.counter)):
        if name and name in scenario.item:
            yield Mistake(
                ("workload", "markers", field),
                f"expected an attribute that the item template does not have, found {name!r}",
                'choose another name, or "" to write no marker',
            )
    if markers.id and markers.id == markers.counter:
        yield Mistake(
            ("workload", "markers", "counter"),
            f"expected another name than markers.id, found {markers.counter!r}",
        )


def _workload(scenario: Scenario) -> Iterator[Mistake]:
    workload = scenario.workload
    mix = workload.mix
    drawn = workload.changes and workload.from_records is None
    starts = workload.items or workload.from_export is not None
    if drawn and not (mix.insert or (starts and (mix.replace or mix.update or mix.delete))):
        yield Mistake(
            ("workload", "mix"),
            "expected a change that is possible, found "
            + ("no weight for a live item" if starts else "no items and no weight for insert"),
            "give insert a weight",
        )
    rest = len(scenario.item) - len(scenario.table.key_schema)
    if drawn and mix.update and not rest and not (workload.markers.id or workload.markers.counter):
        yield Mistake(
            ("workload", "mix", "update"),
            "expected an attribute beside the key to update, found none",
            "set update = 0, or add an attribute",
        )
    if workload.burst_share and workload.burst < 2:
        yield Mistake(
            ("workload", "burst"),
            f"expected 2 or more changes a burst beside burst_share, found {workload.burst}",
        )


def _imports(scenario: Scenario, folder: Path) -> Iterator[Mistake]:
    for key in ("from_export", "from_records"):
        name = getattr(scenario.workload, key)
        if name is None:
            continue
        path = ("workload", key)
        wanted = "a folder" if key == "from_export" else "a file"
        target = inside(folder, name)
        if target is None:
            yield Mistake(
                path,
                f"expected {wanted} below the scenario's own, found {name!r}, which leads out of it",
                "copy the data beside the scenario file",
            )
        elif not (target.is_dir() if key == "from_export" else target.is_file()):
            found = "nothing there" if not target.exists() else "something else"
            yield Mistake(
                path,
                f"expected {wanted} at {name!r}, found {found}",
                "paths start at the scenario's folder",
            )


def _time_to_live(scenario: Scenario, samples: dict[str, list[Attribute]]) -> Iterator[Mistake]:
    ttl = scenario.table.time_to_live
    if ttl is None:
        return
    path = ("table", "time_to_live", "attribute_name")
    found = samples.get(ttl.attribute_name)
    if found is None:
        yield Mistake(
            path,
            f"expected an attribute of the item template, found {ttl.attribute_name!r}",
            nearest(ttl.attribute_name, scenario.item),
        )
    elif not any("N" in sample for sample in found):
        kind = next(iter(found[0]))
        yield Mistake(path, f"expected a number of epoch seconds, found {kind}")


def _width(scenario: Scenario) -> Iterator[Mistake]:
    workload = scenario.workload
    names = [part.attribute_name for part in scenario.table.key_schema]
    room = width.different_keys([scenario.item[name] for name in names])
    wanted = 0 if workload.from_export else workload.items
    if workload.from_records is None:
        mix = workload.mix
        total = mix.insert + mix.replace + mix.update + mix.delete + mix.reinsert
        wanted += round(workload.changes * mix.insert / total) if total else 0
    if room is not None and room < wanted:
        yield Mistake(
            ("item", names[0]),
            f"expected providers that can draw {wanted:,} different keys, found that "
            f"{' and '.join(names)} can draw {room:,} at most",
            "widen them (sequence = 'u-{n}' never runs out) or lower workload.items",
        )

"""Where examples are drawn from: a scenario made small, and varied from example to example.

Examples of twenty writes on a handful of keys find what a million writes on a million keys find, and
can be read afterwards. What a scenario says of table, target and values is kept; how much is written,
in which mix, on how many shards and with which bounds is drawn.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.faults.fault import known_faults
from harness.pipelines.pipeline import pipelines
from harness.scenario.load import build, load_scenario, parse
from harness.scenario.model_pipeline import Pipeline

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 - the type alone

    from harness.scenario.model import Scenario

NAME = "fuzz"
GROUND = """
name = "fuzz"
description = "a few items of several types, written, deleted and written again"

[table]
table_name = "things"
key_schema = [{ attribute_name = "id", key_type = "HASH" }]
attribute_definitions = [{ attribute_name = "id", attribute_type = "S" }]

[item]
id = { sequence = "k{n}" }
value = { faker = "random_int", args = { min = 0, max = 1000000 } }
label = { faker = "word", optional = 0.2 }
price = { type = "N", choice = ["0", "-1.5", "12345678901234567890.123456789", "1e-9"] }
tags = { type = "SS", items = "word", length = [1, 3], optional = 0.2 }

[target]
table = "things"

[target.columns]
id = "String"
value = "Int64"
label = "Nullable(String)"
price = "Decimal(38, 9)"
tags = "Array(String)"
"""

_MILLISECONDS = "stream.approximate_creation_date_time_precision=MILLISECOND"
_DEDUPLICATES = "target.settings={non_replicated_deduplication_window=1000}"

ROTATION: tuple[tuple[str, ...], ...] = (
    ("",), ("redelivery",), ("crash",),
    ("", _MILLISECONDS), ("small-values",), ("snapshot-hand-off",),
    ("", _DEDUPLICATES), ("reshard",), ("version-ties",),
    ("",), ("outage",), ("composite-keys",),
    ("destination-gap",), ("poison",), ("time-to-live",),
    ("", _DEDUPLICATES), ("order-sensitive",), ("deduplication-window",),
    ("",), ("expired-iterators",), ("large-items",),
)  # fmt: skip
"""What is drawn from when no scenario is named; the empty name is the one above.

It comes with coarse stamps too, and with a target that drops repeated inserts as replicated ones do.
"""

READS_AGAIN = ("zombies_max", "stops_max", "rollbacks_max", "lost_checkpoints_max")
"""Bounds of what makes a pipeline read again: not drawn where a scenario says that none is killed."""

STREAMS_READER = "clickpipes-streams"
"""Reads DynamoDB Streams, so the table must have one."""

CHANGES_MAX = 20
ITEMS_MAX = 4
EXPORT_SHARE, OWN_EXPORT_SHARE = 0.3, 0.6
"""Of the examples that may have an export: of the ground that comes with fuzzing, of scenarios."""

FRESH_SHARE = 0.35
"""In so many examples most keys are written once: nothing that comes later hides a loss."""

FRESH = 4.0
SHARDS = (1, 1, 2, 2, 3)


def grounds(name: str, pipeline: str, *, overrides: tuple[str, ...] = ()) -> list[Scenario]:
    """What the examples of a campaign are drawn from, in turn.

    A pipeline that ships follows whatever table a scenario has, so it meets all of them. One of the
    reader's own is made for one table, as the published recipe is.

    Args:
        name: of a scenario or its file; empty for those that suit the pipeline.
        pipeline: as of `ground`.
        overrides: as of `ground`.

    Raises:
        ScenarioError: as of `ground`.
    """
    if not name and pipeline == "guide":
        name = "guide-recipe"
    follows = not pipeline or pipeline in pipelines().names()
    if name or not follows:
        return [ground(name, pipeline, overrides=overrides)]
    made = {
        (first, *own): ground(first, pipeline, overrides=(*own, *overrides))
        for first, *own in dict.fromkeys(ROTATION)
    }
    return [made[one] for one in ROTATION]


def ground(name: str = "", pipeline: str = "", *, overrides: tuple[str, ...] = ()) -> Scenario:
    """What to draw from.

    Args:
        name: of a scenario or its file; empty for the small one that comes with fuzzing.
        pipeline: what to put under test instead of the scenario's: a name, or `module:name` of a
            class or function, found from the current folder.
        overrides: `key.path=value`, as of `harness run --set`.

    Raises:
        ScenarioError: no such scenario, or a mistake in it.
    """
    if name:
        scenario = load_scenario(name, overrides=overrides)
    else:
        from harness.scenario.overrides import apply

        data = parse(GROUND, NAME)
        for override in overrides:
            apply(data, override)
        scenario = build(data, NAME, Path.cwd())
    update: dict[str, Any] = {}
    if pipeline == STREAMS_READER and scenario.table.stream_view_type is None:
        streams = {"stream_view_type": "NEW_AND_OLD_IMAGES"}
        update["table"] = scenario.table.model_copy(update=streams)
    # An example is judged by itself: what a whole run is expected to show says nothing of it.
    update |= {"expect": [], "sightings": []}
    if ":" in pipeline:
        update["pipeline"] = Pipeline(name=pipeline, python=pipeline)
        scenario.keep_folder(Path.cwd())
    folder = scenario.folder
    scenario = scenario.model_copy(update=update)
    scenario.keep_folder(folder)
    return scenario


def draw(
    base: Scenario,
    random: Random,
    *,
    changes_max: int = CHANGES_MAX,
    fresh_share: float = FRESH_SHARE,
) -> Scenario:
    """One example's scenario; `fresh_share` says how often most keys are to be written once."""
    given = base.workload
    share = EXPORT_SHARE if base.name == NAME else OWN_EXPORT_SHARE
    exports = base.snapshot.export and random.random() < share
    changes = random.randint(2, changes_max)
    workload = given.model_copy(
        update={
            "items": random.randint(1, ITEMS_MAX) if exports else 0,
            "changes": changes,
            "mix": _mix(base, random, fresh_share),
            "keys": given.keys.model_copy(
                update={
                    "distribution": random.choice(("hot", "hot", "uniform")),
                    "hot_keys": random.choice((1, 1, 2)),
                    "hot_share": random.choice((0.5, 0.8, 1.0)),
                }
            ),
            "burst": random.choice((1, 2, 4)),
            "burst_share": random.choice((0.0, 0.3, 0.6)),
        }
    )
    stream = base.stream
    if "shard_count" not in stream.model_fields_set:
        stream = stream.model_copy(update={"shard_count": random.choice(SHARDS)})
    return base.model_copy(
        update={
            "seed": random.getrandbits(48),
            "workload": workload,
            "stream": stream,
            "snapshot": base.snapshot.model_copy(update={"export": exports}),
            "stepped": _bounds(base, random, exports=exports),
        }
    )


def _mix(base: Scenario, random: Random, fresh_share: float) -> Any:
    """Every kind of change, some of them often."""
    mix = base.workload.mix
    weights = {}
    for kind in type(mix).model_fields:
        weight = getattr(mix, kind)
        weights[kind] = max(weight, 0.1) * random.choice((0.3, 1.0, 3.0)) if weight else 0.0
    weights["insert"] = max(weights["insert"], 0.1)
    if random.random() < fresh_share:
        weights["insert"] = FRESH * sum(weights.values())
    return mix.model_copy(update=weights)


def _bounds(base: Scenario, random: Random, *, exports: bool) -> Any:
    """What may go wrong: the scenario's own word, where it says something."""
    given = base.stepped
    copies = random.choice((0, 1, 3))
    drawn: dict[str, Any] = {
        "faults": allowed_faults(base),
        "faults_max": random.choice((0, 1, 2, 4)),
        "kills_max": random.choice((0, 1, 1, 2)),
        "reshards_max": random.choice((0, 0, 1, 2)),
        "copies_max": copies,
        # What is to come again later takes a place in the window.
        "reorder_window": random.choice((1, 2, 4)) + copies,
        "lost_checkpoints_max": random.choice((0, 0, 0, 1)),
        "exports_max": random.choice((0, 0, 1)) if exports else 0,
        "zombies_max": random.choice((0, 0, 0, 1)),
        "stops_max": random.choice((0, 0, 1)),
        "rollbacks_max": random.choice((0, 0, 0, 1)),
        "alters_max": random.choice((0, 0, 0, 1)) if base.target.created_by == "scenario" else 0,
        "incremental_exports_max": random.choice((0, 0, 0, 1)) if exports else 0,
    }
    if "kills_max" in given.model_fields_set and not given.kills_max:
        # Such a target takes what is read again for what is new.
        drawn |= dict.fromkeys(READS_AGAIN, 0)
    update = {k: v for k, v in drawn.items() if k not in given.model_fields_set}
    return given.model_copy(update=update)


def allowed_faults(scenario: Scenario) -> list[str]:
    """The faults that break no promise, or all where the scenario says so."""
    broken = scenario.faults.breaks_promises
    known = known_faults()
    return [
        name
        for name in known.names()
        if name != "none" and (broken or not known.get(name).breaks_promise)
    ]

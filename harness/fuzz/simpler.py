"""Changes that make a failing example plainer without making it shorter."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.fuzz.written import without_attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.fuzz.script import Script
    from harness.fuzz.written import Written

    Change = Callable[[Script], Script]


def simpler_worlds(script: Script) -> Sequence[Change]:
    """Without an export, without the items that it carries, with one shard."""
    return [_without_export, _without_exported, _with_one_shard]


def simpler_steps(script: Script) -> Sequence[Change]:
    """Plainer kinds of the same step."""
    plainer = {"copy": "", "after": "before", "in-flight": "before"}
    found: list[Change] = []
    for place, step in enumerate(script.steps):
        if step.do in ("deliver", "kill") and step.how in plainer:
            how = plainer[step.how]

            def change(script: Script, place: int = place, how: str = how) -> Script:
                if place >= len(script.steps):
                    return script
                steps = list(script.steps)
                steps[place] = replace(steps[place], how=how)
                return replace(script, steps=tuple(steps))

            found.append(change)
    return found


def simpler_writes(script: Script) -> Sequence[Change]:
    """Puts in place of updates, and each attribute gone that is not needed."""
    keys = {k.attribute_name for k in script.scenario.table.key_schema}
    attributes = sorted({n for w in script.writes for n in _attributes(w)} - keys)

    def without(name: str) -> Change:
        return lambda script: replace(
            script, writes=tuple(_without_attribute(w, name) for w in script.writes)
        )

    return [without(name) for name in attributes]


def _without_export(script: Script) -> Script:
    if not script.scenario.snapshot.export:
        return script
    snapshot = script.scenario.snapshot.model_copy(update={"export": False})
    scenario = script.scenario.model_copy(update={"snapshot": snapshot})
    return replace(
        script, scenario=scenario, writes=tuple(w for w in script.writes if not w.exported)
    )


def _without_exported(script: Script) -> Script:
    return replace(script, writes=tuple(w for w in script.writes if not w.exported))


def _with_one_shard(script: Script) -> Script:
    stream = script.scenario.stream.model_copy(update={"shard_count": 1})
    return replace(script, scenario=script.scenario.model_copy(update={"stream": stream}))


def _attributes(write: Written) -> set[str]:
    if write.update is not None:
        return set(write.update.names.values())
    return set(write.image or ())


def _without_attribute(write: Written, name: str) -> Written:
    if write.image is not None:
        return replace(write, image={k: v for k, v in write.image.items() if k != name})
    if write.update is not None:
        return replace(write, update=without_attributes(write.update, {name}))
    return write

"""The workload of a scenario: its items, then its changes by the weights of the mix.

The images are tracked while the list is drawn, so that each operation knows what it should leave,
an update meets a live item, and a reinsert meets a deleted one.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING

from harness.errors import ScenarioError
from harness.workload.imported import Captured, imported, read_export, read_records
from harness.workload.items import Template, TemplateError
from harness.workload.keys import KeySet, KeyState, is_hot
from harness.workload.operations import Change, Kind, Operation, Phase, Update, key_bytes, marker_id
from harness.workload.updates import Updates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.clock import Clock
    from harness.scenario.model import Scenario
    from harness.workload.values import Item

KINDS: dict[Change, Kind] = {
    "insert": "put",
    "replace": "put",
    "update": "update",
    "delete": "delete",
    "reinsert": "put",
}

KEY_TRIES = 10_000
"""Draws in a row that gave only keys already taken, before the template is found too narrow."""


def generate(scenario: Scenario, clock: Clock) -> list[Operation]:
    """All operations of a scenario, in order.

    The items of `workload.from_export` take the place of drawn ones, the changes of
    `workload.from_records` that of the mix.

    Args:
        scenario: what to write.
        clock: its seed decides everything; its time is not read.

    Raises:
        ScenarioError: the template cannot give that many different keys, the mix allows nothing,
            or imported data cannot be read.
    """
    workload, folder = scenario.workload, scenario.folder
    items = captured = None
    if workload.from_export is not None:
        items = read_export(imported(folder, workload.from_export))
    if workload.from_records is not None:
        captured = read_records(imported(folder, workload.from_records))
    with _without_collector():
        try:
            return list(Mixer(scenario, clock).operations(items, captured))
        except TemplateError as error:
            path = ".".join(("item", *error.path))
            raise ScenarioError(f"{scenario.name}: {path}: {error}", hint=error.hint) from None


@contextmanager
def _without_collector() -> Iterator[None]:
    """Hundreds of thousands of dicts without a cycle: collecting them takes a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Mixer:
    """Draws operations and tracks the items they leave."""

    def __init__(self, scenario: Scenario, clock: Clock) -> None:
        workload = scenario.workload
        self._scenario = scenario
        self._workload = workload
        self._keys = [part.attribute_name for part in scenario.table.key_schema]
        self._template = Template(scenario.item, self._keys, clock)
        self._updates = Updates(self._template, workload.markers, clock)
        self._chance = clock.substream("mix").random
        picks = clock.substream("keys").random
        self._live = KeySet(workload.keys, picks)
        self._dead = KeySet(workload.keys, picks)
        self._states: dict[bytes, KeyState] = {}
        self._number = 0
        self._bursts = 0

    def operations(
        self, items: Iterable[Item] | None = None, captured: Iterable[Captured] | None = None
    ) -> Iterator[Operation]:
        """The items, then the changes."""
        if items is None:
            for _ in range(self._workload.items):
                yield self._insert("before")
        else:
            for item in items:
                yield self._write_image("before", self._key_of(item), item)
        if captured is None:
            yield from self._changes()
        else:
            yield from self._repeated(list(captured))

    def _changes(self) -> Iterator[Operation]:
        count = self._workload.changes
        during = round(count * self._workload.during_snapshot)
        burst_chance = self._burst_chance()
        done = 0
        while done < count:
            in_burst = burst_chance and len(self._live) and self._chance() < burst_chance
            length = min(self._workload.burst, count - done) if in_burst else 1
            if length == 1:
                yield self._change("during" if done < during else "after")
                done += 1
                continue
            state = self._live.pick()
            self._bursts += 1
            for _ in range(length):
                phase: Phase = "during" if done < during else "after"
                yield self._change_of(phase, state, self._bursts)
                done += 1

    def _burst_chance(self) -> float:
        """Chance that the next change starts a burst, so that `burst_share` of all are in one."""
        share, length = self._workload.burst_share, self._workload.burst
        if length < 2 or not share:
            return 0.0
        return share / (length * (1 - share) + share)

    def _repeated(self, captured: list[Captured]) -> Iterator[Operation]:
        during = round(len(captured) * self._workload.during_snapshot)
        for done, change in enumerate(captured):
            phase: Phase = "during" if done < during else "after"
            key = self._key_of(change.keys)
            if change.image is not None:
                yield self._write_image(phase, key, change.image)
                continue
            state = self._state(key)
            if state.image is not None:
                yield self._delete(phase, state)
            else:
                yield self._delete_of_nothing(phase, state)

    def _change(self, phase: Phase) -> Operation:
        mix = self._workload.mix
        weights: list[tuple[Change, float]] = [("insert", mix.insert)]
        if len(self._live):
            weights += [("replace", mix.replace), ("update", mix.update), ("delete", mix.delete)]
        if len(self._dead):
            weights.append(("reinsert", mix.reinsert))
        change = self._weighted(weights)
        if change == "insert":
            return self._insert(phase)
        if change == "reinsert" or self._meets_dead_hot_key():
            return self._perform(phase, "reinsert", self._dead.pick(), None)
        return self._perform(phase, change, self._live.pick(), None)

    def _meets_dead_hot_key(self) -> bool:
        """True when the change would have met a hot key, were they not all deleted.

        It then brings one back; otherwise a single hot key, once deleted, would stay cold until the
        mix draws a reinsert.
        """
        if self._live.has_hot or not self._dead.has_hot or not self._workload.mix.reinsert:
            return False
        return self._chance() < self._workload.keys.hot_share

    def _change_of(self, phase: Phase, state: KeyState, burst: int) -> Operation:
        """A change of a given key: what the mix weighs for a live one, reinsert for a dead one."""
        if state.image is None:
            return self._perform(phase, "reinsert", state, burst)
        mix = self._workload.mix
        weights: list[tuple[Change, float]] = [
            ("replace", mix.replace),
            ("update", mix.update),
            ("delete", mix.delete),
        ]
        if not any(weight for _, weight in weights):
            weights = [("replace", 1.0)]
        return self._perform(phase, self._weighted(weights), state, burst)

    def _weighted(self, weights: list[tuple[Change, float]]) -> Change:
        sums = list(accumulate(weight for _, weight in weights))
        if not sums[-1]:
            raise ScenarioError(
                f"{self._scenario.name}: workload.mix: expected a change that is possible, found "
                f"{len(self._live)} live and {len(self._dead)} deleted items and no weight for them",
                hint="give insert a weight, or raise workload.items",
            )
        drawn = self._chance() * sums[-1]
        for (change, _), reached in zip(weights, sums, strict=True):
            if drawn < reached:
                return change
        return weights[-1][0]

    def _perform(
        self, phase: Phase, change: Change, state: KeyState, burst: int | None
    ) -> Operation:
        if change == "delete":
            return self._delete(phase, state, burst)
        if change == "update" and state.image is not None:
            marker = marker_id(self._number)
            update, image = self._updates.draw(state.image, state.number, marker)
            state.image = image
            state.counter += 1
            return self._operation(phase, change, state, update=update, burst=burst)
        return self._put(phase, change, state, self._template.body(state.number, state.key), burst)

    def _insert(self, phase: Phase) -> Operation:
        number = len(self._states)
        for _ in range(KEY_TRIES):
            key = self._template.key(number)
            if key_bytes(key) not in self._states:
                return self._put(
                    phase, "insert", self._state(key), self._template.body(number, key)
                )
        raise ScenarioError(
            f"{self._scenario.name}: item: expected a new key within {KEY_TRIES:,} draws, found only "
            f"the {number:,} that {' and '.join(self._keys)} have given already",
            hint="widen the key attributes' providers (sequence = 'u-{n}' never runs out) "
            "or lower workload.items",
        )

    def _write_image(self, phase: Phase, key: Item, image: Item) -> Operation:
        state = self._state(key)
        change: Change = "insert" if not state.counter else "replace"
        if state.counter and state.image is None:
            change = "reinsert"
        return self._put(phase, change, state, dict(image))

    def _put(
        self,
        phase: Phase,
        change: Change,
        state: KeyState,
        image: Item,
        burst: int | None = None,
    ) -> Operation:
        state.counter += 1
        markers = self._workload.markers
        if markers.id:
            image[markers.id] = {"S": marker_id(self._number)}
        if markers.counter:
            image[markers.counter] = {"N": str(state.counter)}
        if state.image is None:
            if change == "reinsert":
                self._dead.remove(state)
            self._live.add(state)
        state.image = image
        return self._operation(phase, change, state, burst=burst)

    def _delete(self, phase: Phase, state: KeyState, burst: int | None = None) -> Operation:
        state.counter += 1
        state.image = None
        self._live.remove(state)
        self._dead.add(state)
        return self._operation(phase, "delete", state, burst=burst)

    def _delete_of_nothing(self, phase: Phase, state: KeyState) -> Operation:
        """A captured delete of an item that the capture does not hold: sent all the same."""
        if not state.counter:
            self._dead.add(state)
        state.counter += 1
        return self._operation(phase, "delete", state)

    def _state(self, key: Item) -> KeyState:
        found = self._states.get(key_bytes(key))
        if found is None:
            number = len(self._states)
            found = KeyState(key, number, hot=is_hot(self._workload.keys, number))
            self._states[key_bytes(key)] = found
        return found

    def _key_of(self, item: Item) -> Item:
        missing = [name for name in self._keys if name not in item]
        if missing:
            raise ScenarioError(
                f"{self._scenario.name}: workload: expected the key attribute {missing[0]!r} in every "
                f"imported item, found {', '.join(sorted(item)) or 'an empty item'}",
                hint="give table.key_schema the keys of the imported table",
            )
        return {name: item[name] for name in self._keys}

    def _operation(
        self,
        phase: Phase,
        change: Change,
        state: KeyState,
        *,
        update: Update | None = None,
        burst: int | None = None,
    ) -> Operation:
        number = self._number
        self._number += 1
        return Operation(
            number,
            phase,
            KINDS[change],
            change,
            state.key,
            marker_id(number),
            state.counter,
            state.image,
            update,
            burst,
        )

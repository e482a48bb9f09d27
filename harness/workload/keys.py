"""Which key the next change meets: live keys, dead keys, and what makes some of them hot.

Picking, removing and adding take constant time, however many keys there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.scenario.model import Keys
    from harness.workload.values import Item


class KeyState:
    """What the workload knows of one key.

    Attributes:
        key: the primary key.
        number: the how-manieth item of the workload it is, from 0.
        image: the item as it should be now; None when it is deleted.
        counter: writes it has seen, deletes included.
        hot: it belongs to the hot keys.
        position: its place in the pool it is in.
    """

    __slots__ = ("counter", "hot", "image", "key", "number", "position")

    def __init__(self, key: Item, number: int, *, hot: bool) -> None:
        self.key = key
        self.number = number
        self.hot = hot
        self.image: Item | None = None
        self.counter = 0
        self.position = 0


class Pool:
    """Keys to pick from; the last one takes the place of one that leaves."""

    __slots__ = ("members",)

    def __init__(self) -> None:
        self.members: list[KeyState] = []

    def add(self, state: KeyState) -> None:
        """Append a key that is in no pool."""
        state.position = len(self.members)
        self.members.append(state)

    def remove(self, state: KeyState) -> None:
        """Take a key out."""
        last = self.members.pop()
        if last is not state:
            self.members[state.position] = last
            last.position = state.position

    def __len__(self) -> int:
        return len(self.members)


class KeySet:
    """The keys in one condition (live, or deleted), hot ones apart.

    Args:
        keys: the scenario's distribution.
        chance: draws from [0, 1).
    """

    def __init__(self, keys: Keys, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._zipf = keys.distribution == "zipf"
        self._hot_share = keys.hot_share
        self._hot = Pool()
        self._rest = Pool()

    def add(self, state: KeyState) -> None:
        """Take in a key."""
        (self._hot if state.hot else self._rest).add(state)

    def remove(self, state: KeyState) -> None:
        """Let a key go."""
        (self._hot if state.hot else self._rest).remove(state)

    @property
    def has_hot(self) -> bool:
        """True when a hot key is among them."""
        return bool(self._hot.members)

    def pick(self) -> KeyState:
        """A key by the scenario's distribution.

        `zipf` meets the key at place k with a probability near 1/k: the place is count to the
        power of a uniform draw. A key that is deleted leaves its place to the newest one.

        Raises:
            IndexError: there is none.
        """
        hot, rest = self._hot.members, self._rest.members
        if hot and (not rest or self._chance() < self._hot_share):
            return hot[int(self._chance() * len(hot))]
        drawn = self._chance()
        if self._zipf and rest:
            return rest[int(len(rest) ** drawn) - 1]
        return rest[int(drawn * len(rest))]

    def __len__(self) -> int:
        return len(self._hot) + len(self._rest)


def is_hot(keys: Keys, number: int) -> bool:
    """True when item `number` is one of the hot keys: the first ones."""
    return keys.distribution == "hot" and number < keys.hot_keys

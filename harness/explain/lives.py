"""The lives of some keys, collected in one pass over a history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.explain.backdrop import Backdrop, Entries
from harness.explain.life import Life
from harness.explain.material import KeyText, Material, wire_key
from harness.explain.telling import Teller

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.history import Event


class Lives:
    """Collects the lives of some keys in one pass over a history.

    Args:
        material: the run.
        wanted: the keys; None takes all that come.
    """

    def __init__(self, material: Material, wanted: Iterable[KeyText] | None) -> None:
        self._material = material
        self._names = material.key_names
        self._wanted = None if wanted is None else set(wanted)
        self._told: dict[KeyText, list[Event]] = {key: [] for key in wanted or ()}
        target = str(material.scenario.get("target", {}).get("table", ""))
        self.backdrop = Backdrop(target)
        self._counted: Entries | None = None

    def feed(self, event: Event) -> None:
        """One more event."""
        self.backdrop.feed(event)
        if event.get("event") == "sample":
            self._sample(event)
        elif event.get("event") in ("write", "change", "delivery"):
            key = wire_key(self._names, event.get("key") or {})
            if self._wanted is None:
                self._told.setdefault(key, []).append(event)
            elif key in self._wanted:
                self._told[key].append(event)

    def _sample(self, event: Event) -> None:
        """What FINAL showed of the wanted keys, where it was another thing than before."""
        for parts, write in event.get("shown", ()):
            self._see(event["at"], parts, str(write))
        for parts in event.get("gone", ()):
            self._see(event["at"], parts, "")

    def _see(self, at_us: int, parts: list[str], write: str) -> None:
        key = self._material.plain_key(parts)
        if key in self._told:
            self._told[key].append({"at": at_us, "event": "seen", "write": write})

    def feed_all(self) -> None:
        """Feed the whole history."""
        for event in self._material.events():
            self.feed(event)

    def keys(self) -> list[KeyText]:
        """Keys that something was told of."""
        return [key for key, told in self._told.items() if told]

    def _entries(self) -> Entries:
        if self._counted is None:
            self._counted = Entries(self.backdrop.inserts, self._material.applied)
        return self._counted

    def life(self, key: KeyText) -> Life:
        """The life of one of the wanted keys."""
        names = self._names or [f"key {n}" for n in range(len(key))]
        life = Life(key, names, end=self._material.ends.get(key))
        Teller(life, self._told.get(key, []), self.backdrop, self._entries()).tell()
        return life


def life_of(material: Material, key: KeyText) -> tuple[Life, Backdrop]:
    """The life of one key, and what happened around it."""
    lives = Lives(material, [key])
    lives.feed_all()
    return lives.life(key), lives.backdrop

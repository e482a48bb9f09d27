"""Partial updates: SET, REMOVE, ADD and DELETE drawn from the item template.

Every value after an update is one that the template could have drawn: a number is added to by the
difference to its next value, a set keeps within its length. So whatever column can hold the
template's items can hold the updated ones too.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import TYPE_CHECKING

from harness.workload.operations import Update
from harness.workload.values import SETS, Attribute, AttributeValueError, Item, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.clock import Clock
    from harness.scenario.model import Markers
    from harness.workload.items import Source, Template

ATTRIBUTES_MOST = 3
"""Attributes that one update touches, beside the markers."""

ADD_SHARE = 0.5
"""Share of the updates of a number, set, map or list that change it in place."""

IN_PLACE = frozenset({"N", "M", "L", *SETS})
_EXACT = Context(prec=300)


class Updates:
    """Draws the updates of a workload.

    Args:
        template: where values come from.
        markers: attributes that name the write; empty names are off.
        clock: its seed decides.
    """

    def __init__(self, template: Template, markers: Markers, clock: Clock) -> None:
        self._sources = template.attributes
        self._markers = markers
        self._random = clock.substream("updates")
        self._most = min(ATTRIBUTES_MOST, len(self._sources))

    def draw(self, image: Item, n: int, marker: str) -> tuple[Update, Item]:
        """The next update of an item and the image it leaves.

        Args:
            image: the item as it is; not changed.
            n: the item's number.
            marker: id of this write.
        """
        draft = _Draft(image, self._random.random)
        if self._most:
            count = 1 + int(self._random.random() * self._most)
            for source in self._random.sample(self._sources, count):
                draft.change(source, n)
        if self._markers.id:
            draft.set_attribute(self._markers.id, {"S": marker})
        if self._markers.counter:
            draft.add_number(self._markers.counter, "1")
        return draft.finish()


class _Draft:
    """An update that is being put together, with the image that it leaves."""

    __slots__ = ("adds", "chance", "deletes", "image", "names", "removes", "sets", "values")

    def __init__(self, image: Item, chance: Callable[[], float]) -> None:
        self.image = dict(image)
        self.chance = chance
        self.names: dict[str, str] = {}
        self.values: dict[str, Attribute] = {}
        self.sets: list[str] = []
        self.removes: list[str] = []
        self.adds: list[str] = []
        self.deletes: list[str] = []

    def change(self, source: Source, n: int) -> None:
        """Change one attribute, in place where its type and the chance allow."""
        name, before = source.name, self.image.get(source.name)
        in_place = before is not None and next(iter(before)) in IN_PLACE
        if before is not None and in_place and self.chance() < ADD_SHARE:
            changed = self._in_place(source, before, n)
            if changed:
                return
        after = source.draw(n)
        if after is not None:
            self.set_attribute(name, after)
        elif before is not None:
            self.removes.append(self._name(name))
            del self.image[name]
        else:
            self.set_attribute(name, source.present(n))

    def set_attribute(self, name: str, value: Attribute) -> None:
        """SET a whole attribute."""
        self.sets.append(f"{self._name(name)} = {self._value(value)}")
        self.image[name] = value

    def add_number(self, name: str, amount: str) -> None:
        """ADD to a number that the image has, or that starts at zero."""
        before = self.image.get(name, {"N": "0"})["N"]
        self.adds.append(f"{self._name(name)} {self._value({'N': amount})}")
        self.image[name] = {"N": number(_EXACT.add(Decimal(before), Decimal(amount)))}

    def finish(self) -> tuple[Update, Item]:
        """The update and the image after it."""
        clauses = (
            ("SET", self.sets),
            ("REMOVE", self.removes),
            ("ADD", self.adds),
            ("DELETE", self.deletes),
        )
        expression = " ".join(f"{word} {', '.join(parts)}" for word, parts in clauses if parts)
        return Update(expression, self.names, self.values), self.image

    def _in_place(self, source: Source, before: Attribute, n: int) -> bool:
        """Change part of the attribute; False when this value leaves nothing to change."""
        kind, inside = next(iter(before.items()))
        if kind == "N":
            return self._add_difference(source, inside, n)
        if kind == "M":
            return self._change_field(source, inside, n)
        if kind == "L":
            return self._change_element(source, inside, n)
        return self._change_members(source, kind, inside, n)

    def _add_difference(self, source: Source, before: str, n: int) -> bool:
        after = source.present(n)
        if "N" not in after:
            return False
        try:
            amount = number(_EXACT.subtract(Decimal(after["N"]), Decimal(before)))
        except AttributeValueError:
            # 38 digits cannot say the difference.
            return False
        self.add_number(source.name, amount)
        return True

    def _change_field(self, source: Source, before: Item, n: int) -> bool:
        names = list(source.fields)
        if not names:
            return False
        field = source.fields[names[int(self.chance() * len(names))]]
        path = f"{self._name(source.name)}.{self._name(field.name)}"
        fields = dict(before)
        value = field.draw(n)
        if value is None and field.name in fields:
            self.removes.append(path)
            del fields[field.name]
        else:
            value = field.present(n) if value is None else value
            self.sets.append(f"{path} = {self._value(value)}")
            fields[field.name] = value
        self.image[source.name] = {"M": fields}
        return True

    def _change_element(self, source: Source, before: list[Attribute], n: int) -> bool:
        if source.members is None:
            return False
        value = source.members.present(n)
        elements = list(before)
        if not before and not source.length[1]:
            return False
        name = self._name(source.name)
        if len(before) < source.length[1]:
            self.sets.append(f"{name} = list_append({name}, {self._value({'L': [value]})})")
            elements.append(value)
        else:
            position = int(self.chance() * len(before))
            self.sets.append(f"{name}[{position}] = {self._value(value)}")
            elements[position] = value
        self.image[source.name] = {"L": elements}
        return True

    def _change_members(self, source: Source, kind: str, before: list[str], n: int) -> bool:
        if source.members is None:
            return False
        if len(before) > source.length[0] and self.chance() < ADD_SHARE:
            gone = before[int(self.chance() * len(before))]
            self.deletes.append(f"{self._name(source.name)} {self._value({kind: [gone]})}")
            self.image[source.name] = {kind: [member for member in before if member != gone]}
            return True
        if len(before) >= source.length[1]:
            return False
        member = source.members.present(n)[SETS[kind]]
        self.adds.append(f"{self._name(source.name)} {self._value({kind: [member]})}")
        self.image[source.name] = {kind: before if member in before else [*before, member]}
        return True

    def _name(self, name: str) -> str:
        placeholder = f"#a{len(self.names)}"
        for known, taken in self.names.items():
            if taken == name:
                return known
        self.names[placeholder] = name
        return placeholder

    def _value(self, value: Attribute) -> str:
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = value
        return placeholder

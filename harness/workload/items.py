"""Item bodies from a scenario's template: every attribute draws from a random source of its own.

So adding an attribute to a template, or drawing one more often, leaves the values of the others as
they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.workload.fakers import FAST, ProviderError, bind
from harness.workload.values import SCALARS, SETS, Attribute, Item, attribute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from harness.clock import Clock
    from harness.scenario.model import Provider

POOL_SIZE = 1000
"""A slow provider draws this many values; later draws repeat one of them."""

MEMBER_TRIES = 20
"""Draws for each further member of a set before it stays smaller."""

SOURCES = ("faker", "value", "choice", "sequence", "fields", "items")


class TemplateError(ValueError):
    """A provider of the template cannot draw what it says.

    Attributes:
        path: key path below `item`, e.g. `("address", "fields", "city", "faker")`.
        hint: what to do.
    """

    def __init__(self, path: tuple[str, ...], message: str, hint: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.hint = hint


class Source:
    """Draws the values of one attribute.

    Attributes:
        name: of the attribute, or of the field within its map.
        draw: `draw(n)` is the value for item number n, or None where it lacks the attribute.
        present: the same without the chance to be absent or NULL.
        optional: it may be absent.
        fields: sources of a map's attributes, by name.
        members: source of a list's or set's members.
    """

    __slots__ = ("draw", "fields", "kind", "length", "members", "name", "optional", "present")

    def __init__(
        self,
        name: str,
        path: tuple[str, ...],
        provider: Provider | str,
        clock: Clock,
        *,
        pooled: bool = True,
        kind: str | None = None,
    ) -> None:
        self.name = name
        self.fields: dict[str, Source] = {}
        self.members: Source | None = None
        self.kind = kind
        self.optional = False
        self.length = (1, 3)
        if isinstance(provider, str):
            self.present = self._faker(path, (), provider, {}, clock, pooled=pooled)
            self.draw: Callable[[int], Attribute | None] = self.present
            return
        self.kind = kind or provider.type
        self.length = (provider.length[0], provider.length[1])
        self.optional = provider.optional > 0
        self.present = self._present(path, provider, clock, pooled=pooled)
        self.draw = self._with_gaps(path, provider, clock)

    def _present(
        self, path: tuple[str, ...], provider: Provider, clock: Clock, *, pooled: bool
    ) -> Callable[[int], Attribute]:
        if provider.faker is not None:
            return self._faker(
                path, ("faker",), provider.faker, provider.args, clock, pooled=pooled
            )
        if provider.sequence is not None:
            return self._sequence(path, provider.sequence)
        if provider.choice is not None:
            return self._choice(path, provider.choice, clock)
        if provider.fields is not None:
            return self._map(path, provider.fields, clock)
        if provider.items is not None:
            return self._collection(path, provider.items, clock)
        fixed = self._fixed(path, "value", provider.value)
        return lambda _: fixed

    def _with_gaps(
        self, path: tuple[str, ...], provider: Provider, clock: Clock
    ) -> Callable[[int], Attribute | None]:
        absent, null, present = provider.optional, provider.null, self.present
        if not absent and not null:
            return present
        chance = clock.substream("gaps/" + "/".join(path)).random

        def draw(n: int) -> Attribute | None:
            value = present(n)
            drawn = chance()
            if drawn < absent:
                return None
            return {"NULL": True} if drawn < absent + null else value

        return draw

    def _faker(
        self,
        path: tuple[str, ...],
        at: tuple[str, ...],
        name: str,
        args: dict[str, Any],
        clock: Clock,
        *,
        pooled: bool,
    ) -> Callable[[int], Attribute]:
        source = clock.substream("item/" + "/".join(path))
        try:
            next_value = bind(name, args, source)
        except ProviderError as error:
            raise TemplateError(
                (*path, *((error.key,) if at else ())), f"expected {error}", error.hint
            ) from None
        kind = self.kind

        def fresh(_: int) -> Attribute:
            try:
                value = next_value()
            except Exception as error:  # noqa: BLE001 - whatever a provider raises on bad arguments
                raise TemplateError(
                    (*path, *(("args",) if at else ())),
                    f"expected arguments that {name!r} can draw with, found {args!r}: {error}",
                    "see the provider's page in Faker's documentation",
                ) from None
            if kind == "B" and isinstance(value, str):
                value = value.encode()
            return self._fixed(path, "faker", value)

        if not pooled or name in FAST:
            return fresh
        pool: list[Attribute] = []
        chance = clock.substream("pool/" + "/".join(path)).random

        def draw(n: int) -> Attribute:
            if len(pool) == POOL_SIZE:
                return pool[int(chance() * POOL_SIZE)]
            pool.append(fresh(n))
            return pool[-1]

        return draw

    def _sequence(self, path: tuple[str, ...], pattern: str) -> Callable[[int], Attribute]:
        if "{n}" not in pattern:
            raise TemplateError(
                (*path, "sequence"),
                f"expected a text with {{n}} in it, found {pattern!r}",
                "write sequence = 'u-{n}'",
            )
        kind = self.kind or "S"
        self._fixed(path, "sequence", pattern.replace("{n}", "0"))
        before, _, after = pattern.partition("{n}")
        if kind == "S":
            return lambda n: {"S": f"{before}{n}{after.replace('{n}', str(n))}"}
        return lambda n: attribute(pattern.replace("{n}", str(n)), kind)

    def _choice(
        self, path: tuple[str, ...], choice: list[Any], clock: Clock
    ) -> Callable[[int], Attribute]:
        if not choice:
            raise TemplateError(
                (*path, "choice"), "expected one value at least, found an empty list"
            )
        values = [self._fixed(path, "choice", value) for value in choice]
        chance = clock.substream("item/" + "/".join(path)).random
        count = len(values)
        return lambda _: values[int(chance() * count)]

    def _map(
        self, path: tuple[str, ...], fields: Mapping[str, Provider | str], clock: Clock
    ) -> Callable[[int], Attribute]:
        if self.kind not in (None, "M"):
            raise TemplateError((*path, "type"), f"expected 'M' beside fields, found {self.kind!r}")
        self.kind = "M"
        self.fields = {
            name: Source(name, (*path, "fields", name), field, clock)
            for name, field in fields.items()
        }
        draws = [(name, source.draw) for name, source in self.fields.items()]

        def draw(n: int) -> Attribute:
            inner = {}
            for name, of in draws:
                value = of(n)
                if value is not None:
                    inner[name] = value
            return {"M": inner}

        return draw

    def _collection(
        self, path: tuple[str, ...], items: Provider | str, clock: Clock
    ) -> Callable[[int], Attribute]:
        least, most = self.length
        self.kind = kind = self.kind or "L"
        if kind not in ("L", *SETS):
            raise TemplateError(
                (*path, "type"), f"expected 'L', 'SS', 'NS' or 'BS' beside items, found {kind!r}"
            )
        if not (0 if kind == "L" else 1) <= least <= most:
            raise TemplateError(
                (*path, "length"),
                f"expected the least and the most members of {kind!r}, found [{least}, {most}]",
                "a set has one member at least" if kind in SETS else "write length = [1, 3]",
            )
        self.members = member = Source(
            self.name, (*path, "items"), items, clock, kind=SETS.get(kind)
        )
        length = clock.substream("length/" + "/".join(path)).randint

        def draw_list(n: int) -> Attribute:
            drawn = (member.draw(n) for _ in range(length(least, most)))
            return {"L": [value for value in drawn if value is not None]}

        def draw_set(n: int) -> Attribute:
            wanted, members = length(least, most), {}
            for _ in range(wanted * MEMBER_TRIES):
                members[member.present(n)[SETS[kind]]] = True
                if len(members) == wanted:
                    break
            return {kind: list(members)}

        return draw_list if kind == "L" else draw_set

    def _fixed(self, path: tuple[str, ...], at: str, value: Any) -> Attribute:
        try:
            return attribute(value, self.kind)
        except ValueError as error:
            kind = self.kind or "a value"
            raise TemplateError((*path, at), f"expected {kind}, found {value!r}: {error}") from None


class Template:
    """The item template of a scenario.

    Args:
        item: attribute name to provider.
        keys: names of the key attributes.
        clock: its seed decides all values.

    Raises:
        TemplateError: a provider cannot be used.
    """

    def __init__(
        self, item: Mapping[str, Provider | str], keys: Iterable[str], clock: Clock
    ) -> None:
        self.keys = tuple(keys)
        self.sources = {
            name: Source(name, (name,), provider, clock, pooled=name not in self.keys)
            for name, provider in item.items()
        }
        self._key_draws = [(name, self.sources[name].present) for name in self.keys]
        self.attributes = [s for name, s in self.sources.items() if name not in self.keys]
        self._draws = [(source.name, source.draw) for source in self.attributes]

    def key(self, n: int) -> Item:
        """A key for item number `n`; it may have been drawn before."""
        return {name: draw(n) for name, draw in self._key_draws}

    def body(self, n: int, key: Item) -> Item:
        """A whole item with this key."""
        item = dict(key)
        for name, draw in self._draws:
            value = draw(n)
            if value is not None:
                item[name] = value
        return item


def is_scalar(value: Attribute) -> bool:
    """True for the types that a key can have."""
    return next(iter(value)) in SCALARS

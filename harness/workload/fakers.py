"""Faker's providers, made repeatable: fixed locale, one random source per attribute, no today.

Some providers read the machine's date or its random device. Those that take an `end_datetime` get
a fixed one; the others are refused, because the same seed must give the same items next year.
"""

from __future__ import annotations

import datetime
import inspect
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from harness.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random  # noqa: TID251 - the type only; draws come from the clock

LOCALE = "en_US"
END = datetime.datetime(2025, 1, 1)  # noqa: DTZ001 - Faker compares it with naive datetimes

_TIMELESS = frozenset({"timezone", "pytimezone", "century", "time_delta"})
_BETWEEN = {
    "date_between": ("start_date", "end_date"),
    "date_between_dates": ("date_start", "date_end"),
    "date_time_between": ("start_date", "end_date"),
    "date_time_between_dates": ("datetime_start", "datetime_end"),
}
_FOLLOWS_TODAY = frozenset(
    {"credit_card_expire", "credit_card_full", "passport_dates", "passport_dob", "passport_full"}
    | {"passport_owner", "profile", "simple_profile"}
)
_NOT_OF_THE_SEED = frozenset(
    {"color", "color_hsl", "color_hsv", "color_rgb", "color_rgb_float", "passport_gender", "xml"}
)
"""They draw from a random source of their own, or follow the order of a Python set."""

_NO_VALUE = frozenset(
    {"add_element", "enum", "image", "json_bytes", "tar", "zip", "random_choices", "random_sample"}
    | {"pyobject", "pystruct", "pyiterable", "pyset", "pydict", "pylist", "pytuple"}
)
FAST = frozenset({"random_int", "pyint", "random_digit", "pybool", "boolean", "uuid4", "binary"})
"""Providers of two microseconds or less: drawn anew each time, the others from a pool."""


class ProviderError(ValueError):
    """The provider cannot be used like this.

    Attributes:
        key: `faker` when its name is wrong, `args` when its arguments are.
        hint: what to do.
    """

    def __init__(self, key: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.key = key
        self.hint = hint


@lru_cache(maxsize=1)
def _generator() -> Any:
    from faker import Factory

    generator = Factory.create(LOCALE)
    # Only a seeded generator draws `binary` from its random source, not from the machine's.
    generator.seed_instance(0)
    return generator


@lru_cache(maxsize=1)
def provider_names() -> frozenset[str]:
    """Names of all providers that draw a value."""
    names = {
        name
        for provider in _generator().get_providers()
        for name in dir(provider)
        if not name.startswith("_") and callable(getattr(provider, name))
    }
    return frozenset(names - _NO_VALUE)


def bind(name: str, args: dict[str, Any], source: Random) -> Callable[[], Any]:
    """A function that draws the provider's next value from `source` alone.

    Args:
        name: of the provider, e.g. `first_name`.
        args: keyword arguments of the provider, as the scenario gives them.
        source: where its chance comes from.

    Raises:
        ProviderError: unknown name, arguments that it does not take, or one that reads the date.
    """
    if name not in provider_names():
        raise ProviderError(
            "faker", f"a faker provider, found {name!r}", nearest(name, provider_names())
        )
    if name in _NOT_OF_THE_SEED:
        raise ProviderError(
            "faker",
            f"a provider that gives the same values again, found {name!r}, which does not",
            "use another one, such as hex_color for a color",
        )
    generator = _generator()
    method = getattr(generator, name)
    parameters = inspect.signature(method).parameters
    _refuse_unknown(name, args, parameters)
    arguments = _with_fixed_end(name, args, method, parameters)

    def draw() -> Any:
        generator.random = source
        return method(**arguments)

    return draw


def _refuse_unknown(name: str, args: dict[str, Any], parameters: Any) -> None:
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    for argument in args:
        if argument not in parameters and not open_ended:
            takes = ", ".join(parameters) or "none"
            raise ProviderError(
                "args", f"arguments of {name!r}, found {argument!r}", f"it takes: {takes}"
            )


def _with_fixed_end(
    name: str, args: dict[str, Any], method: Any, parameters: Any
) -> dict[str, Any]:
    dated = "date_time" in (inspect.getmodule(method) or inspect).__name__
    if name in _FOLLOWS_TODAY:
        dated, parameters = True, {}
    if not dated or name in _TIMELESS:
        return dict(args)
    ends = _BETWEEN.get(name)
    if ends:
        if all(isinstance(args.get(end), datetime.date) for end in ends):
            return dict(args)
        raise ProviderError(
            "args",
            f"{ends[0]} and {ends[1]} as dates, so that the values do not follow today's date",
            f"write args = {{ {ends[0]} = 2020-01-01T00:00:00, {ends[1]} = 2025-01-01T00:00:00 }}",
        )
    if "end_datetime" in parameters:
        return {"end_datetime": END, **args}
    raise ProviderError(
        "faker",
        f"a provider that gives the same values next year, found {name!r}, which reads the date",
        "use date_time_between with start_date and end_date",
    )

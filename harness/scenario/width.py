"""How many different values a provider can draw, where that can be told from its arguments."""

from __future__ import annotations

import string
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.scenario.model import Provider

_PATTERNS = {
    "bothify": {"#": 10, "%": 9, "?": 52},
    "numerify": {"#": 10, "%": 9},
    "lexify": {"?": 52},
    "hexify": {"^": 16},
}
_FIXED = {
    "random_digit": 10,
    "pybool": 2,
    "boolean": 2,
    "random_letter": len(string.ascii_letters),
    "random_lowercase_letter": 26,
    "random_uppercase_letter": 26,
    "day_of_week": 7,
    "month_name": 12,
    "country_code": 250,
    "color_name": 141,
}
_DEFAULTS = {"bothify": "## ??", "numerify": "###", "lexify": "????", "hexify": "^^^^"}


def different_keys(providers: Iterable[Provider | str]) -> int | None:
    """Upper bound of the different keys that these attributes make together; None when unknown."""
    widths = [different_values(provider) for provider in providers]
    known = [width for width in widths if width is not None]
    return prod(known) if len(known) == len(widths) else None


def different_values(provider: Provider | str) -> int | None:
    """Upper bound of the different values of one attribute; None when it cannot be told."""
    if isinstance(provider, str):
        return _of_faker(provider, {})
    if provider.choice is not None:
        return len(provider.choice)
    if provider.value is not None:
        return 1
    if provider.faker is not None:
        return _of_faker(provider.faker, provider.args)
    return None


def _of_faker(name: str, args: dict[str, object]) -> int | None:
    if name in _FIXED:
        return _FIXED[name]
    if name in _PATTERNS:
        letters = args.get("letters")
        sizes = dict(_PATTERNS[name])
        if isinstance(letters, str) and "?" in sizes:
            sizes["?"] = len(set(letters))
        text = args.get("text", _DEFAULTS[name])
        return prod(sizes.get(character, 1) for character in str(text))
    if name in ("random_int", "pyint"):
        least, most, step = (
            args.get(key, default)
            for key, default in (
                ("min" if name == "random_int" else "min_value", 0),
                ("max" if name == "random_int" else "max_value", 9999),
                ("step", 1),
            )
        )
        if isinstance(least, int) and isinstance(most, int) and isinstance(step, int) and step > 0:
            return (most - least) // step + 1
    return None

"""Keys are scalars: no expression may look inside a key attribute.

Source: the sentences mhart/dynalite's tests recorded from AWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.dynamodb.expressions.binding import ExpressionError

if TYPE_CHECKING:
    from collections.abc import Iterable


def check_scalar_keys(
    nested: frozenset[str], table_keys: Iterable[str], index_keys: Iterable[str] = ()
) -> None:
    """Refuse paths that lead into a key attribute.

    Args:
        nested: first names of an expression's paths of several steps (`.nested`).
        table_keys: names of the table's key attributes.
        index_keys: names of its indexes' key attributes.

    Raises:
        ExpressionError: names the first such key.
    """
    if not nested:
        return
    for noun, keys in (("Key", table_keys), ("IndexKey", index_keys)):
        for key in keys:
            if key in nested:
                raise ExpressionError(
                    "Key attributes must be scalars; list random access '[]' and map lookup '.' "
                    f"are not allowed: {noun}: {key}"
                )

"""Putting something in an object's place for a while, in the types that C code defines too.

`datetime.datetime` takes no attribute from outside. A class of our own in its place would be another
type: `type(value) is datetime` fails, pickle and orjson know nothing of it, and whoever imported the
real one by name does not see it. So the entry of the type itself is exchanged.
"""

from __future__ import annotations

import ctypes
import gc
from typing import Any

_ABSENT = object()


def put_into(where: Any, name: str, value: Any) -> Any:
    """Put `value` in the place of `where.name`.

    Returns:
        What was there by itself, to be put back in the same way.
    """
    before = vars(where).get(name, _ABSENT)
    try:
        if value is _ABSENT:
            delattr(where, name)
        else:
            setattr(where, name, value)
    except TypeError:
        # The type's own dictionary stands behind the view of it that Python shows.
        entries: Any = gc.get_referents(vars(where))[0]
        entries[name] = value
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(where))
    return before

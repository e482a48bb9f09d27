"""What own Python code draws from: the same for the same seed, life by life."""

from __future__ import annotations

import os
import random  # noqa: TID251 - what it stands in for
import sys
import uuid
from typing import TYPE_CHECKING, Any
from zlib import crc32

from harness.run.step_own_time import own_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.run.step_own_time import OwnTime

_REAL_URANDOM = os.urandom
_REAL_SEED: Any = random.Random.seed
SEED_BYTES = 32


def chance() -> Iterator[tuple[Any, str, Any]]:
    """What stands in: `uuid`, `secrets` and `SystemRandom` ask one of these."""
    yield os, "urandom", _urandom
    yield random, "_urandom", _urandom
    yield random.Random, "seed", _seed
    yield random, "seed", _seed_all
    yield uuid, "_generate_time_safe", None
    yield uuid, "_last_timestamp", None


def begin_life(seed: str) -> None:
    """What modules share begins anew."""
    random.seed(seed)
    uuid._last_timestamp = None  # type: ignore[attr-defined]  # noqa: SLF001 - of an earlier life
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(crc32(seed.encode()))


def _urandom(size: int) -> bytes:
    own = own_time()
    return _REAL_URANDOM(size) if own is None else _source(own).randbytes(size)


def _seed(self: Any, a: Any = None, version: int = 2) -> None:
    own = own_time()
    if a is None and own is not None:
        a = _source(own).getrandbits(8 * SEED_BYTES)
    _REAL_SEED(self, a, version)


def _seed_all(a: Any = None, version: int = 2) -> None:
    _seed(random._inst, a, version)  # noqa: SLF001 - as above


def _source(own: OwnTime) -> random.Random:
    """What the caller draws from: while a module is imported, one of the module's own.

    Libraries are imported by the first example alone, and what they draw then must not shift the rest.
    """
    inner: Any = None
    frame: Any = sys._getframe(1)  # noqa: SLF001 - nothing else tells
    while frame is not None and frame.f_code.co_filename != _IMPORTS:
        inner, frame = frame, frame.f_back
    return own.chance("" if frame is None else str(inner.f_globals.get("__name__")))


_IMPORTS = "<frozen importlib._bootstrap>"

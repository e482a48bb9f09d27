from __future__ import annotations

import pytest
from hypothesis import settings

# The same examples each time, and none is too slow on a busy machine: a failure means the code.
settings.register_profile("same-each-time", deadline=None, derandomize=True)
settings.load_profile("same-each-time")

pytest_plugins = ["tests.interop.lane", "tests.containers.lane"]


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name a case of bytes by its argument.

    The bytes themselves may hold the time or chance of the process that collects (a gzip
    header does), and test processes that collect different names refuse to run.
    """
    return argname if isinstance(val, bytes | bytearray) else None

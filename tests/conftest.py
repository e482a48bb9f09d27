from __future__ import annotations

pytest_plugins = ["tests.interop.lane", "tests.containers.lane"]

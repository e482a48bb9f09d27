from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.web.server import ServerThread
from tests.web.echo import Echo

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def url(echo: Echo) -> Iterator[str]:
    with ServerThread(echo) as server:
        yield server.url

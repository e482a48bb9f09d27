"""The reference sync with what it will read already in hand: `python -m harness.bench.sync_held`.

The plain way begins with its records in memory. So that the same is compared with the same, this
pipe asks for all pages of its stream before it begins to work, and keeps them as they were
answered, in base64. From there on it is `clickpipes`, in a process of its own.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Any

from harness.pipelines import process
from harness.pipelines.pipeline import SHIPPED
from harness.pipelines.reference.shards import Page, Start
from harness.pipelines.reference.sync import ClickPipes

if TYPE_CHECKING:
    from harness.pipelines.pipeline import Environment
    from harness.pipelines.reference.aws import Aws
    from harness.pipelines.reference.retry import Retry
    from harness.pipelines.reference.shards import Shard, Source

NAME = "clickpipes-held"


class HeldPipes(ClickPipes):
    """`clickpipes` on a `HeldSource`."""

    def make_source(self, env: Environment, aws: Aws, retry: Retry, report_loss: Any) -> Source:
        """The stream, read to its end."""
        return HeldSource(super().make_source(env, aws, retry, report_loss))


class HeldSource:
    """A stream whose pages are all there.

    Args:
        source: the stream; nobody writes to it any more.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.binary_layers = source.binary_layers
        self.name_shown = source.name_shown
        self._pages = {shard.shard_id: _all_pages(source, shard) for shard in source.shards()}

    def identity(self) -> str:
        """The stream's."""
        return self._source.identity()

    def shards(self) -> list[Shard]:
        """The stream's."""
        return self._source.shards()

    def reader(self, shard_id: str, start: Start) -> HeldReader:
        """A reader of the pages."""
        assert start.kind == "TRIM_HORIZON", "a pipe that is measured is new"
        return HeldReader(shard_id, self._pages[shard_id])


class HeldReader:
    """Hands over one page after the other, then empty ones.

    Args:
        shard_id: of the shard.
        pages: all of it.
    """

    def __init__(self, shard_id: str, pages: deque[Page]) -> None:
        self._empty = Page(shard_id, ())
        self._pages = pages

    def read(self) -> Page:
        """The next page."""
        return self._pages.popleft() if self._pages else self._empty

    def close(self) -> None:
        """Nothing is held open."""


def _all_pages(source: Source, shard: Shard) -> deque[Page]:
    reader, pages = source.reader(shard.shard_id, Start("TRIM_HORIZON")), deque[Page]()
    while not pages or pages[-1].behind_ms:
        pages.append(reader.read())
    reader.close()
    return pages


if __name__ == "__main__":
    SHIPPED[NAME] = (HeldPipes.__module__, HeldPipes.__name__)
    sys.exit(process.main())

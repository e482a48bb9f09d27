"""Defects in the life of shards: which are read, from where, and until when."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.pipelines.reference.kinesis import KinesisSource, PollingReader
from harness.pipelines.reference.shards import AT_TIMESTAMP, Enumerator, Page, Start
from harness.pipelines.reference.stream import StreamSync
from harness.pipelines.reference.sync import ClickPipes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.clock import Clock
    from harness.pipelines.pipeline import Environment
    from harness.pipelines.reference.bookkeeping import Checkpoint
    from harness.pipelines.reference.shards import Shard


class Enumerates(ClickPipes):
    """A sync with another enumerator."""

    enumerator_class: type[Enumerator] = Enumerator

    def make_enumerator(
        self, env: Environment, checkpoints: dict[str, Checkpoint], report_loss: Any
    ) -> Enumerator:
        """The mutant's own."""
        right = super().make_enumerator(env, checkpoints, report_loss)
        made = self.enumerator_class(
            first_start=right._first_start,  # noqa: SLF001 - of its own kind
            checkpoints=checkpoints,
            report_loss=report_loss,
        )
        made.clock = env.clock  # type: ignore[attr-defined] # mutants' own
        return made


class _NoParents(Enumerator):
    def is_ready(self, shard: Shard) -> bool:
        return super().is_ready(replace(shard, parents=()))


class ReadsChildrenAtOnce(Enumerates):
    """Every shard is read as soon as it is listed, its parents read or not."""

    enumerator_class = _NoParents

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        # Small pages: several shards are read in turn.
        self.config = replace(self.config, settings=replace(self.config.settings, read_limit=2))


class _LatestChildren(Enumerator):
    clock: Clock

    def update(self, shards: Iterable[Shard]) -> list[Checkpoint]:
        is_first = self._is_new
        found = super().update(shards)
        if is_first:
            return found
        start = f"{AT_TIMESTAMP} {self.clock.now():.3f}"
        late = [replace(checkpoint, start=start) for checkpoint in found]
        self._checkpoints.update((c.unit, c) for c in late)
        return late


class StartsChildrenAtLatest(Enumerates):
    """A shard that is found later is read from the moment in which it is found."""

    enumerator_class = _LatestChildren


class _ClosedIsDone(Enumerator):
    def is_ready(self, shard: Shard) -> bool:
        has_children = any(shard.shard_id in other.parents for other in self._listed.values())
        if has_children and shard.shard_id not in self._started:
            self.end(shard.shard_id)
        return super().is_ready(shard)


class SkipsClosedShards(Enumerates):
    """A shard that has children already is taken for read to its end."""

    enumerator_class = _ClosedIsDone


class Reads(ClickPipes):
    """A sync with another reader of Kinesis."""

    reader_class: type[PollingReader] = PollingReader

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        reader_class = self.reader_class

        class Source(KinesisSource):
            def reader(self, shard_id: str, start: Start) -> PollingReader:
                self.check_retention(shard_id, start)
                return reader_class(self, shard_id, start)

        self._source_class = Source

    def kinesis_source_class(self) -> type[KinesisSource]:
        """The source of those readers."""
        return self._source_class


class _EmptyIsTheEnd(PollingReader):
    def read(self) -> Page:
        page = super().read()
        return page if page.records else replace(page, ended=True)


class TakesAnEmptyPageForTheEnd(Reads):
    """A page without records ends its shard."""

    reader_class = _EmptyIsTheEnd


class _NeverEnds(PollingReader):
    def read(self) -> Page:
        return replace(super().read(), ended=False)


class NeverEndsAShard(Reads):
    """A missing next iterator is not seen as the end, so the children are never begun."""

    reader_class = _NeverEnds


class _GivesUp(PollingReader):
    is_dead = False

    def renew(self) -> None:
        self.is_dead = True

    def read(self) -> Page:
        return Page(self._shard_id, ()) if self.is_dead else super().read()


class GivesUpExpiredShards(Reads):
    """After an iterator has expired its shard is polled for ever and never read."""

    reader_class = _GivesUp


class _JumpsAhead(PollingReader):
    def renew(self) -> None:
        super().renew()
        self._start = Start("AT_TIMESTAMP", f"{self._source.clock.now():.3f}")


class JumpsToLatest(Reads):
    """After an iterator has expired its shard is read on from the latest record."""

    reader_class = _JumpsAhead


class _ListsOnce(StreamSync):
    is_listed = False

    def refresh(self) -> None:
        if not self.is_listed:
            super().refresh()
        self.is_listed = True
        self._refresh_due_us = self.env.clock.now_us() + 10**12


class ListsShardsOnce(ClickPipes):
    """Shards are listed when the pipe starts and never again."""

    def stream_sync_class(self) -> type[StreamSync]:
        """The one that lists once."""
        return _ListsOnce

"""Defects in versions: which of two rows of one key is the later one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.pipelines.mutants.own_table import OwnTable
from harness.pipelines.reference.stream import StreamSync
from harness.pipelines.reference.sync import ClickPipes
from harness.pipelines.reference.versions import Versioner

if TYPE_CHECKING:
    from harness.clock import Clock
    from harness.pipelines.pipeline import Environment
    from harness.pipelines.reference.records import Change, Decoder


class _CoarseVersioner(Versioner):
    unit_us = 1_000

    def version(self, change: Change, data: bytes, source: Any = None) -> Any:
        return self.layout.version(change.stamp_us // self.unit_us * self.unit_us)


class MillisecondTies(ClickPipes):
    """The version is the stamp in milliseconds and nothing else."""

    versioner_class = _CoarseVersioner

    def make_versioner(self, decoder: Decoder) -> Versioner:
        """The coarse one."""
        window = self.config.settings.tie_window_records
        return self.versioner_class(decoder, self.layout, window_records=window)


class _SecondsVersioner(_CoarseVersioner):
    unit_us = 1_000_000


class SecondTies(MillisecondTies):
    """The version is the stamp in seconds, as DynamoDB Streams gives it."""

    versioner_class = _SecondsVersioner


class _MicrosecondsVersioner(_CoarseVersioner):
    unit_us = 1


class MicrosecondTies(MillisecondTies):
    """The version is the stamp in microseconds, as if no two changes could share one."""

    versioner_class = _MicrosecondsVersioner


class LastArrivalWins(OwnTable):
    """The table replaces rows without a version: what is inserted last stays."""

    def table_statement(self) -> str:
        """Without the version and the deleted column as the engine's arguments."""
        return self.with_engine("ReplacingMergeTree")


class _ProcessingTime(Versioner):
    clock: Clock

    def version(self, change: Change, data: bytes, source: Any = None) -> Any:
        return self.layout.version(self.clock.now_us())


class VersionsByProcessingTime(ClickPipes):
    """The version is the moment in which the record is processed."""

    def run(self, env: Environment) -> None:
        """As the reference, with its clock at hand."""
        self._clock = env.clock
        super().run(env)

    def make_versioner(self, decoder: Decoder) -> Versioner:
        """The one that reads the clock."""
        made = _ProcessingTime(decoder, self.layout, window_records=1)
        made.clock = self._clock
        return made


class _Counted(Versioner):
    counted = 0

    def version(self, change: Change, data: bytes, source: Any = None) -> Any:
        self.counted += 1
        return self.layout.version(1_000_000 + self.counted)


class VersionsByCounter(ClickPipes):
    """The version counts the records that this process has seen."""

    def make_versioner(self, decoder: Decoder) -> Versioner:
        """The counting one."""
        return _Counted(decoder, self.layout, window_records=1)


class _BareNumber(Versioner):
    def version(self, change: Change, data: bytes, source: Any = None) -> Any:
        return self.layout.version(change.stamp_us // change.unit_us)


class BareStampNumbers(ClickPipes):
    """Milliseconds of a stream are compared with the microseconds of the snapshot."""

    def make_versioner(self, decoder: Decoder) -> Versioner:
        """The one that takes the number as it comes."""
        return _BareNumber(decoder, self.layout, window_records=1)


class _DropsSameMillisecond(StreamSync):
    seen: set[Any]

    def decode_record(self, shard_id: str, record: Any) -> Any:
        change = self.decoder.read(record[2])
        identity = (change.key, change.stamp_us // 1000)
        if identity in self.seen:
            raise KnownChange
        self.seen.add(identity)
        return super().decode_record(shard_id, record)

    def _decode(self, shard_id: str, records: Any) -> None:
        for record in records:
            try:
                super()._decode(shard_id, [record])
            except KnownChange:
                continue


class KnownChange(Exception):  # noqa: N818 - a record that is taken for one seen before
    """The record is dropped."""


class DropsSecondChangeOfAMillisecond(ClickPipes):
    """Two changes of one key in one millisecond count as one that was delivered twice."""

    def stream_sync_class(self) -> type[StreamSync]:
        """The one that drops."""

        class Sync(_DropsSameMillisecond):
            seen: set[Any] = set()  # noqa: RUF012 - one set for each pipeline made

        return Sync

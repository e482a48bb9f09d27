"""Defects in what becomes of single records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.pipelines.reference.cells import Cells
from harness.pipelines.reference.column_types import INTEGER_RANGES
from harness.pipelines.reference.records import Decoder
from harness.pipelines.reference.stream import StreamSync
from harness.pipelines.reference.sync import ClickPipes
from harness.pipelines.reference.versions import Versioner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.pipelines.reference.column_types import ColumnType
    from harness.pipelines.reference.records import Change
    from harness.pipelines.reference.shards import Record

DROPPED_EVERY = 50


class _DroppingSync(StreamSync):
    dropped_countdown = DROPPED_EVERY

    def _decode(self, shard_id: str, records: Sequence[Record]) -> None:
        kept = []
        for record in records:
            self.dropped_countdown -= 1
            if self.dropped_countdown:
                kept.append(record)
            else:
                self.dropped_countdown = DROPPED_EVERY
        super()._decode(shard_id, kept)


class DropsEvery50thRecord(ClickPipes):
    """Every 50th record of the stream is read, checkpointed and never stored."""

    def stream_sync_class(self) -> type[StreamSync]:
        """The dropping one."""
        return _DroppingSync


class _SwappingVersioner(Versioner):
    """Gives two neighbouring changes of one key each other's version, over and over.

    The earlier row of a pair cannot be called back; it gets the higher version by being given
    what is still to come: its own stamp plus a second.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._ahead: set[Any] = set()

    def version(self, change: Change, data: bytes, source: Any = None) -> Any:
        """Every other change of a key is versioned a second late."""
        found = super().version(change, data, source)
        if change.event == "INSERT" or change.key in self._ahead:
            self._ahead.discard(change.key)
            return found
        self._ahead.add(change.key)
        return self.layout.version(change.stamp_us + 1_000_000)


class SwapsTwoVersions(ClickPipes):
    """The first of two changes of a key gets the later version, so the older image wins."""

    def make_versioner(self, decoder: Decoder) -> Versioner:
        """The swapping one."""
        window = self.config.settings.tie_window_records
        return _SwappingVersioner(decoder, self.layout, window_records=window)


class _FloatCells(Cells):
    """Numbers go through a binary float first, as a careless JSON parser does it."""

    def not_null(self, kind: ColumnType) -> Callable[[str, Any], Any]:
        """The exact function, fed with what a float leaves of a number."""
        exact = super().not_null(kind)
        if kind.family not in INTEGER_RANGES and kind.family not in ("Decimal", "String"):
            return exact

        def cell(tag: str, value: Any) -> Any:
            if tag != "N":
                return exact(tag, value)
            nearest = float(value)
            if kind.family == "Decimal":
                return exact(tag, f"{nearest:.{kind.scale}f}")
            return exact(tag, str(int(nearest)) if nearest.is_integer() else repr(nearest))

        return cell


class CoercesNumbersToFloat(ClickPipes):
    """Numbers of the stream keep the 15 to 17 digits of a Float64."""

    def make_decoder(self, *, binary_layers: int) -> Decoder:
        """The decoder with float cells."""
        return Decoder(self.config, _FloatCells(binary_layers=binary_layers))


__all__ = ["CoercesNumbersToFloat", "DropsEvery50thRecord", "SwapsTwoVersions"]

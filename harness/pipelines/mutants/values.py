"""Defects in values: what becomes of attributes on their way into columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.pipelines.reference.cells import Cells, default_cell
from harness.pipelines.reference.column_types import INTEGER_RANGES
from harness.pipelines.reference.records import Decoder
from harness.pipelines.reference.sync import ClickPipes

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.pipelines.reference.column_types import ColumnType
    from harness.pipelines.reference.config import Column
    from harness.pipelines.reference.records import Change

INT32 = 1 << 32


class Decodes(ClickPipes):
    """A sync with another decoder, or with other cells."""

    decoder_class: type[Decoder] = Decoder
    cells_class: type[Cells] = Cells

    def make_decoder(self, *, binary_layers: int) -> Decoder:
        """The mutant's own."""
        return self.decoder_class(self.config, self.cells_class(binary_layers=binary_layers))


class _Wrapping(Cells):
    def not_null(self, kind: ColumnType) -> Callable[[str, Any], Any]:
        exact = super().not_null(kind)
        if kind.family not in INTEGER_RANGES:
            return exact

        def cell(tag: str, value: Any) -> Any:
            number = int(exact(tag, value))
            return (number + INT32 // 2) % INT32 - INT32 // 2

        return cell


class WrapsIntegers(Decodes):
    """Whole numbers go through 32 bits and wrap."""

    cells_class = _Wrapping


class _Defaulting(Cells):
    def not_null(self, kind: ColumnType) -> Callable[[str, Any], Any]:
        exact = super().not_null(kind)
        if kind.family not in INTEGER_RANGES:
            return exact

        def cell(tag: str, value: Any) -> Any:
            return exact(tag, value) if tag == "N" else 0

        return cell


class DefaultsWrongTypes(Decodes):
    """A number column shows 0 for what is no number."""

    cells_class = _Defaulting


class _NullIsDefault(Decoder):
    def _step(self, column: Column) -> tuple[str | None, str | None, Any, str, Any, Any]:
        *rest, _ = super()._step(column)
        return (*rest, default_cell(column.type))


class DefaultsNulls(Decodes):
    """NULL and absence become 0 or empty text in Nullable columns too."""

    decoder_class = _NullIsDefault


class _Merging(Decoder):
    def row(self, change: Change, version: Any) -> bytes:
        if change.new is not None:
            change.new = {**(change.old or {}), **change.new}
        return super().row(change, version)


class MergesWithTheOldImage(Decodes):
    """A new image is laid over the old one, so what an update removed stays."""

    decoder_class = _Merging


class _KnowsTheFirst(Decoder):
    known: frozenset[str] = frozenset()

    def row(self, change: Change, version: Any) -> bytes:
        if change.new is not None:
            self.known = self.known or frozenset(change.new)
            change.new = {n: v for n, v in change.new.items() if n in self.known}
        return super().row(change, version)


class KnowsTheFirstAttributes(Decodes):
    """Attributes that the first item did not have are left out for ever."""

    decoder_class = _KnowsTheFirst

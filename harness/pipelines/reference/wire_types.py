"""Which of DynamoDB's type tags the attributes behind each column come with.

A statement that is ready for every tag in every column is large, and ClickHouse takes longer to
analyse it than to run it on ten thousand rows. So the tags are learnt from a sample, a statement is
made for those, and what comes with another tag is left out by it and looked at again: nothing
depends on the sample being complete but speed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.pipelines.reference.paths import follow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.pipelines.reference.config import PipeConfig
    from harness.pipelines.reference.paths import Path

Tags = frozenset[str]
NESTED: Tags = frozenset({"M", "L", "SS", "NS", "BS"})
ANY: Tags = NESTED | {"S", "N", "BOOL", "B"}
"""NULL is none of them: every column takes it."""

_TAKEN: dict[str, Tags] = {
    "String": ANY,
    "Variant": ANY,
    "FixedString": frozenset({"S", "N", "BOOL", "B"}),
    "Bool": frozenset({"BOOL", "N"}),
    "UInt8": frozenset({"BOOL", "N"}),
    "DateTime": frozenset({"S", "N"}),
    "DateTime64": frozenset({"S", "N"}),
    "JSON": frozenset({"M"}),
    **dict.fromkeys(("UUID", "IPv4", "IPv6", "Enum", "Date", "Date32"), frozenset({"S"})),
}


def taken_by(family: str) -> Tags:
    """The tags that a type which is no container takes at all; numbers take N alone."""
    return _TAKEN.get(family, frozenset({"N"}))


class WireTypes:
    """The tags seen so far.

    Args:
        config: the pipe.

    Attributes:
        tags: of each column, in their order.
        always: of each column, whether every item had a value for it.
    """

    def __init__(self, config: PipeConfig) -> None:
        self._paths = [column.path for column in config.columns]
        self.tags: tuple[Tags, ...] = tuple(
            frozenset() if path else frozenset({"M"}) for path in self._paths
        )
        self.always = [True] * len(self._paths)

    def learn(self, item: Any, *, is_whole: bool = True) -> bool:
        """Look at one item's DynamoDB JSON; returns True when a tag is new.

        What is no item teaches nothing: others will say so.

        Args:
            item: attribute values by name.
            is_whole: False for a key alone, which lacks what its item may have had.
        """
        found = [_tag_at(item, path) for path in self._paths]
        is_new = False
        for index, tag in enumerate(found):
            if tag not in ANY:
                self.always[index] = self.always[index] and not is_whole
            elif tag not in self.tags[index]:
                is_new = True
        if is_new:
            self.tags = tuple(
                tags | ({tag} & ANY) for tags, tag in zip(self.tags, found, strict=True)
            )
        return is_new

    def is_unknown(self, item: Any) -> bool:
        """True for an item with a tag that was not seen before."""
        return any(
            tag in ANY and tag not in known
            for path, known in zip(self._paths, self.tags, strict=True)
            for tag in (_tag_at(item, path),)
        )

    def is_missing(self, item: Any, of: Sequence[bool]) -> bool:
        """True for an item without a value that every one had so far.

        Args:
            item: a whole one.
            of: which columns are asked for.
        """
        return any(
            is_asked and was_there and _tag_at(item, path) not in ANY
            for path, is_asked, was_there in zip(self._paths, of, self.always, strict=True)
        )


def _tag_at(item: Any, path: Path) -> str:
    """The tag of the value at a path; empty where there is none that could be read."""
    try:
        value = follow(item, path) if path else {"M": item}
        (tag,) = value or ("",)
    except (ValueError, TypeError, AttributeError, KeyError, IndexError):
        return ""
    return str(tag)

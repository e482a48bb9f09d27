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
    from harness.pipelines.reference.config import PipeConfig

Tags = frozenset[str]
NESTED: Tags = frozenset({"M", "L", "SS", "NS", "BS"})
ANY: Tags = NESTED | {"S", "N", "BOOL", "B"}
"""NULL is none of them: every column takes it."""

_TAKEN: dict[str, Tags] = {
    "String": ANY,
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
    """

    def __init__(self, config: PipeConfig) -> None:
        self._paths = [column.path for column in config.columns]
        self.tags: tuple[Tags, ...] = tuple(
            frozenset() if path else frozenset({"M"}) for path in self._paths
        )

    def learn(self, item: Any) -> bool:
        """Look at one item's DynamoDB JSON; returns True when a tag is new.

        What is no item teaches nothing: others will say so.
        """
        new = self.unknown(item)
        if new:
            self.tags = tuple(
                tags | {new[index]} if index in new else tags
                for index, tags in enumerate(self.tags)
            )
        return bool(new)

    def unknown(self, item: Any) -> dict[int, str]:
        """The tags of an item that were not seen before, by column."""
        found = {}
        for index, (path, known) in enumerate(zip(self._paths, self.tags, strict=True)):
            try:
                value = follow(item, path) if path else None
                if value is None:
                    continue
                (tag,) = value
            except (ValueError, TypeError, AttributeError, KeyError, IndexError):
                continue
            if tag not in known and tag in ANY:
                found[index] = tag
        return found

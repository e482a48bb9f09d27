"""Change records without the image before the change, which no column shows.

Nearly half of what a modification carries is its OldImage. It is cut off in base64, as Kinesis
answers it, without decoding the record: the text before it is looked for in the three ways that it
can lie in groups of three bytes. What is left is closed again: `…"NewImage":{…}` and `}}`.

It is cut only where the record ends as DynamoDB ends it: a record that was itself cut short must
not come out whole. And where an attribute of the item has that name, so that the cut falls inside
the item, the braces do not match: such a record is no JSON, and takes the long way.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from functools import lru_cache

_BEFORE = b'}},"OldImage":{"'
"""The image after ends with two braces: its last attribute's, and its own."""
_CLOSED = b"}}}}"
"""Those two, the change's and the record's."""
_END = b'},"eventSource":"aws:dynamodb"}'


def _inside(text: bytes, skipped: int) -> str:
    """The characters that stand for whole groups of `text`, after its first `skipped` bytes."""
    whole = (len(text) - skipped) // 3 * 3
    return b2a_base64(text[skipped : skipped + whole], newline=False).decode()


_ALL_CLOSED = b2a_base64(_CLOSED, newline=False).decode()
_NEEDLES = [(_inside(_BEFORE, skipped), skipped) for skipped in range(3)]
_ENDS = tuple(b2a_base64(_END[skipped:], newline=False).decode() for skipped in range(3))


def trimmed(record: str, start: int = 0) -> str:
    """A record in base64 without its OldImage; as it is where that cannot be told.

    Args:
        record: of DynamoDB, as its streaming destination writes it.
        start: where to begin to look, in characters.
    """
    end, closing = cut(record, start)
    return record[:end] + closing if closing else record


def cut(record: str, start: int) -> tuple[int, str]:
    """The same in two parts: how many characters to keep, and what to put behind; empty for none."""
    if not record.endswith(_ENDS):
        return 0, ""
    for needle, skipped in _NEEDLES:
        at = record.find(needle, start)
        if at >= 0 and not at & 3:
            if not skipped:
                return at, _ALL_CLOSED
            closing = _closing(record[at - 4 : at], skipped)
            if closing:
                return at - 4, closing
    return 0, ""


@lru_cache(maxsize=1024)
def _closing(characters: str, skipped: int) -> str:
    """What to put in the place of the last group before the cut; empty where that is another."""
    group = a2b_base64(characters)
    if not group.endswith(_BEFORE[:skipped]):
        return ""
    return b2a_base64(group[:-skipped] + _CLOSED, newline=False).decode()

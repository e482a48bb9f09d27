"""What all listings share: limits, markers, common prefixes, URL encoding, the owner.

Source: S3 API reference, ListObjectsV2, ListObjectVersions, ListMultipartUploads, ListParts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from harness.objects.errors import invalid_argument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.objects.xml import Content

PAGE_MAX = 1000
LAST_CHARACTER = "\U0010ffff"
"""Comes after every other, so a prefix followed by it comes after all keys of the prefix."""
OWNER_ID = "0" * 64
OWNER: dict[str, Content] = {"ID": OWNER_ID}
_NUMBER_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Encoder:
    """Writes keys as the client wants to read them."""

    by_url: bool

    def __call__(self, text: str) -> str:
        """`text` as the client wants to read it."""
        return quote(text, safe="/!*'()-_.") if self.by_url else text

    def optional(self, text: str) -> str | None:
        """The same; None for no text, which leaves its element out."""
        return self(text) if text else None


def encoder(query: Mapping[str, str]) -> Encoder:
    """By `encoding-type`.

    Raises:
        S3Error: InvalidArgument.
    """
    encoding = query.get("encoding-type")
    if encoding not in (None, "url"):
        raise invalid_argument(
            "Invalid Encoding Method specified in Request", name="encoding-type", value=encoding
        )
    return Encoder(by_url=encoding == "url")


def number(query: Mapping[str, str], name: str, default: int) -> int:
    """A count or a marker in the query.

    Raises:
        S3Error: InvalidArgument.
    """
    text = query.get(name) or str(default)
    if not text.isdecimal() or len(text) > 10 or int(text) > _NUMBER_MAX:
        raise invalid_argument(
            f"Provided {name} not an integer or within integer range", name=name, value=text
        )
    return int(text)


def common_prefix(key: str, prefix: str, delimiter: str) -> str:
    """The common prefix that stands for `key` in a listing by delimiter; empty when none does."""
    if not delimiter:
        return ""
    at = key.find(delimiter, len(prefix))
    return key[: at + len(delimiter)] if at >= 0 else ""


def walk(
    keys_from: Callable[..., Iterator[str]], marker: str, prefix: str, delimiter: str
) -> Iterator[tuple[str, str]]:
    """The keys behind a marker, each with its common prefix; of one such prefix the first key alone.

    Args:
        keys_from: gives the keys from one on, which is part of them when `inclusive`.
        marker: of the request; empty for the first page.
        prefix: what keys begin with.
        delimiter: ends common prefixes; empty for none.
    """
    start, inclusive = _beginning(marker, prefix, delimiter)
    while True:
        for key in keys_from(start, inclusive=inclusive):
            if not key.startswith(prefix):
                return
            common = common_prefix(key, prefix, delimiter)
            yield key, common
            if common:
                # One jump over everything that the prefix stands for.
                start, inclusive = common + LAST_CHARACTER, False
                break
        else:
            return


def _beginning(marker: str, prefix: str, delimiter: str) -> tuple[str, bool]:
    """From which key on a page has to look, and whether that key is part of it."""
    if marker.startswith(prefix) and (inside := common_prefix(marker, prefix, delimiter)):
        # A marker in a common prefix leaves all behind that the prefix stands for.
        marker = inside + LAST_CHARACTER
    return (marker, False) if marker and marker >= prefix else (prefix, True)

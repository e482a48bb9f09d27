"""Opaque tokens: shard iterators and page tokens, unreadable by accident and unforgeable by mistake.

A token is base64 of the eight bytes 0000000000000001 (as AWS's iterators begin), a checksum keyed by
the token's kind, and the content padded to whole blocks of 16 bytes.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from hashlib import blake2b

_VERSION = (1).to_bytes(8, "big")
_CHECK_BYTES = 16
_BLOCK_BYTES = 16
_SMALLEST_BYTES = 152


class BadToken(ValueError):  # noqa: N818 - names what was found
    """Not a token of this kind."""


def seal(kind: str, content: str) -> str:
    """A token of `kind` that carries `content`, which must not end in a blank."""
    body = content.encode()
    length = max(_SMALLEST_BYTES - len(_VERSION) - _CHECK_BYTES, len(body))
    body = body.ljust(-(-length // _BLOCK_BYTES) * _BLOCK_BYTES)
    return b64encode(_VERSION + _check(kind, body) + body).decode()


def unseal(kind: str, token: str) -> str:
    """The content of a token made by `seal` with the same `kind`.

    Raises:
        BadToken: anything else.
    """
    try:
        raw = b64decode(token, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadToken(token) from error
    start = len(_VERSION) + _CHECK_BYTES
    body = raw[start:]
    if raw[:start] != _VERSION + _check(kind, body) or b64encode(raw).decode() != token:
        raise BadToken(token)
    return body.decode().rstrip(" ")


def _check(kind: str, body: bytes) -> bytes:
    return blake2b(body, digest_size=_CHECK_BYTES, person=kind.encode()[:16]).digest()

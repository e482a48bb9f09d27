"""The XML that S3 speaks: answers from plain dicts and lists, requests to elements.

A dict is an element's children in order, a list repeats its element, None leaves it out. A name may
carry attributes behind a blank; what stands under an empty name has no element around it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Content = str | int | bool | None | Mapping[str, "Content"] | Sequence["Content"]

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def document(root: str, content: Mapping[str, Content], *, namespace: str = NAMESPACE) -> bytes:
    """A whole XML document."""
    attribute = f' xmlns="{namespace}"' if namespace else ""
    pieces = [f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{attribute}>']
    for name, value in content.items():
        _write(pieces, name, value)
    pieces.append(f"</{root}>")
    return "".join(pieces).encode()


def in_xml(body: bytes, headers: Mapping[str, str] | None = None, *, status: int = 200) -> Response:
    """An answer whose body is a document."""
    return Response(status, {"content-type": "application/xml", **(headers or {})}, body)


def _write(pieces: list[str], name: str, value: Content) -> None:
    if value is None:
        return
    if isinstance(value, str):
        pieces.append(f"<{name}>{_text(value)}</{name}>")
    elif isinstance(value, bool):
        pieces.append(f"<{name}>{'true' if value else 'false'}</{name}>")
    elif isinstance(value, int):
        pieces.append(f"<{name}>{value}</{name}>")
    elif hasattr(value, "items"):
        if not name:
            for child, inner in value.items():
                _write(pieces, child, inner)
            return
        pieces.append(f"<{name}>")
        for child, inner in value.items():
            _write(pieces, child, inner)
        pieces.append(f"</{name.partition(' ')[0] if ' ' in name else name}>")
    else:
        for one in value:
            _write(pieces, name, one)


def _text(value: str) -> str:
    # XML 1.0 has no form for control characters; S3 writes references, which lenient parsers take.
    return _UNPRINTABLE.sub(lambda m: f"&#x{ord(m[0]):x};", escape(value, {'"': "&quot;"}))


def parse(body: bytes) -> ET.Element | None:
    """The root element with namespaces removed; None when `body` is not XML.

    A document type is refused: S3 takes none, and entities could grow without bound.
    """
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        return None
    try:
        root = ET.fromstring(body)
    except (ET.ParseError, ValueError, LookupError):
        return None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root

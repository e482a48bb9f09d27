"""Whatever document a client sends, S3 answers it, and goes on to answer what comes after."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import pytest

from harness.clock import VirtualClock
from harness.objects import shapes
from harness.objects.app import ObjectsApp
from harness.objects.configuration import DOCUMENTS
from harness.objects.named_configuration import NAMED
from harness.objects.store import ObjectStore
from harness.web.message import Request

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random  # noqa: TID251 - for its type alone

TEXTS = (
    *("", "x", "0", "1", "-1", "9" * 18, "true", "Enabled", "Suspended", "AES256", "aws:kms"),
    *("GOVERNANCE", "GLACIER", "2030-01-01T00:00:00Z", "2030-13-45", "9999-12-31T00:00:00Z"),
    *("arn:aws:s3:::bucket", "s3:ObjectCreated:*", "prefix", "GET", "*", "bucket", "\u00fc&<"),
    *("BucketOwner", "ObjectWriter", "ON", "Daily", "CSV", "All", "V_1", "ARCHIVE_ACCESS"),
)


LIKELY = {
    "AllowedMethod": "GET",
    "Id": "x",
    "Bucket": "arn:aws:s3:::bucket",
    "TargetBucket": "bucket",
}


def leaf(name: str, pattern: re.Pattern[str], chance: Random) -> str:
    if name in LIKELY and chance.random() < 0.9:
        return LIKELY[name]
    fitting = [text for text in TEXTS if pattern.fullmatch(text)]
    if "|" in pattern.pattern and chance.random() < 0.5:
        fitting = [re.sub(r"\\(.)", r"\1", word) for word in pattern.pattern.split("|")]
    return chance.choice(fitting or TEXTS) if chance.random() < 0.95 else chance.choice(TEXTS)


def written(shape: Mapping[str, Any], chance: Random) -> str:
    pieces = []
    for sign, inner in shape.items():
        name = sign.rstrip("?*+")
        count = 1 if name == sign or sign[-1] == "+" else chance.choice((0, 1, 1))
        if chance.random() < 0.03:
            count = chance.choice((0, 2))
        for _ in range(count):
            if isinstance(inner, re.Pattern):
                pieces.append(f"<{name}>{escape(leaf(name, inner, chance))}</{name}>")
            else:
                pieces.append(f"<{name}>{written(inner, chance)}</{name}>")
    return "".join(pieces)


KINDS = {
    **{kind: (known.root, known.shape) for kind, known in DOCUMENTS.items()},
    **{f"{kind}&id=x": (known.root, known.shape) for kind, known in NAMED.items()},
    "versioning": ("VersioningConfiguration", shapes.VERSIONING),
    "tagging": ("Tagging", shapes.TAGGING),
}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_document_breaks_its_bucket(kind: str) -> None:
    clock = VirtualClock()
    chance = clock.substream(f"documents {kind}")
    store = ObjectStore(clock)
    store.create_bucket("bucket")
    store.set_versioning("bucket", "Enabled")
    app = ObjectsApp(store)
    root, shape = KINDS[kind]
    taken = 0
    for number in range(60):
        body = f"<{root}>{written(shape, chance)}</{root}>".encode()
        put = app(Request("PUT", "/bucket", kind, {}, body))
        assert put.status != 500, body
        taken += put.status < 300
        for after in (
            Request("GET", "/bucket", kind),
            Request("PUT", f"/bucket/{number}", "", {}, b"x"),
            Request("GET", f"/bucket/{number}"),
            Request("HEAD", f"/bucket/{number}", "", {"origin": "https://x"}),
            Request("GET", "/bucket", "versions"),
            Request("DELETE", f"/bucket/{number}"),
        ):
            answer = app(after)
            assert answer.status < 500, (body, after, answer.body)
    assert taken > 0

"""How requests name buckets and keys.

Path style (`/bucket/key`) and virtual-host style (`bucket.localhost`, `bucket.s3.<anything>`).

Source: S3 user guide, "Virtual hosting of buckets"; S3 API reference, CopyObject.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_plus

from harness.objects.errors import S3Error

if TYPE_CHECKING:
    from harness.web.message import Request


def target_of(request: Request) -> tuple[str, str]:
    """Bucket and key that a request names; either may be empty.

    Raises:
        S3Error: InvalidURI.
    """
    path = request.path
    bucket = bucket_in_host(request.headers.get("host", ""))
    if not bucket:
        bucket, _, path = path.removeprefix("/").partition("/")
    else:
        path = path.removeprefix("/")
    try:
        return unquote(bucket, errors="strict"), unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise S3Error(400, "InvalidURI", "Couldn't parse the specified URI.") from None


def source_of(source: str) -> tuple[str, str]:
    """Bucket and key that a copy source names, which may be a whole URL; either may be empty."""
    if source.startswith(("http://", "https://")):
        host, _, path = source.partition("://")[2].partition("/")
        bucket = bucket_in_host(host)
        source = f"{bucket}/{path}" if bucket else path
    # In this header a plus sign is a blank.
    bucket, _, key = unquote_plus(source).removeprefix("/").partition("/")
    return bucket, key


def bucket_in_host(host: str) -> str:
    """The bucket that stands in a host; empty when none does."""
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    for mark in (".s3.", ".s3-"):
        bucket, found, _ = name.partition(mark)
        if found:
            return bucket
    if name.endswith(".localhost"):
        bucket = name.removesuffix(".localhost").removesuffix(".s3")
        return "" if bucket == "s3" or bucket.startswith("s3.") else bucket
    return ""

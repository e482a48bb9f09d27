"""Conditions of reads, of copies, and of writes.

Source: RFC 9110 §13; S3 user guide, "Conditional requests".
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from harness.objects.errors import S3Error, header_not_implemented, no_such_key
from harness.objects.times import SECOND_US, http_date

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.objects.bucket import StoredObject
    from harness.objects.upload import Upload


def check_conditions(
    stored: StoredObject, headers: Mapping[str, str], now_us: int, *, prefix: str = ""
) -> None:
    """Check the If-… headers of a read, or those of a copy's source by their `prefix`.

    Raises:
        S3Error: PreconditionFailed; NotModified (304) when there is no `prefix`.
    """
    modified = stored.modified_us // SECOND_US
    match, none_match = headers.get(f"{prefix}if-match"), headers.get(f"{prefix}if-none-match")
    since = _date(headers.get(f"{prefix}if-modified-since"))
    until = _date(headers.get(f"{prefix}if-unmodified-since"))
    if since is not None and since > now_us / SECOND_US:
        # A time that is yet to come is no condition.
        since = None
    if match is not None:
        if not _matches(match, stored.etag):
            raise precondition_failed(f"{prefix}If-Match")
    elif until is not None and modified > until:
        raise precondition_failed(f"{prefix}If-Unmodified-Since")
    if none_match is not None:
        unchanged = _matches(none_match, stored.etag)
    else:
        unchanged = since is not None and modified <= since
    if unchanged:
        if prefix:
            failed = "If-Modified-Since" if none_match is None else "If-None-Match"
            raise precondition_failed(prefix + failed)
        kept = {"etag": f'"{stored.etag}"', "last-modified": http_date(stored.modified_us)}
        raise S3Error(304, "NotModified", "Not Modified", headers=kept)


def check_write_conditions(
    present: StoredObject | None, headers: Mapping[str, str], key: str
) -> None:
    """Check If-Match and If-None-Match of a write.

    Raises:
        S3Error: PreconditionFailed; NoSuchKey for If-Match without an object.
    """
    none_match, match = headers.get("if-none-match"), headers.get("if-match")
    refused = "We don't accept the provided value of {} header for this API"
    if none_match is not None:
        if match is not None:
            why = "Multiple conditional request headers present in the request"
            raise header_not_implemented("If-Match,If-None-Match", why)
        if none_match.strip() != "*":
            raise header_not_implemented("If-None-Match", refused.format("If-None-Match"))
        if present is not None:
            raise precondition_failed("If-None-Match")
    if match is not None:
        if match.strip() == "*":
            raise header_not_implemented("If-Match", refused.format("If-Match"))
        if present is None:
            raise no_such_key(key)
        if match.strip().strip('"') != present.etag:
            raise precondition_failed("If-Match")


def check_undisturbed(
    present: StoredObject | None, upload: Upload, headers: Mapping[str, str]
) -> None:
    """Check that nobody wrote or deleted the key since a conditional upload began.

    Raises:
        S3Error: ConditionalRequestConflict.
    """
    failed = ""
    if "if-match" in headers and present is not None and present.place > upload.written_before:
        failed = "If-Match"
    if "if-none-match" in headers and upload.is_key_deleted:
        failed = "If-None-Match"
    if failed:
        raise S3Error(
            409,
            "ConditionalRequestConflict",
            "The conditional request cannot succeed due to a conflicting operation against this "
            "resource.",
            fields={"Condition": failed, "Key": upload.key},
        )


def check_delete_conditions(
    present: StoredObject | None, headers: Mapping[str, str], key: str
) -> None:
    """Check If-Match of a delete.

    Raises:
        S3Error: PreconditionFailed, NoSuchKey, NotImplemented.
    """
    for name in ("x-amz-if-match-last-modified-time", "x-amz-if-match-size"):
        if name in headers:
            raise header_not_implemented(name, "Only directory buckets have it")
    match = headers.get("if-match")
    if match is not None and present is None:
        raise no_such_key(key)
    if match is not None and present is not None and not _matches(match, present.etag):
        raise precondition_failed("If-Match")


def precondition_failed(condition: str) -> S3Error:
    """A condition that the caller set does not hold."""
    return S3Error(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        fields={"Condition": condition},
    )


def _matches(condition: str, etag: str) -> bool:
    wanted = [one.strip().removeprefix("W/").strip('"') for one in condition.split(",")]
    return "*" in wanted or etag in wanted


def _date(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None

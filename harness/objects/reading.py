"""GetObject and HeadObject: conditions, ranges, parts, and overridden headers.

Source: S3 API reference, GetObject, HeadObject; RFC 9110 §13 (conditions) and §14 (ranges).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from harness.objects.checksums import PREFIX
from harness.objects.errors import S3Error, invalid_argument
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.objects.store import StoredObject

SECOND_US = 1_000_000
ENCRYPTION = {"x-amz-server-side-encryption": "AES256"}
"""What S3 does to every object since 2023, and says with it."""
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_OVERRIDES = {
    "response-cache-control": "cache-control",
    "response-content-disposition": "content-disposition",
    "response-content-encoding": "content-encoding",
    "response-content-language": "content-language",
    "response-content-type": "content-type",
    "response-expires": "expires",
}


def read(
    stored: StoredObject, headers: Mapping[str, str], query: Mapping[str, str], *, is_head: bool
) -> Response:
    """The answer to GetObject, or to HeadObject.

    Raises:
        S3Error: NotModified (304), PreconditionFailed, InvalidRange, InvalidPartNumber.
    """
    check_conditions(stored, headers)
    size = len(stored.body)
    first, last, is_part = 0, size - 1, False
    if "partNumber" in query:
        first, last = _part_range(stored, query["partNumber"])
        is_part = True
    elif (wish := headers.get("range")) is not None and (span := _span(wish, size)) is not None:
        first, last = span
        is_part = True
    answer = _headers(stored, query)
    if is_part:
        answer["content-range"] = f"bytes {first}-{last}/{size}"
    # A range that is the whole object comes with the whole object's checksums.
    if last - first + 1 == size and headers.get("x-amz-checksum-mode", "").upper() == "ENABLED":
        answer.update({PREFIX + name: value for name, value in stored.checksums.items()})
        if stored.checksums:
            answer["x-amz-checksum-type"] = stored.checksum_type
    if "partNumber" in query and stored.part_sizes:
        answer["x-amz-mp-parts-count"] = str(len(stored.part_sizes))
    answer["content-length"] = str(last - first + 1)
    body = b"" if is_head else stored.body[first : last + 1]
    return Response(206 if is_part else 200, answer, body)


def check_conditions(stored: StoredObject, headers: Mapping[str, str], *, prefix: str = "") -> None:
    """Check the If-… headers, or those of a copy's source by their `prefix`.

    Raises:
        S3Error: PreconditionFailed; NotModified (304) when there is no `prefix`.
    """
    modified = stored.modified_us // SECOND_US
    match, none_match = headers.get(f"{prefix}if-match"), headers.get(f"{prefix}if-none-match")
    since = _date(headers.get(f"{prefix}if-modified-since"))
    until = _date(headers.get(f"{prefix}if-unmodified-since"))
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


def precondition_failed(condition: str) -> S3Error:
    """A condition that the caller set does not hold."""
    return S3Error(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        fields={"Condition": condition},
    )


def http_date(time_us: int) -> str:
    """As Last-Modified shows it."""
    return formatdate(time_us // SECOND_US, usegmt=True)


def iso_date(time_us: int) -> str:
    """As listings show it: whole seconds with three zeros."""
    moment = datetime.fromtimestamp(time_us // SECOND_US, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _headers(stored: StoredObject, query: Mapping[str, str]) -> dict[str, str]:
    answer = dict(stored.headers)
    for name, header in _OVERRIDES.items():
        if name in query:
            answer[header] = unquote_plus(query[name])
    answer["etag"] = f'"{stored.etag}"'
    answer["last-modified"] = http_date(stored.modified_us)
    answer["accept-ranges"] = "bytes"
    answer.update(ENCRYPTION)
    if stored.tags:
        answer["x-amz-tagging-count"] = str(len(stored.tags))
    return answer


def _span(wish: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a Range header; None when it is to be ignored."""
    found = _RANGE.fullmatch(wish.strip())
    if found is None or found[0] == "bytes=-":
        return None
    if not found[1]:
        first, last = max(0, size - int(found[2])), size - 1
        unsatisfiable = int(found[2]) == 0 or size == 0
    else:
        first = int(found[1])
        last = min(int(found[2]), size - 1) if found[2] else size - 1
        if found[2] and int(found[2]) < first:
            return None
        unsatisfiable = first >= size
    if unsatisfiable:
        raise S3Error(
            416,
            "InvalidRange",
            "The requested range is not satisfiable",
            fields={"RangeRequested": wish, "ActualObjectSize": str(size)},
            headers={"content-range": f"bytes */{size}"},
        )
    return first, last


def _part_range(stored: StoredObject, number_text: str) -> tuple[int, int]:
    sizes = stored.part_sizes or (len(stored.body),)
    if not number_text.isdecimal() or len(number_text) > 5 or int(number_text) < 1:
        raise invalid_argument("Part number must be an integer between 1 and 10000, inclusive")
    number = int(number_text)
    if number > len(sizes):
        raise S3Error(416, "InvalidPartNumber", "The requested partnumber is not satisfiable")
    first = sum(sizes[: number - 1])
    return first, first + sizes[number - 1] - 1


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

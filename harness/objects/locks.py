"""Object lock: retention and legal hold of versions, and the bucket's default.

A retention in governance mode gives way to `x-amz-bypass-governance-retention`, one in compliance
mode to nobody before its time; a legal hold stands until it is taken off.

Source: S3 user guide, "Locking objects with Object Lock"; S3 API reference, PutObjectRetention,
PutObjectLegalHold, PutObjectLockConfiguration.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from harness.objects import shapes
from harness.objects.configuration import content_of
from harness.objects.errors import (
    DELETE_MARKER,
    S3Error,
    access_denied,
    invalid_argument,
    invalid_request,
    malformed_xml,
    method_not_allowed,
)
from harness.objects.upload_body import upload_of
from harness.objects.xml import document, in_xml
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.objects.bucket import Bucket, StoredObject
    from harness.objects.shapes import Shape
    from harness.objects.store import ObjectStore
    from harness.web.message import Request

BYPASS = "x-amz-bypass-governance-retention"
MODE, UNTIL = "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date"
HOLD = "x-amz-object-lock-legal-hold"
GOVERNANCE, COMPLIANCE = "GOVERNANCE", "COMPLIANCE"
DAY_US = 86_400 * 1_000_000
_RETENTION: Shape = {
    "Mode?": shapes.one_of(GOVERNANCE, COMPLIANCE),
    "RetainUntilDate?": shapes.WORD,
}
_LEGAL_HOLD: Shape = {"Status": shapes.one_of("ON", "OFF")}


@dataclass(frozen=True, slots=True)
class Retention:
    """Until when a version must not be deleted.

    Attributes:
        mode: GOVERNANCE or COMPLIANCE.
        until_us: microseconds since the epoch.
    """

    mode: str
    until_us: int


def in_headers(
    bucket: Bucket, headers: Mapping[str, str], now_us: int
) -> tuple[Retention | None, str]:
    """Retention and legal hold of what is being put: stated, or the bucket's default.

    Raises:
        S3Error: InvalidArgument, InvalidRequest.
    """
    configured: Any = bucket.configuration.get("object-lock")
    mode, until, hold = headers.get(MODE), headers.get(UNTIL), headers.get(HOLD, "")
    if mode is None and until is None and not hold and configured is None:
        return None, ""
    if hold not in ("", "ON", "OFF"):
        raise invalid_argument("Legal Hold must be either of 'ON' or 'OFF'", name=HOLD, value=hold)
    if (mode is None) != (until is None):
        raise invalid_argument(
            f"{UNTIL} and {MODE} must both be supplied",
            name=MODE if mode is None else UNTIL,
            value=None,
        )
    if mode is not None and mode not in (GOVERNANCE, COMPLIANCE):
        raise invalid_argument("Unknown wormMode directive.", name=MODE, value=mode)
    if configured is None:
        raise invalid_request("Bucket is missing Object Lock Configuration")
    if mode is not None and until is not None:
        return Retention(mode, _future(until, now_us, UNTIL)), hold
    default = configured.get("Rule", {}).get("DefaultRetention")
    if default is None:
        return None, hold
    days = int(default.get("Days", 0)) + 365 * int(default.get("Years", 0))
    return Retention(default["Mode"], now_us + days * DAY_US), hold


def headers_of(stored: StoredObject) -> dict[str, str]:
    """What reads say of its locks."""
    headers = {}
    if stored.retention is not None:
        headers = {MODE: stored.retention.mode, UNTIL: _iso(stored.retention.until_us)}
    if stored.legal_hold:
        headers[HOLD] = stored.legal_hold
    return headers


def check_bypass(bucket: Bucket, headers: Mapping[str, str]) -> bool:
    """Whether governance is bypassed.

    Raises:
        S3Error: InvalidArgument when the bucket has no locks.
    """
    if BYPASS not in headers:
        return False
    if "object-lock" not in bucket.configuration:
        raise invalid_argument(
            f"{BYPASS} is only applicable to Object Lock enabled buckets.", name=BYPASS, value=None
        )
    return headers[BYPASS].lower() == "true"


def check_deletable(stored: StoredObject, now_us: int, *, bypass: bool) -> None:
    """Check that the version may be deleted.

    Raises:
        S3Error: AccessDenied.
    """
    retention = stored.retention
    is_retained = (
        retention is not None
        and retention.until_us > now_us
        and not (bypass and retention.mode == GOVERNANCE)
    )
    if stored.legal_hold == "ON" or is_retained:
        raise _locked()


def retention(
    store: ObjectStore, name: str, key: str, query: Mapping[str, str], request: Request
) -> Response:
    """Get or put an object's retention.

    Raises:
        S3Error: NoSuchBucket, NoSuchKey, InvalidRequest, NoSuchObjectLockConfiguration,
            MalformedXML, AccessDenied.
    """
    stored = _present(store, name, key, query, request)
    _check_locking(store.bucket(name))
    present = stored.retention
    if request.method == "GET":
        if present is None:
            raise _not_locked()
        shown = {"Mode": present.mode, "RetainUntilDate": _iso(present.until_us)}
        return _xml(document("Retention", shown))
    content: dict[str, Any] = content_of(upload_of(request)[0], "Retention", _RETENTION)
    if len(content) == 1:
        raise malformed_xml()
    now_us = store.clock.now_us()
    wanted: Retention | None = None
    if content:
        until_us = _future(content["RetainUntilDate"], now_us, "RetainUntilDate")
        wanted = Retention(content["Mode"], until_us)
    bypass = check_bypass(store.bucket(name), request.headers)
    if present is not None and present.until_us > now_us:
        is_weaker = (
            wanted is None
            or wanted.until_us < present.until_us
            or (present.mode == COMPLIANCE and wanted.mode == GOVERNANCE)
        )
        if is_weaker and not (bypass and present.mode == GOVERNANCE):
            raise _locked()
    store.amend(name, replace(stored, retention=wanted))
    return Response(200)


def legal_hold(
    store: ObjectStore, name: str, key: str, query: Mapping[str, str], request: Request
) -> Response:
    """Get or put an object's legal hold.

    Raises:
        S3Error: NoSuchBucket, NoSuchKey, InvalidRequest, NoSuchObjectLockConfiguration,
            MalformedXML.
    """
    stored = _present(store, name, key, query, request)
    content: dict[str, Any] = {}
    if request.method == "PUT":
        content = content_of(upload_of(request)[0], "LegalHold", _LEGAL_HOLD)
    _check_locking(store.bucket(name))
    if request.method == "GET":
        if not stored.legal_hold:
            raise _not_locked()
        return _xml(document("LegalHold", {"Status": stored.legal_hold}))
    store.amend(name, replace(stored, legal_hold=content["Status"]))
    return Response(200)


def _present(
    store: ObjectStore, name: str, key: str, query: Mapping[str, str], request: Request
) -> StoredObject:
    if request.method not in ("GET", "PUT"):
        raise method_not_allowed(request.method)
    stored = store.version(name, key, query.get("versionId", ""))
    if stored.is_delete_marker:
        raise method_not_allowed(request.method, DELETE_MARKER)
    return stored


def _check_locking(bucket: Bucket) -> None:
    if "object-lock" not in bucket.configuration:
        raise invalid_request("Bucket is missing Object Lock Configuration")


def _future(text: str, now_us: int, name: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime(1, 1, 1, tzinfo=UTC)
    if not 1970 <= moment.year < 9999:
        raise malformed_xml()
    until_us = int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1_000_000)
    if until_us <= now_us:
        raise invalid_argument(
            "The retain until date must be in the future!", name=name, value=text
        )
    return until_us


def _iso(time_us: int) -> str:
    moment = datetime.fromtimestamp(time_us // 1_000_000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_us // 1000 % 1000:03d}Z"


def _locked() -> S3Error:
    return access_denied("Access Denied because object protected by object lock.")


def _not_locked() -> S3Error:
    return S3Error(
        404,
        "NoSuchObjectLockConfiguration",
        "The specified object does not have a ObjectLock configuration",
    )


def _xml(body: bytes) -> Response:
    return in_xml(body)

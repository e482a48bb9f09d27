"""Uploads by HTML form: the fields, the policy that a page was given, and the file.

Deviation: the signature of the policy is not verified, its conditions and its end are.

Source: S3 API reference, "Browser-based uploads using POST" (form fields, policy conditions), POST
Object.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import orjson

from harness.objects import shapes, tags, writing
from harness.objects.checksums import DEFAULT, DEFAULT_BYTES_MAX, PREFIX, checksum
from harness.objects.conditions import precondition_failed
from harness.objects.configuration import content_of
from harness.objects.errors import S3Error, access_denied, invalid_argument
from harness.objects.xml import document, in_xml, parse
from harness.web.message import Request, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.objects.store import ObjectStore

KIND = "multipart/form-data"
_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_NAME = re.compile(rb'[; ]name="?([^";\r]*)"?', re.IGNORECASE)
_FILENAME = re.compile(rb'filename="?([^";\r]*)"?', re.IGNORECASE)
_SIGNED = {
    "x-amz-signature": ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature"),
    "signature": ("AWSAccessKeyId", "Signature"),
}
_FREE = ("policy", "signature", "awsaccesskeyid", "x-amz-signature", "file")
"""The fields that no policy needs to name."""
_HEADERS = ("cache-control", "content-type", "content-disposition", "content-encoding", "expires")


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it was sent.

    Attributes:
        fields: by their names in small letters; those behind the file do not count.
        file: its bytes.
        filename: as the browser names it; None when it names none.
    """

    fields: Mapping[str, str]
    file: bytes
    filename: str | None


def post(store: ObjectStore, bucket: str, request: Request) -> Response:
    """POST Object.

    Raises:
        S3Error: NoSuchBucket, PreconditionFailed, MalformedPOSTRequest, InvalidArgument,
            AccessDenied, InvalidPolicyDocument, EntityTooLarge, EntityTooSmall, …
    """
    store.bucket(bucket)
    form = _form(request)
    fields = form.fields
    if not fields.get("key"):
        raise _missing("key")
    if "policy" in fields:
        _check_signed(fields)
        _check_policy(fields, bucket, len(form.file), store.clock.now_us())
    elif not set(_SIGNED).isdisjoint(fields):
        raise _missing("policy")
    else:
        raise access_denied()
    key = fields["key"]
    if form.filename is not None:
        key = key.replace("${filename}", form.filename.rpartition("/")[2])
    headers = {
        name: value
        for name, value in fields.items()
        if name in _HEADERS
        or (name.startswith("x-amz-") and not name.startswith(("x-amz-signature", "x-amz-date")))
    }
    if "acl" in fields:
        headers["x-amz-acl"] = fields["acl"]
    if "tagging" in fields:
        headers[tags.HEADER] = _tagging(fields["tagging"])
    if len(form.file) <= DEFAULT_BYTES_MAX and not any(one.startswith(PREFIX) for one in headers):
        headers[PREFIX + DEFAULT] = checksum(DEFAULT, form.file)
    put = Request("PUT", request.path, "", headers, form.file)
    stored = writing.put(store, bucket, key, put)
    return _answer(bucket, key, request, fields, stored.headers)


def _answer(
    bucket: str, key: str, request: Request, fields: Mapping[str, str], said: dict[str, str]
) -> Response:
    place = f"http://{request.headers.get('host', '')}{request.path.rstrip('/')}/{quote(key)}"
    headers = {**said, "location": place}
    redirect = fields.get("success_action_redirect", fields.get("redirect", ""))
    if redirect and urlsplit(redirect).scheme:
        parts = urlsplit(redirect)
        told = urlencode({"bucket": bucket, "key": key, "etag": said["etag"]})
        query = f"{parts.query}&{told}" if parts.query else told
        return Response(303, {**headers, "location": urlunsplit(parts._replace(query=query))})
    status = fields.get("success_action_status", "204")
    if status != "201":
        return Response(200 if status == "200" else 204, headers)
    content = {"Location": place, "Bucket": bucket, "Key": key, "ETag": said["etag"]}
    body = document("PostResponse", content, namespace="")
    return in_xml(body, headers, status=201)


def _form(request: Request) -> Form:
    kind = request.headers.get("content-type", "")
    boundary = _BOUNDARY.search(kind)
    if not kind.lower().startswith(KIND) or boundary is None:
        raise precondition_failed(f"Bucket POST must be of the enclosure-type {KIND}")
    fields: dict[str, str] = {}
    mark = b"--" + boundary[1].encode()
    for piece in (b"\r\n" + request.body).split(b"\r\n" + mark)[1:]:
        head, found, value = piece.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not found or name is None:
            continue
        if name[1].lower() == b"file":
            filename = _FILENAME.search(head)
            shown = None if filename is None else filename[1].decode(errors="replace")
            return Form(fields, value, shown)
        fields[name[1].decode(errors="replace").lower()] = value.decode(errors="replace")
    raise invalid_argument(
        "POST requires exactly one file upload per request.", name="file", value=""
    )


def _check_signed(fields: Mapping[str, str]) -> None:
    for names in _SIGNED.values():
        missing = [name for name in names if name.lower() not in fields]
        if not missing:
            return
        if len(missing) < len(names):
            raise _missing(missing[0])
    raise access_denied()


def _check_policy(fields: Mapping[str, str], bucket: str, size: int, now_us: int) -> None:
    try:
        policy = orjson.loads(b64decode(fields["policy"], validate=True))
        ends = datetime.fromisoformat(policy["expiration"])
        conditions = list(policy["conditions"])
    except (Base64Error, ValueError, KeyError, TypeError):
        raise _invalid_policy("Invalid JSON.") from None
    if ends.replace(tzinfo=ends.tzinfo or UTC).timestamp() * 1_000_000 < now_us:
        raise access_denied("Invalid according to Policy: Policy expired.")
    sent = {**fields, "bucket": bucket}
    named = set(_FREE)
    for condition in conditions:
        named.add(_check_condition(condition, sent, size))
    for name in fields:
        if name not in named and not name.startswith("x-ignore-"):
            raise access_denied(f"Invalid according to Policy: Extra input fields: {name}")


def _check_condition(condition: Any, sent: Mapping[str, str], size: int) -> str:
    """Check one condition; returns the field that it names."""
    if isinstance(condition, dict):
        if len(condition) != 1:
            raise _invalid_policy(
                "Invalid Simple-Condition: Simple-Conditions must have exactly one property "
                "specified."
            )
        ((name, value),) = condition.items()
        if sent.get(name.lower()) != value:
            raise _failed(["eq", f"${name}", value])
        return str(name).lower()
    if not isinstance(condition, list) or len(condition) != 3:
        raise _invalid_policy("Invalid Condition.")
    kind, name, value = condition
    if str(kind).lower() == "content-length-range":
        _check_size(condition, size)
        return ""
    found = sent.get(str(name)[1:].lower()) if str(name).startswith("$") else None
    holds = {
        "eq": found == value,
        "starts-with": found is not None and found.startswith(str(value)),
    }
    if not holds.get(str(kind).lower(), False):
        raise _failed(condition)
    return str(name)[1:].lower()


def _check_size(condition: list[Any], size: int) -> None:
    try:
        least, most = int(condition[1]), int(condition[2])
    except (TypeError, ValueError):
        raise _failed(condition) from None
    if size > most:
        raise S3Error(
            400,
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed size",
            fields={"ProposedSize": str(size), "MaxSizeAllowed": str(most)},
        )
    if size < least:
        raise S3Error(
            400,
            "EntityTooSmall",
            "Your proposed upload is smaller than the minimum allowed size",
            fields={"ProposedSize": str(size), "MinSizeAllowed": str(least)},
        )


def _tagging(text: str) -> str:
    """The tag set of a form, which is XML, as a header has it."""
    root = parse(text.encode())
    if root is not None and root.tag != "Tagging":
        return ""
    content: dict[str, Any] = content_of(text.encode(), "Tagging", shapes.TAGGING)
    return urlencode(tags.pairs_of(content.get("TagSet")))


def _missing(name: str) -> S3Error:
    return invalid_argument(
        f"Bucket POST must contain a field named '{name}'.  If it is specified, please check the "
        "order of the fields.",
        name=name,
        value="",
    )


def _failed(condition: list[Any]) -> S3Error:
    shown = ", ".join(f'"{one}"' for one in condition)
    return access_denied(f"Invalid according to Policy: Policy Condition failed: [{shown}]")


def _invalid_policy(why: str) -> S3Error:
    return S3Error(400, "InvalidPolicyDocument", f"Invalid Policy: {why}")

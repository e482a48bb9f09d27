"""Access control lists: canned, by headers, or as a document.

A new bucket has the ownership setting BucketOwnerEnforced, under which S3 takes no lists, and blocks
public ones.

Deviation: lists are kept and given back; nobody is held to them.

Source: S3 user guide, "Access control list (ACL) overview", "Controlling ownership of objects"; S3
API reference, PutBucketAcl, PutObjectAcl.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.objects import shapes
from harness.objects.configuration import content_of
from harness.objects.errors import (
    DELETE_MARKER,
    S3Error,
    access_denied,
    invalid_argument,
    invalid_request,
    method_not_allowed,
    no_such_key,
)
from harness.objects.paging import OWNER, OWNER_ID
from harness.objects.tags import version_header
from harness.objects.upload_body import upload_of
from harness.objects.xml import document, in_xml
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.objects.bucket import Bucket
    from harness.objects.shapes import Shape
    from harness.objects.store import ObjectStore
    from harness.objects.xml import Content
    from harness.web.message import Request

CANNED = "x-amz-acl"
GRANT_HEADERS = {
    "x-amz-grant-full-control": "FULL_CONTROL",
    "x-amz-grant-read": "READ",
    "x-amz-grant-read-acp": "READ_ACP",
    "x-amz-grant-write": "WRITE",
    "x-amz-grant-write-acp": "WRITE_ACP",
}
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
_PUBLIC = (ALL_USERS, AUTHENTICATED_USERS)
_SHAPE: Shape = {
    "AccessControlList?": shapes.GRANTS,
    "Owner?": {"ID?": shapes.TEXT, "DisplayName?": shapes.TEXT},
}
_USER_ID = re.compile(r"[0-9a-f]{64}")
_GRANTEE = re.compile(r'\s*(\w+)\s*=\s*"?([^"]*?)"?\s*')


@dataclass(frozen=True, slots=True)
class Grant:
    """One permission of one grantee.

    Attributes:
        kind: CanonicalUser, Group or AmazonCustomerByEmail.
        name: the user's id, the group's URI, or the address.
        permission: FULL_CONTROL, READ, READ_ACP, WRITE or WRITE_ACP.
    """

    kind: str
    name: str
    permission: str


OWNER_ALONE = (Grant("CanonicalUser", OWNER_ID, "FULL_CONTROL"),)
_CANNED: dict[str, tuple[Grant, ...]] = {
    "private": OWNER_ALONE,
    "public-read": (*OWNER_ALONE, Grant("Group", ALL_USERS, "READ")),
    "public-read-write": (
        *OWNER_ALONE,
        Grant("Group", ALL_USERS, "READ"),
        Grant("Group", ALL_USERS, "WRITE"),
    ),
    "authenticated-read": (*OWNER_ALONE, Grant("Group", AUTHENTICATED_USERS, "READ")),
    "aws-exec-read": OWNER_ALONE,
    "bucket-owner-read": OWNER_ALONE,
    "bucket-owner-full-control": OWNER_ALONE,
    "log-delivery-write": (
        *OWNER_ALONE,
        Grant("Group", LOG_DELIVERY, "WRITE"),
        Grant("Group", LOG_DELIVERY, "READ_ACP"),
    ),
}
_MEMBERS = {"CanonicalUser": "ID", "Group": "URI", "AmazonCustomerByEmail": "EmailAddress"}
_BY_HEADER = {"id": "CanonicalUser", "uri": "Group", "emailaddress": "AmazonCustomerByEmail"}


def of_bucket(store: ObjectStore, name: str, request: Request) -> Response:
    """Get or put the bucket's list.

    Raises:
        S3Error: NoSuchBucket, MalformedACLError, AccessControlListNotSupported, …
    """
    bucket = store.bucket(name)
    if request.method == "GET":
        return _shown(bucket.grants, {})
    if request.method != "PUT":
        raise method_not_allowed(request.method)
    grants = _sent(request)
    _check_allowed(bucket, grants)
    with store.lock:
        bucket.grants = grants
    return Response(200)


def of_object(
    store: ObjectStore, name: str, key: str, query: Mapping[str, str], request: Request
) -> Response:
    """Get or put an object's list.

    Raises:
        S3Error: NoSuchBucket, NoSuchKey, MethodNotAllowed, MalformedACLError, …
    """
    bucket = store.bucket(name)
    stored = store.version(name, key, query.get("versionId", ""))
    if stored.is_delete_marker:
        if request.method == "GET" and "versionId" not in query:
            raise no_such_key(key)
        raise method_not_allowed(request.method, DELETE_MARKER)
    headers = version_header(bucket, stored.version_id)
    if request.method == "GET":
        return _shown(stored.grants, headers)
    if request.method != "PUT":
        raise method_not_allowed(request.method)
    grants = _sent(request)
    _check_allowed(bucket, grants)
    store.amend(name, replace(stored, grants=grants))
    return Response(200)


def in_headers(bucket: Bucket, request: Request) -> tuple[Grant, ...] | None:
    """The list that an upload states in its headers; None when it states none.

    Raises:
        S3Error: InvalidArgument, InvalidRequest, AccessControlListNotSupported, AccessDenied.
    """
    headers = request.headers
    if CANNED not in headers and GRANT_HEADERS.keys().isdisjoint(headers):
        return None
    grants = _stated(headers)
    if headers.get(CANNED) != "bucket-owner-full-control":
        _check_allowed(bucket, grants)
    return grants


def of_new_bucket(headers: Mapping[str, str], ownership: str) -> tuple[Grant, ...] | None:
    """The list of a bucket that is being made.

    Raises:
        S3Error: InvalidArgument, InvalidBucketAclWithObjectOwnership, …
    """
    if CANNED not in headers and GRANT_HEADERS.keys().isdisjoint(headers):
        return None
    grants = _stated(headers)
    if ownership == "BucketOwnerEnforced" and grants != OWNER_ALONE:
        raise S3Error(
            400,
            "InvalidBucketAclWithObjectOwnership",
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
        )
    return grants


def _check_allowed(bucket: Bucket, grants: tuple[Grant, ...]) -> None:
    ownership: Any = bucket.configuration.get("ownershipControls")
    if ownership is not None and ownership["Rule"]["ObjectOwnership"] == "BucketOwnerEnforced":
        raise S3Error(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
    block = bucket.configuration.get("publicAccessBlock", {})
    if block.get("BlockPublicAcls") == "true" and any(one.name in _PUBLIC for one in grants):
        raise access_denied()


def _sent(request: Request) -> tuple[Grant, ...]:
    """The list of a Put…Acl: in headers or in the body, not in both."""
    headers = request.headers
    is_stated = CANNED in headers or not GRANT_HEADERS.keys().isdisjoint(headers)
    body, _ = upload_of(request)
    if is_stated:
        if body:
            raise S3Error(400, "UnexpectedContent", "This request does not support content")
        return _stated(headers)
    if not body:
        raise S3Error(
            400,
            "MissingSecurityHeader",
            "Your request was missing a required header",
            fields={"MissingHeaderName": CANNED},
        )
    return _parsed(body)


def _stated(headers: Mapping[str, str]) -> tuple[Grant, ...]:
    canned = headers.get(CANNED)
    named = [name for name in GRANT_HEADERS if name in headers]
    if canned is not None:
        if named:
            raise invalid_request("Specifying both Canned ACLs and Header Grants is not allowed")
        if canned not in _CANNED:
            raise invalid_argument("", name=CANNED, value=canned)
        return _CANNED[canned]
    grants = []
    for name in named:
        for text in headers[name].split(","):
            found = _GRANTEE.fullmatch(text)
            kind = _BY_HEADER.get(found[1].lower()) if found is not None else None
            if found is None or kind is None:
                raise invalid_argument("Argument format not recognized", name=name, value=text)
            _check_grantee(kind, found[2], argument=found[1])
            grants.append(Grant(kind, found[2], GRANT_HEADERS[name]))
    return tuple(grants)


def _parsed(body: bytes) -> tuple[Grant, ...]:
    try:
        content: dict[str, Any] = content_of(body, "AccessControlPolicy", _SHAPE)
    except S3Error:
        raise _malformed() from None
    if "Owner" not in content or "AccessControlList" not in content:
        raise _malformed()
    _check_grantee("CanonicalUser", content["Owner"].get("ID", ""), argument="CanonicalUser/ID")
    grants = []
    for entry in content["AccessControlList"].get("Grant", []):
        sign = next((name for name in entry if name.startswith("Grantee")), "")
        kind = sign.rpartition('xsi:type="')[2].rstrip('"')
        permission = entry.get("Permission", "")
        if kind not in _MEMBERS or permission not in GRANT_HEADERS.values():
            raise _malformed()
        name = entry[sign].get(_MEMBERS[kind], "")
        _check_grantee(kind, name, argument=f"{kind}/{_MEMBERS[kind]}")
        grants.append(Grant(kind, name, permission))
    return tuple(grants)


def _check_grantee(kind: str, name: str, *, argument: str) -> None:
    if kind == "Group" and name not in (*_PUBLIC, LOG_DELIVERY):
        raise invalid_argument("Invalid group uri", name=argument, value=name)
    if kind == "CanonicalUser" and not _USER_ID.fullmatch(name):
        raise invalid_argument("Invalid id", name=argument, value=name)


def _malformed() -> S3Error:
    return S3Error(
        400,
        "MalformedACLError",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )


def _shown(grants: tuple[Grant, ...] | None, headers: dict[str, str]) -> Response:
    entries: list[Content] = [
        {
            f'Grantee xmlns:xsi="{shapes.XSI}" xsi:type="{grant.kind}"': {
                _MEMBERS[grant.kind]: grant.name
            },
            "Permission": grant.permission,
        }
        for grant in (OWNER_ALONE if grants is None else grants)
    ]
    content: dict[str, Content] = {"Owner": OWNER, "AccessControlList": {"Grant": entries}}
    body = document("AccessControlPolicy", content)
    return in_xml(body, headers)

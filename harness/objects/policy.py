"""Bucket policies: kept, given back, and judged public or not.

Deviation: nobody is held to them. A statement with a condition never counts as public; AWS looks at what the condition says.

Source: S3 API reference, PutBucketPolicy, GetBucketPolicyStatus; S3 user guide, "The meaning of
public".
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import orjson

from harness.objects.configuration import missing
from harness.objects.errors import S3Error, access_denied, method_not_allowed
from harness.objects.upload_body import upload_of
from harness.objects.xml import document, in_xml
from harness.web.message import Response

if TYPE_CHECKING:
    from harness.objects.bucket import Bucket
    from harness.objects.store import ObjectStore
    from harness.web.message import Request

POLICY_BYTES_MAX = 20 * 1024
_ACTION = re.compile(r"\*|s3[a-z-]*:[A-Za-z*?]+", re.IGNORECASE)
_ARN = re.compile(r"arn:[^:]*:s3:[^:]*:[^:]*:([^/]+)(/.*)?", re.DOTALL)


def answer(store: ObjectStore, name: str, request: Request) -> Response:
    """Get, put or delete the policy.

    Raises:
        S3Error: NoSuchBucket, NoSuchBucketPolicy, MalformedPolicy, AccessDenied.
    """
    bucket = store.bucket(name)
    if request.method == "GET":
        return Response(200, {"content-type": "application/json"}, _text(bucket).encode())
    if request.method not in ("PUT", "DELETE"):
        raise method_not_allowed(request.method)
    text = upload_of(request)[0] if request.method == "PUT" else b""
    if request.method == "PUT":
        statements = _statements(text, name)
        if _blocks_public(bucket) and any(_is_open(statement) for statement in statements):
            raise access_denied(
                "Public policies are prevented by the BlockPublicPolicy setting in S3 Block Public "
                "Access."
            )
    with store.lock:
        if text:
            bucket.configuration["policy"] = {"Text": text.decode()}
        else:
            bucket.configuration.pop("policy", None)
    return Response(204)


def status(store: ObjectStore, name: str, request: Request) -> Response:
    """GetBucketPolicyStatus.

    Raises:
        S3Error: NoSuchBucket, NoSuchBucketPolicy.
    """
    bucket = store.bucket(name)
    if request.method != "GET":
        raise method_not_allowed(request.method)
    is_public = any(_is_open(one) for one in _statements(_text(bucket).encode(), name))
    body = document("PolicyStatus", {"IsPublic": is_public})
    return in_xml(body)


def _text(bucket: Bucket) -> str:
    kept = bucket.configuration.get("policy")
    if kept is None:
        raise missing(bucket, "NoSuchBucketPolicy", "The bucket policy does not exist")
    return str(kept["Text"])


def _blocks_public(bucket: Bucket) -> bool:
    block = bucket.configuration.get("publicAccessBlock", {})
    return block.get("BlockPublicPolicy") == "true"


def _statements(text: bytes, bucket: str) -> list[dict[str, Any]]:
    """The statements of a policy that S3 would take.

    Raises:
        S3Error: MalformedPolicy.
    """
    if len(text) > POLICY_BYTES_MAX:
        raise _malformed("Policy exceeds the maximum allowed document size.")
    try:
        policy = orjson.loads(text)
    except orjson.JSONDecodeError:
        policy = None
    if not isinstance(policy, dict):
        raise _malformed("Policies must be valid JSON and the first byte must be '{'")
    statements = policy.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if statements is None:
        raise _malformed("Missing required field Statement")
    if not isinstance(statements, list) or not all(isinstance(one, dict) for one in statements):
        raise _malformed("Statement must be an object or a list of objects")
    for statement in statements:
        _check(statement, bucket)
    return statements


def _check(statement: dict[str, Any], bucket: str) -> None:
    for names in (("Effect",), ("Principal", "NotPrincipal"), ("Action", "NotAction")):
        if not any(name in statement for name in names):
            raise _malformed(f"Missing required field {names[0]}")
    if statement["Effect"] not in ("Allow", "Deny"):
        raise _malformed(f"Invalid effect: {statement['Effect']}")
    for action in _listed(statement.get("Action", statement.get("NotAction"))):
        if not _ACTION.fullmatch(action):
            raise _malformed("Policy has invalid action")
    if "Resource" not in statement and "NotResource" not in statement:
        raise _malformed("Missing required field Resource")
    for resource in _listed(statement.get("Resource", [])):
        arn = _ARN.fullmatch(resource)
        if resource != "*" and (arn is None or not fnmatchcase(bucket, arn[1])):
            raise _malformed("Policy has invalid resource")


def _is_open(statement: dict[str, Any]) -> bool:
    principal = statement.get("Principal")
    if isinstance(principal, dict):
        principal = principal.get("AWS")
    return (
        statement["Effect"] == "Allow"
        and "*" in _listed(principal)
        and not statement.get("Condition")
    )


def _listed(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _malformed(message: str) -> S3Error:
    return S3Error(400, "MalformedPolicy", message)

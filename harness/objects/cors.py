"""CORS: what a bucket's rules let browsers do.

Source: S3 user guide, "Using cross-origin resource sharing (CORS)"; S3 API reference, OPTIONS object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.objects.errors import S3Error
from harness.web.message import Response

if TYPE_CHECKING:
    from harness.objects.bucket import Bucket
    from harness.web.message import Request

ORIGIN = "origin"
METHOD, HEADERS = "access-control-request-method", "access-control-request-headers"


def preflight(bucket: Bucket | None, request: Request, *, is_object: bool) -> Response:
    """The answer to OPTIONS.

    Raises:
        S3Error: BadRequest, AccessForbidden.
    """
    headers = request.headers
    if ORIGIN not in headers:
        raise _bad("Insufficient information. Origin request header needed.")
    asked = headers.get(METHOD, "OPTIONS")
    if bucket is None:
        raise _forbidden("Bucket not found", asked, "BUCKET")
    if "cors" not in bucket.configuration:
        raise _forbidden("CORS is not enabled for this bucket.", asked, "BUCKET")
    if METHOD not in headers:
        raise _bad("Invalid Access-Control-Request-Method: null")
    allowed = allowed_headers(bucket, request, asked)
    if not allowed:
        raise _forbidden(
            "This CORS request is not allowed. This is usually because the evalution of Origin, "
            "request method / Access-Control-Request-Method or Access-Control-Request-Headers are "
            "not whitelisted by the resource's CORS spec.",
            asked,
            "OBJECT" if is_object else "BUCKET",
        )
    return Response(200, allowed)


def allowed_headers(bucket: Bucket, request: Request, method: str) -> dict[str, str]:
    """The headers that let a browser go on; none when no rule allows the request."""
    configured: Any = bucket.configuration.get("cors")
    origin = request.headers.get(ORIGIN)
    if configured is None or origin is None:
        return {}
    asked = request.headers.get(HEADERS, "")
    names = [name.strip().lower() for name in asked.split(",") if name.strip()]
    for rule in configured["CORSRule"]:
        matching = [one for one in rule["AllowedOrigin"] if _fits(origin, one)]
        if not matching or method not in rule["AllowedMethod"]:
            continue
        patterns = [one.lower() for one in rule.get("AllowedHeader", [])]
        if all(any(_fits(name, one) for one in patterns) for name in names):
            return _headers(rule, "*" if "*" in matching else origin, names)
    return {}


def _headers(rule: dict[str, Any], origin: str, names: list[str]) -> dict[str, str]:
    said = {
        "access-control-allow-origin": origin,
        "access-control-allow-methods": ", ".join(rule["AllowedMethod"]),
        "vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    }
    if origin != "*":
        said["access-control-allow-credentials"] = "true"
    if names:
        said["access-control-allow-headers"] = ", ".join(names)
    if rule.get("ExposeHeader"):
        said["access-control-expose-headers"] = ", ".join(rule["ExposeHeader"])
    if "MaxAgeSeconds" in rule:
        said["access-control-max-age"] = rule["MaxAgeSeconds"]
    return said


def _fits(text: str, pattern: str) -> bool:
    """Whether `text` is as `pattern` says, which may have one `*`."""
    head, star, tail = pattern.partition("*")
    if not star:
        return text == pattern
    return len(text) >= len(head) + len(tail) and text.startswith(head) and text.endswith(tail)


def _bad(message: str) -> S3Error:
    return S3Error(400, "BadRequest", message)


def _forbidden(message: str, method: str, resource: str) -> S3Error:
    return S3Error(
        403,
        "AccessForbidden",
        f"CORSResponse: {message}",
        fields={"Method": method, "ResourceType": resource},
    )

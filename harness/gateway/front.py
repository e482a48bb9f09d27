"""What AWS's front ends answer themselves: health checks, and requests beyond all bounds.

Source: ScyllaDB's test_health.py and test_manual_requests.py, run against AWS; dynalite's connection
tests.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from harness.awsjson import answer_headers, not_found
from harness.gateway.encodings import BODY_BYTES_MAX
from harness.web.message import Response

if TYPE_CHECKING:
    from harness.web.message import Request

HEADER_BYTES_MAX = 16 * 1024
LINE_BYTES_MAX = 16 * 1024
_JSON_HOSTS = ("dynamodb.", "kinesis.", "streams.dynamodb.")


def is_for_json_services(request: Request) -> bool:
    """True for an unsigned request to the root that S3 has no operation for, or a health check.

    S3 keeps its own host names, and whatever has a path or a query.
    """
    if request.path != "/" or request.query:
        return False
    host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
    if host != "localhost" and not host.startswith(_JSON_HOSTS):
        try:
            ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return False
    return True


def health(request: Request) -> Response:
    """The answer to a GET of the root."""
    headers = answer_headers(request, dynamodb=True)
    text = f"healthy: {request.headers.get('host', '')} "
    return Response(200, {**headers, "content-type": "text/plain"}, text.encode())


def refusal(request: Request) -> Response | None:
    """The answer to a request to DynamoDB that its front end lets through to nobody."""
    line = len(request.path) + len(request.query)
    if line > LINE_BYTES_MAX or sum(map(len, request.headers.values())) > HEADER_BYTES_MAX:
        return Response(400, answer_headers(request, dynamodb=True))
    if len(request.body) > BODY_BYTES_MAX:
        return Response(413, answer_headers(request, dynamodb=True))
    return None if request.path.strip("/") == "" else not_found(request)

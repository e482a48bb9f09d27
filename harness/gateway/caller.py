"""Who asks, and from which region: what a request's credential scope says.

Source: Signature Version 4, "credential scope" (`<key>/<date>/<region>/<service>/aws4_request`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from harness.web.message import Request

ACCOUNT = "000000000000"
DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Caller:
    """One caller.

    Attributes:
        access_key: the access key id; empty for an unsigned request.
        region: of the scope, e.g. `eu-central-1`.
        service: of the scope, e.g. `dynamodb`; empty for an unsigned request.
    """

    access_key: str = ""
    region: str = DEFAULT_REGION
    service: str = ""


_known: dict[str, Caller] = {}
_KNOWN_MAX = 1000


def caller_of(request: Request) -> Caller:
    """The caller that a request names, whether or not its signature is right."""
    scope = credential_scope(request)
    caller = _known.get(scope)
    if caller is None:
        parts = scope.split("/")
        if len(parts) < 5:
            caller = Caller(parts[0])
        else:
            # An access key id may itself hold a slash; the four parts behind it may not.
            caller = Caller("/".join(parts[:-4]), parts[-3] or DEFAULT_REGION, parts[-2])
        if len(_known) < _KNOWN_MAX:
            _known[scope] = caller
    return caller


def credential_scope(request: Request) -> str:
    """The `Credential` of the Authorization header or of a presigned URL; empty without one."""
    header = request.headers.get("authorization", "")
    if header:
        _, _, rest = header.partition("Credential=")
        return rest.partition(",")[0].strip()
    if "X-Amz-Credential" in request.query:
        return parse_qs(request.query).get("X-Amz-Credential", [""])[0]
    return ""

"""Signature Version 4, verified: only who knows the secret key is answered.

Needed where the endpoint can be reached from other machines. Clock skew is not checked: the
harness' clock may be days ahead of its clients' on purpose.

Source: AWS General Reference, "Signature Version 4 signing process"; for S3's chunked bodies the S3
API reference, "Authenticating requests (AWS Signature Version 4)". Of a chunked body the seed
signature is verified, the signatures of its chunks are not.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote

import orjson

from harness.gateway.caller import credential_scope
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.web.message import Request

ALGORITHM = "AWS4-HMAC-SHA256"
SCOPE_PARTS = 5
_UNRESERVED = "-_.~"


class KeyRing:
    """The access keys that are let in.

    Args:
        secrets: secret access key by access key id.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = dict(secrets)
        self._signing_keys: dict[tuple[str, ...], bytes] = {}

    def refusal(self, request: Request) -> Response | None:
        """AWS's answer to a request whose signature is not right; None lets it in."""
        scope = credential_scope(request).split("/")
        if len(scope) < SCOPE_PARTS:
            return _refused(request, "MissingAuthenticationTokenException", _MISSING)
        access_key = "/".join(scope[:-4])
        secret = self._secrets.get(access_key)
        if secret is None:
            return _refused(request, "UnrecognizedClientException", _UNKNOWN_KEY)
        in_header = bool(request.headers.get("authorization"))
        signature, signed_names, moment = (
            _from_header(request) if in_header else _from_query(request)
        )
        text = "\n".join(
            (
                ALGORITHM,
                moment,
                "/".join(scope[-4:]),
                hashlib.sha256(
                    _canonical(request, signed_names, in_header=in_header).encode()
                ).hexdigest(),
            )
        )
        expected = hmac.new(self._signing_key(secret, scope[-4:]), text.encode(), "sha256")
        if not hmac.compare_digest(expected.hexdigest().encode(), signature.encode()):
            return _refused(request, "InvalidSignatureException", _MISMATCH)
        return None

    def _signing_key(self, secret: str, scope: list[str]) -> bytes:
        known = self._signing_keys.get((secret, *scope))
        if known is None:
            known = f"AWS4{secret}".encode()
            for part in scope:
                known = hmac.new(known, part.encode(), "sha256").digest()
            self._signing_keys[(secret, *scope)] = known
        return known


_MISSING = "Missing Authentication Token"
_UNKNOWN_KEY = "The security token included in the request is invalid."
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details."
)
_S3_CODES = {
    "MissingAuthenticationTokenException": "AccessDenied",
    "UnrecognizedClientException": "InvalidAccessKeyId",
    "InvalidSignatureException": "SignatureDoesNotMatch",
}


def _refused(request: Request, code: str, message: str) -> Response:
    if "x-amz-target" in request.headers:
        body = orjson.dumps({"__type": f"com.amazon.coral.service#{code}", "message": message})
        content_type = request.headers.get("content-type", "application/x-amz-json-1.1")
        return Response(400, {"content-type": content_type}, body)
    code = _S3_CODES[code]
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    return Response(403, {"content-type": "application/xml"}, text.encode())


def _from_header(request: Request) -> tuple[str, list[str], str]:
    """Signature, signed header names and time stamp of an Authorization header."""
    header = request.headers["authorization"]
    parts = dict(
        part.strip().partition("=")[::2] for part in header.replace(" ", ",").split(",") if part
    )
    moment = request.headers.get("x-amz-date", "")
    return parts.get("Signature", ""), parts.get("SignedHeaders", "").split(";"), moment


def _from_query(request: Request) -> tuple[str, list[str], str]:
    """The same three of a presigned URL."""
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    return (
        query.get("X-Amz-Signature", ""),
        query.get("X-Amz-SignedHeaders", "").split(";"),
        query.get("X-Amz-Date", ""),
    )


def _canonical(request: Request, signed_names: list[str], *, in_header: bool) -> str:
    """The canonical request, as the client signed it."""
    is_s3 = credential_scope(request).split("/")[-2] == "s3"
    # S3 signs the path as it is sent; every other service encodes it once more.
    path = quote(unquote(request.path), safe=f"/{_UNRESERVED}")
    if not is_s3:
        path = quote(path, safe=f"/{_UNRESERVED}")
    pairs = sorted(
        (quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED))
        for name, value in parse_qsl(request.query, keep_blank_values=True)
        if in_header or name != "X-Amz-Signature"
    )
    query = "&".join(f"{name}={value}" for name, value in pairs)
    headers = "".join(
        f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed_names
    )
    if not in_header:
        digest = "UNSIGNED-PAYLOAD"
    else:
        digest = hashlib.sha256(request.body).hexdigest()
        stated = request.headers.get("x-amz-content-sha256", digest)
        # Stated by word (unsigned, or signed chunk by chunk); a stated hash must be the body's.
        if stated.startswith(("UNSIGNED", "STREAMING")):
            digest = stated
    return "\n".join((request.method, path, query, headers, ";".join(signed_names), digest))

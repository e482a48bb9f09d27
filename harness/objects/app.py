"""S3's REST interface: from method, host, path and query to one operation.

Path style (`/bucket/key`) and virtual-host style (`bucket.localhost`, `bucket.s3.<anything>`).
What concerns objects is answered here; a bucket's configuration is handed to the long tail, which
keeps it without acting on it, and what would change how objects behave (versions, locks,
notifications) is refused.

Source: S3 API reference.
"""

from __future__ import annotations

import itertools
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, unquote

from harness.objects import reading, writing
from harness.objects.errors import S3Error, malformed_xml, not_implemented
from harness.objects.listing import list_buckets, list_v1, list_v2, list_versions
from harness.objects.multipart import MultipartUploads
from harness.objects.xml import document, parse
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.objects.store import ObjectStore
    from harness.web.message import Request

QUICK_BODY_BYTES_MAX = 1024 * 1024
"""Larger uploads are hashed in a worker thread, not on the event loop."""
XML = writing.XML
KEPT_BY_LONG_TAIL = frozenset(
    {
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "encryption",
        "intelligent-tiering",
        "inventory",
        "lifecycle",
        "logging",
        "metrics",
        "ownershipControls",
        "policy",
        "policyStatus",
        "publicAccessBlock",
        "requestPayment",
        "tagging",
        "website",
    }
)
REFUSED = frozenset(
    {
        "attributes",
        "legal-hold",
        "notification",
        "object-lock",
        "replication",
        "restore",
        "retention",
        "select",
        "session",
        "torrent",
    }
)
_request_numbers = itertools.count()


class BucketConfiguration(Protocol):
    """Who keeps what is configured on buckets."""

    def __call__(self, request: Request) -> Response:
        """Answer one request."""
        ...

    def ensure_bucket(self, bucket: str, region: str) -> None:
        """Know this bucket from now on."""
        ...


class ObjectsApp:
    """S3 as an app.

    Args:
        store: the buckets.
        configuration: who keeps bucket configurations.
    """

    def __init__(self, store: ObjectStore, configuration: BucketConfiguration) -> None:
        self._store = store
        self._uploads = MultipartUploads(store)
        self._configuration = configuration

    def __call__(self, request: Request) -> Response:
        """Answer one S3 request."""
        request_id = blake2b(b"s3 %d" % next(_request_numbers), digest_size=8).hexdigest().upper()
        try:
            bucket, key = target_of(request)
            response = self._route(request, bucket, key)
        except S3Error as error:
            response = error.response(method=request.method, request_id=request_id)
        response.headers.setdefault("x-amz-request-id", request_id)
        response.headers.setdefault("server", "AmazonS3")
        if "origin" in request.headers:
            response.headers.setdefault("access-control-allow-origin", "*")
            response.headers.setdefault("access-control-expose-headers", "etag,x-amz-request-id")
        return response

    def runs_in_thread(self, request: Request) -> bool:
        """Large uploads, and what goes on to the long tail."""
        if len(request.body) > QUICK_BODY_BYTES_MAX:
            return True
        query = _query(request)
        # Completing an upload joins all its parts.
        is_completion = request.method == "POST" and "uploadId" in query
        return is_completion or not KEPT_BY_LONG_TAIL.isdisjoint(query)

    def _route(self, request: Request, bucket: str, key: str) -> Response:
        query = _query(request)
        if request.method == "OPTIONS":
            return _preflight(request)
        refused = REFUSED.intersection(query)
        if refused:
            raise not_implemented(f"?{min(refused)}")
        if not bucket:
            return self._list_buckets(request)
        if key:
            return self._object(request, bucket, key, query)
        if not KEPT_BY_LONG_TAIL.isdisjoint(query):
            region = self._store.bucket(bucket).region
            if request.method not in ("GET", "PUT", "DELETE"):
                raise _method_not_allowed(request)
            self._configuration.ensure_bucket(bucket, region)
            return self._configuration(request)
        return self._bucket(request, bucket, query)

    def _list_buckets(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise _method_not_allowed(request)
        body = list_buckets(self._store.buckets(), _query(request))
        return Response(200, dict(XML), body)

    def _bucket(self, request: Request, bucket: str, query: dict[str, str]) -> Response:
        store = self._store
        match request.method:
            case "PUT" if "versioning" in query:
                raise not_implemented("versioning")
            case "PUT":
                return self._create_bucket(bucket, request)
            case "DELETE":
                store.delete_bucket(bucket)
                return Response(204)
            case "HEAD":
                region = store.bucket(bucket).region
                return Response(200, {**XML, "x-amz-bucket-region": region})
            case "POST" if "delete" in query:
                return writing.delete_many(store, bucket, request)
            case "POST":
                raise not_implemented("POST of a form")
            case "GET" if "location" in query:
                region = store.bucket(bucket).region
                shown = "" if region == "us-east-1" else region
                body = document("LocationConstraint", {}).replace(
                    b"></LocationConstraint>", f">{shown}</LocationConstraint>".encode()
                )
                return Response(200, dict(XML), body)
            case "GET" if "versioning" in query:
                store.bucket(bucket)
                return Response(200, dict(XML), document("VersioningConfiguration", {}))
            case "GET" if "uploads" in query:
                return self._uploads.list_uploads(bucket, query)
            case "GET":
                listed = list_v2 if query.get("list-type") == "2" else list_v1
                if "versions" in query:
                    listed = list_versions
                with store.lock:
                    return listed(store.bucket(bucket), query)
            case _:
                pass
        raise _method_not_allowed(request)

    def _object(self, request: Request, bucket: str, key: str, query: dict[str, str]) -> Response:
        store, uploads = self._store, self._uploads
        if "acl" in query:
            raise not_implemented("?acl of an object")
        if query.get("versionId", "null") != "null":
            raise writing.invalid_version(query["versionId"])
        routes: list[tuple[str, bool, Callable[[], Response]]] = [
            (
                "GET PUT DELETE",
                "tagging" in query,
                lambda: writing.tagging(store, bucket, key, request),
            ),
            (
                "PUT",
                "uploadId" in query,
                lambda: uploads.put_part(bucket, key, query, request),
            ),
            ("GET", "uploadId" in query, lambda: uploads.list_parts(bucket, key, query)),
            ("DELETE", "uploadId" in query, lambda: uploads.abort(bucket, key, query)),
            (
                "POST",
                "uploadId" in query,
                lambda: uploads.complete(bucket, key, query, request),
            ),
            ("POST", "uploads" in query, lambda: uploads.create(bucket, key, request)),
            (
                "PUT",
                writing.COPY_SOURCE in request.headers,
                lambda: writing.copy(store, bucket, key, request),
            ),
            ("PUT", True, lambda: writing.put(store, bucket, key, request)),
            ("DELETE", True, lambda: writing.delete(store, bucket, key, request)),
            ("GET HEAD", True, lambda: self._read(request, bucket, key, query)),
        ]
        for methods, applies, answer in routes:
            if applies and request.method in methods.split():
                return answer()
        raise _method_not_allowed(request)

    def _read(self, request: Request, bucket: str, key: str, query: dict[str, str]) -> Response:
        stored = self._store.stored(bucket, key)
        return reading.read(stored, request.headers, query, is_head=request.method == "HEAD")

    def _create_bucket(self, bucket: str, request: Request) -> Response:
        if request.headers.get("x-amz-bucket-object-lock-enabled", "").lower() == "true":
            raise not_implemented("object lock")
        region = "us-east-1"
        if request.body:
            root = parse(request.body)
            if root is None or root.tag != "CreateBucketConfiguration":
                raise malformed_xml()
            region = root.findtext("LocationConstraint", "").strip() or region
        self._store.create_bucket(bucket, region)
        return Response(200, {"location": f"/{bucket}"})


def target_of(request: Request) -> tuple[str, str]:
    """Bucket and key that a request names; either may be empty.

    Raises:
        S3Error: InvalidURI.
    """
    path = request.path
    bucket = _bucket_in_host(request.headers.get("host", ""))
    if not bucket:
        bucket, _, path = path.removeprefix("/").partition("/")
    else:
        path = path.removeprefix("/")
    try:
        return unquote(bucket, errors="strict"), unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise S3Error(400, "InvalidURI", "Couldn't parse the specified URI.") from None


def _bucket_in_host(host: str) -> str:
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    for mark in (".s3.", ".s3-"):
        bucket, found, _ = name.partition(mark)
        if found:
            return bucket
    if name.endswith(".localhost"):
        bucket = name.removesuffix(".localhost").removesuffix(".s3")
        return "" if bucket == "s3" or bucket.startswith("s3.") else bucket
    return ""


def _query(request: Request) -> dict[str, str]:
    if not request.query:
        return {}
    return dict(parse_qsl(request.query, keep_blank_values=True))


def _preflight(request: Request) -> Response:
    wish = request.headers.get("access-control-request-headers", "*")
    return Response(
        200,
        {
            "access-control-allow-origin": "*",
            "access-control-allow-methods": "GET, PUT, POST, DELETE, HEAD",
            "access-control-allow-headers": wish,
            "access-control-max-age": "172800",
        },
    )


def _method_not_allowed(request: Request) -> S3Error:
    return S3Error(
        405,
        "MethodNotAllowed",
        "The specified method is not allowed against this resource.",
        fields={"Method": request.method},
    )

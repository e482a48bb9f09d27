"""S3's REST interface: from method, host, path and query to one operation.

A subresource in the query (`?versioning`, `?acl`) names a part of a bucket or an object.

Deviation: restore, select, torrents, annotations, directory buckets and metadata tables are refused
with NotImplemented.

Source: S3 API reference.
"""

from __future__ import annotations

import itertools
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from harness.objects import (
    buckets,
    configuration,
    cors,
    expiry,
    form_post,
    grants,
    locks,
    named_configuration,
    policy,
    reading,
    tags,
    writing,
)
from harness.objects.address import target_of
from harness.objects.attributes import attributes
from harness.objects.errors import HOST_ID, S3Error, method_not_allowed, not_implemented
from harness.objects.listing import list_buckets, list_v1, list_v2
from harness.objects.multipart import MultipartUploads
from harness.objects.owner import check_owner
from harness.objects.version_listing import list_versions
from harness.objects.xml import in_xml
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.objects.store import ObjectStore
    from harness.web.message import Request

QUICK_BODY_BYTES_MAX = 1024 * 1024
"""Larger uploads are hashed in a worker thread, not on the event loop."""
REFUSED = frozenset(
    {
        "annotation",
        "metadataAnnotationTable",
        "metadataConfiguration",
        "metadataInventoryTable",
        "metadataJournalTable",
        "metadataTable",
        "renameObject",
        "restore",
        "select",
        "session",
        "torrent",
    }
)
_BUCKET_PARTS = {
    "acl": grants.of_bucket,
    "policy": policy.answer,
    "policyStatus": policy.status,
    "tagging": tags.of_bucket,
    "versioning": buckets.versioning,
}
_OBJECT_PARTS = {
    "acl": grants.of_object,
    "legal-hold": locks.legal_hold,
    "retention": locks.retention,
    "tagging": tags.of_object,
}
_SIGNATURE = frozenset(
    {
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-security-token",
        "x-amz-signature",
        "x-amz-signedheaders",
    }
)
"""The parameters of a presigned URL that sign it; all others stand for headers."""
_CONDITIONS = ("if-match", "if-none-match")
_request_numbers = itertools.count()


class ObjectsApp:
    """S3 as an app.

    Args:
        store: the buckets.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._uploads = MultipartUploads(store)

    def __call__(self, request: Request) -> Response:
        """Answer one S3 request."""
        request_id = blake2b(b"s3 %d" % next(_request_numbers), digest_size=8).hexdigest().upper()
        bucket = ""
        try:
            bucket, key = target_of(request)
            response = self._route(request, bucket, key)
        except S3Error as error:
            response = error.response(method=request.method, request_id=request_id)
        response.headers.setdefault("x-amz-request-id", request_id)
        response.headers.setdefault("x-amz-id-2", HOST_ID)
        response.headers.setdefault("server", "AmazonS3")
        where = self._store.find_bucket(bucket) if cors.ORIGIN in request.headers else None
        if where is not None:
            for name, value in cors.allowed_headers(where, request, request.method).items():
                response.headers.setdefault(name, value)
        return response

    def runs_in_thread(self, request: Request) -> bool:
        """Large uploads, and the completion of uploads in parts, which joins them."""
        if len(request.body) > QUICK_BODY_BYTES_MAX:
            return True
        return request.method == "POST" and "uploadId" in _query(request)

    def _route(self, request: Request, bucket: str, key: str) -> Response:
        query = _query(request)
        if "X-Amz-Signature" in query:
            _hoisted(request, query)
        if request.method == "OPTIONS":
            where = self._store.find_bucket(bucket)
            return cors.preflight(where, request, is_object=bool(key))
        refused = REFUSED.intersection(query)
        if refused:
            raise not_implemented(f"?{min(refused)}")
        if not bucket:
            return self._list_buckets(request)
        check_owner(self._store, request)
        if key:
            return self._object(request, bucket, key, query)
        for part, answer in _BUCKET_PARTS.items():
            if part in query:
                return answer(self._store, bucket, request)
        for part in query:
            if part in configuration.DOCUMENTS:
                return configuration.answer(self._store, bucket, part, request)
            if part in named_configuration.NAMED:
                return named_configuration.answer(self._store, bucket, part, query, request)
        return self._bucket(request, bucket, query)

    def _list_buckets(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed(request.method)
        body = list_buckets(self._store.buckets(), _query(request))
        return in_xml(body)

    def _bucket(self, request: Request, bucket: str, query: dict[str, str]) -> Response:
        store = self._store
        match request.method:
            case "PUT":
                return buckets.create(store, bucket, request)
            case "DELETE":
                store.delete_bucket(bucket)
                return Response(204)
            case "HEAD":
                return buckets.head(store, bucket)
            case "POST" if "delete" in query:
                return writing.delete_many(store, bucket, request)
            case "POST":
                return form_post.post(store, bucket, request)
            case "GET" if "location" in query:
                return buckets.location(store, bucket)
            case "GET" if "uploads" in query:
                return self._uploads.list_uploads(bucket, query)
            case "GET":
                listed = list_v2 if query.get("list-type") == "2" else list_v1
                if "versions" in query:
                    listed = list_versions
                with store.lock:
                    where = store.bucket(bucket)
                    response = listed(where, query)
                response.headers["x-amz-bucket-region"] = where.region
                return response
            case _:
                pass
        raise method_not_allowed(request.method)

    def _object(self, request: Request, bucket: str, key: str, query: dict[str, str]) -> Response:
        store, uploads = self._store, self._uploads
        for part, answer in _OBJECT_PARTS.items():
            if part in query:
                return answer(store, bucket, key, query, request)
        if "encryption" in query:
            raise not_implemented("?encryption of an object")
        routes: list[tuple[str, bool, Callable[[], Response]]] = [
            (
                "GET",
                "attributes" in query,
                lambda: self._attributes(request, bucket, key, query),
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
            ("DELETE", True, lambda: writing.delete(store, bucket, key, query, request)),
            ("GET HEAD", True, lambda: self._read(request, bucket, key, query)),
        ]
        for methods, applies, answer_route in routes:
            if applies and request.method in methods.split():
                return answer_route()
        raise method_not_allowed(request.method)

    def _read(self, request: Request, bucket: str, key: str, query: dict[str, str]) -> Response:
        stored = reading.existing(self._store, bucket, key, query, request.method)
        is_head, now_us = request.method == "HEAD", self._store.clock.now_us()
        response = reading.read(stored, request.headers, query, now_us, is_head=is_head)
        where = self._store.bucket(bucket)
        response.headers.update(tags.version_header(where, stored.version_id))
        if "versionId" not in query:
            response.headers.update(expiry.header(where, stored))
        return response

    def _attributes(
        self, request: Request, bucket: str, key: str, query: dict[str, str]
    ) -> Response:
        stored = reading.existing(self._store, bucket, key, query, request.method)
        response = attributes(stored, request.headers)
        response.headers.update(tags.version_header(self._store.bucket(bucket), stored.version_id))
        return response


def _query(request: Request) -> dict[str, str]:
    if not request.query:
        return {}
    return dict(parse_qsl(request.query, keep_blank_values=True))


def _hoisted(request: Request, query: dict[str, str]) -> None:
    """Let the headers that a presigned URL carries in its query be headers."""
    for name, value in query.items():
        small = name.lower()
        if small in _CONDITIONS or (small.startswith("x-amz-") and small not in _SIGNATURE):
            request.headers.setdefault(small, value)

"""Bucket documents of which there may be many, each with an id.

They are metrics, analytics, inventory, and intelligent tiering.

Source: S3 API reference, Put…, Get…, Delete… and ListBucket…Configuration(s).
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.objects import shapes
from harness.objects.configuration import content_of
from harness.objects.errors import S3Error, invalid_argument, malformed_xml, method_not_allowed
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

PAGE = 100


@dataclass(frozen=True, slots=True)
class NamedDocument:
    """One kind of document.

    Attributes:
        root: its element.
        listed: the element of a listing.
        shape: of the root.
    """

    root: str
    listed: str
    shape: Shape


NAMED: dict[str, NamedDocument] = {
    "analytics": NamedDocument(
        "AnalyticsConfiguration", "ListBucketAnalyticsConfigurationsResult", shapes.ANALYTICS
    ),
    "intelligent-tiering": NamedDocument(
        "IntelligentTieringConfiguration",
        "ListBucketIntelligentTieringConfigurationsOutput",
        shapes.TIERING,
    ),
    "inventory": NamedDocument(
        "InventoryConfiguration", "ListInventoryConfigurationsResult", shapes.INVENTORY
    ),
    "metrics": NamedDocument(
        "MetricsConfiguration", "ListMetricsConfigurationsResult", shapes.METRICS
    ),
}
"""By the subresource that names them in a query."""


def answer(
    store: ObjectStore, name: str, kind: str, query: Mapping[str, str], request: Request
) -> Response:
    """Get, put, delete or list the documents `kind` of the bucket `name`.

    Raises:
        S3Error: NoSuchBucket, NoSuchConfiguration, MalformedXML, IdMismatch, …
    """
    bucket, known = store.bucket(name), NAMED[kind]
    documents: Mapping[str, Any] = bucket.configuration.get(kind, {})
    wanted = query.get("id")
    if request.method == "GET" and wanted is None:
        return _list(known, documents, query)
    if request.method not in ("GET", "PUT", "DELETE"):
        raise method_not_allowed(request.method)
    if not wanted:
        raise invalid_argument("Missing required parameter for this operation: id", name="id")
    if request.method == "PUT":
        content = content_of(upload_of(request)[0], known.root, known.shape)
        _check(kind, wanted, content)
        _keep(store, bucket, kind, {**documents, wanted: content})
        return Response(204)
    if wanted not in documents:
        raise S3Error(404, "NoSuchConfiguration", "The specified configuration does not exist.")
    if request.method == "GET":
        return in_xml(document(known.root, documents[wanted]))
    _keep(store, bucket, kind, {id_: d for id_, d in documents.items() if id_ != wanted})
    return Response(204)


def _keep(store: ObjectStore, bucket: Bucket, kind: str, documents: Mapping[str, Content]) -> None:
    with store.lock:
        bucket.configuration[kind] = documents


def _check(kind: str, wanted: str, content: dict[str, Any]) -> None:
    if content["Id"] != wanted and kind != "inventory":
        raise malformed_xml()
    if content["Id"] != wanted:
        raise S3Error(
            400, "IdMismatch", "Document ID does not match the specified configuration ID."
        )
    if kind == "inventory":
        goal = content["Destination"]["S3BucketDestination"]["Bucket"]
        if not goal.startswith("arn:") or ":s3:::" not in goal:
            raise S3Error(400, "InvalidS3DestinationBucket", "Invalid bucket ARN.")


def _list(known: NamedDocument, documents: Mapping[str, Any], query: Mapping[str, str]) -> Response:
    token = query.get("continuation-token")
    after = _from_token(token) if token else ""
    ids = [id_ for id_ in sorted(documents) if id_ > after]
    page = ids[:PAGE]
    is_truncated = len(ids) > len(page)
    content: dict[str, Content] = {
        known.root: [documents[id_] for id_ in page],
        "IsTruncated": is_truncated,
        "ContinuationToken": token,
        "NextContinuationToken": (
            urlsafe_b64encode(page[-1].encode()).decode() if is_truncated else None
        ),
    }
    return in_xml(document(known.listed, content))


def _from_token(token: str) -> str:
    try:
        return urlsafe_b64decode(token.encode()).decode()
    except (Base64Error, ValueError):
        raise invalid_argument("The continuation token provided is incorrect") from None

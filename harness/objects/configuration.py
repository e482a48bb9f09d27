"""The documents that configure a bucket, in one table.

It tells what each is called, how it looks, and what S3 answers when it is not set. Documents are
validated, kept and given back. Those that say how objects are stored are acted on: encryption, object
lock, ownership, public access, CORS.

Deviation: the rest is kept alone; nothing expires, moves, is replicated, logged, or announced.

Source: S3 API reference, Put…, Get… and DeleteBucket….
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.objects import configuration_checks as checks
from harness.objects import shapes
from harness.objects.errors import S3Error, malformed_xml, method_not_allowed
from harness.objects.upload_body import upload_of
from harness.objects.xml import document, in_xml, parse
from harness.web.message import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.objects.bucket import Bucket
    from harness.objects.shapes import Shape
    from harness.objects.store import ObjectStore
    from harness.objects.xml import Content
    from harness.web.message import Request

MINIMUM_SIZE = "x-amz-transition-default-minimum-object-size"


@dataclass(frozen=True, slots=True)
class Document:
    """One kind of document.

    Attributes:
        root: its element.
        shape: of that element.
        default: what is shown while nothing is set; None when that is an error.
        missing: code and sentence of that error.
        is_deletable: False for what can only be set otherwise.
        check: what S3 checks beyond the shape; may fill in what S3 fills in.
    """

    root: str
    shape: Shape
    default: Mapping[str, Content] | None = None
    missing: tuple[str, str] = ("", "")
    is_deletable: bool = True
    check: Callable[[checks.Setting], None] = field(default=lambda _: None)


DOCUMENTS: dict[str, Document] = {
    "abac": Document("AbacStatus", shapes.ABAC, {"Status": "Disabled"}, is_deletable=False),
    "accelerate": Document(
        "AccelerateConfiguration",
        shapes.ACCELERATE,
        {},
        is_deletable=False,
        check=checks.accelerate,
    ),
    "cors": Document(
        "CORSConfiguration",
        shapes.CORS,
        missing=("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
        check=checks.cors,
    ),
    "encryption": Document(
        "ServerSideEncryptionConfiguration",
        shapes.ENCRYPTION,
        {
            "Rule": {
                "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
                "BucketKeyEnabled": False,
            }
        },
        check=checks.encryption,
    ),
    "lifecycle": Document(
        "LifecycleConfiguration",
        shapes.LIFECYCLE,
        missing=("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
        check=checks.lifecycle,
    ),
    "logging": Document(
        "BucketLoggingStatus", shapes.LOGGING, {}, is_deletable=False, check=checks.logging
    ),
    "notification": Document(
        "NotificationConfiguration",
        shapes.NOTIFICATION,
        {},
        is_deletable=False,
        check=checks.notification,
    ),
    "object-lock": Document(
        "ObjectLockConfiguration",
        shapes.OBJECT_LOCK,
        missing=(
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
        ),
        is_deletable=False,
        check=checks.object_lock,
    ),
    "ownershipControls": Document(
        "OwnershipControls",
        shapes.OWNERSHIP,
        missing=("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
    ),
    "publicAccessBlock": Document(
        "PublicAccessBlockConfiguration",
        shapes.PUBLIC_ACCESS,
        missing=(
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        ),
        check=checks.public_access,
    ),
    "replication": Document(
        "ReplicationConfiguration",
        shapes.REPLICATION,
        missing=(
            "ReplicationConfigurationNotFoundError",
            "The replication configuration was not found",
        ),
        check=checks.replication,
    ),
    "requestPayment": Document(
        "RequestPaymentConfiguration",
        shapes.REQUEST_PAYMENT,
        {"Payer": "BucketOwner"},
        is_deletable=False,
    ),
    "website": Document(
        "WebsiteConfiguration",
        shapes.WEBSITE,
        missing=(
            "NoSuchWebsiteConfiguration",
            "The specified bucket does not have a website configuration",
        ),
        check=checks.website,
    ),
}
"""By the subresource that names them in a query."""


def answer(store: ObjectStore, name: str, kind: str, request: Request) -> Response:
    """Get, put or delete the document `kind` of the bucket `name`.

    Raises:
        S3Error: NoSuchBucket, MalformedXML, the document's own when it is not set, …
    """
    known = DOCUMENTS[kind]
    bucket = store.bucket(name)
    headers: dict[str, str] = {}
    if request.method == "PUT":
        content = _sent(known, store, bucket, request)
        if kind == "lifecycle":
            headers = _minimum_size(bucket, request)
        with store.lock:
            bucket.configuration[kind] = content
        return Response(200, headers)
    if request.method == "DELETE" and known.is_deletable:
        with store.lock:
            bucket.configuration.pop(kind, None)
        return Response(204)
    if request.method != "GET":
        raise method_not_allowed(request.method)
    found = bucket.configuration.get(kind, known.default)
    if found is None:
        raise missing(bucket, *known.missing)
    if kind == "lifecycle":
        headers = {MINIMUM_SIZE: str(bucket.configuration[MINIMUM_SIZE]["Size"])}
    return in_xml(document(known.root, found), headers)


def missing(bucket: Bucket, code: str, message: str) -> S3Error:
    """A document is not set."""
    return S3Error(404, code, message, fields={"BucketName": bucket.name})


def content_of(body: bytes, root: str, shape: Shape) -> dict[str, Content]:
    """The content of a document that a client sent.

    Raises:
        S3Error: MalformedXML.
    """
    element = parse(body)
    if element is None or element.tag != root:
        raise malformed_xml()
    return shapes.read(element, shape)


def _sent(
    known: Document, store: ObjectStore, bucket: Bucket, request: Request
) -> dict[str, Content]:
    body, _ = upload_of(request)
    if known.root == "AccelerateConfiguration":
        # S3 says that the bucket cannot have it before it looks at the document.
        checks.accelerate(checks.Setting(store, bucket, {}))
    if not body:
        raise S3Error(400, "MissingRequestBodyError", "Request Body is empty")
    content = content_of(body, known.root, known.shape)
    known.check(checks.Setting(store, bucket, content))
    return content


def _minimum_size(bucket: Bucket, request: Request) -> dict[str, str]:
    size = request.headers.get(MINIMUM_SIZE, "all_storage_classes_128K")
    if size not in ("all_storage_classes_128K", "varies_by_storage_class"):
        raise S3Error(
            400, "InvalidRequest", f"Invalid TransitionDefaultMinimumObjectSize found: {size}"
        )
    bucket.configuration[MINIMUM_SIZE] = {"Size": size}
    return {MINIMUM_SIZE: size}

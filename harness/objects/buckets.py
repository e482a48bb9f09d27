"""Buckets themselves: made, found, located, versioned.

Source: S3 API reference, CreateBucket, HeadBucket, GetBucketLocation, PutBucketVersioning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.objects import grants, shapes, tags
from harness.objects.configuration import content_of
from harness.objects.errors import (
    S3Error,
    invalid_argument,
    method_not_allowed,
    not_implemented,
)
from harness.objects.regions import FIRST, region_of
from harness.objects.upload_body import upload_of
from harness.objects.versions import ENABLED
from harness.objects.xml import document, in_xml
from harness.web.message import Response

if TYPE_CHECKING:
    from harness.objects.store import ObjectStore
    from harness.web.message import Request

OWNERSHIP = "x-amz-object-ownership"
LOCK = "x-amz-bucket-object-lock-enabled"
_OWNERSHIPS = ("BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced")


def create(store: ObjectStore, name: str, request: Request) -> Response:
    """CreateBucket.

    Raises:
        S3Error: InvalidBucketName, BucketAlreadyOwnedByYou, InvalidLocationConstraint, MalformedXML,
            InvalidTag, InvalidArgument, …
    """
    body, _ = upload_of(request)
    content: dict[str, Any] = {}
    if body:
        content = content_of(body, "CreateBucketConfiguration", shapes.CREATION)
    if content.get("Bucket") or content.get("Location"):
        raise not_implemented("directory buckets")
    headers = request.headers
    ownership = headers.get(OWNERSHIP, "BucketOwnerEnforced")
    if ownership not in _OWNERSHIPS:
        raise invalid_argument(
            f"Invalid {OWNERSHIP} header: {ownership}", name=OWNERSHIP, value=None
        )
    listed = grants.of_new_bucket(headers, ownership)
    pairs = tags.pairs_of(content.get("Tags"))
    if any(key.startswith("aws:") for key, _ in pairs):
        raise S3Error(
            400,
            "InvalidTag",
            'User-defined tag keys can\'t start with "aws:". This prefix is reserved for system '
            'tags. Remove "aws:" from your tag keys and try again.',
        )
    tag_set = tags.checked(pairs, "")
    constraint = content.get("LocationConstraint", "").strip()
    region = region_of(constraint, request)
    with store.lock:
        is_new = not store.bucket_exists(name)
        store.create_bucket(name, region, again=not tag_set)
        bucket = store.bucket(name)
        if is_new:
            bucket.tags, bucket.grants = tag_set or None, listed
            bucket.location = constraint
            bucket.configuration["ownershipControls"] = {"Rule": {"ObjectOwnership": ownership}}
        if is_new and headers.get(LOCK, "").lower() == "true":
            store.set_versioning(name, ENABLED)
            bucket.configuration["object-lock"] = {"ObjectLockEnabled": "Enabled"}
    location = f"/{name}"
    if region != FIRST:
        location = f"http://{name}.{headers.get('host', 's3.amazonaws.com')}/"
    return Response(200, {"location": location, "x-amz-bucket-arn": f"arn:aws:s3:::{name}"})


def head(store: ObjectStore, name: str) -> Response:
    """HeadBucket.

    Raises:
        S3Error: NoSuchBucket.
    """
    return in_xml(
        b"",
        {
            "x-amz-bucket-region": store.bucket(name).region,
            "x-amz-bucket-arn": f"arn:aws:s3:::{name}",
            "x-amz-access-point-alias": "false",
        },
    )


def location(store: ObjectStore, name: str) -> Response:
    """GetBucketLocation.

    Raises:
        S3Error: NoSuchBucket.
    """
    bucket = store.bucket(name)
    shown = bucket.location or ("" if bucket.region == FIRST else bucket.region)
    body = document("LocationConstraint", {}).replace(
        b"></LocationConstraint>", f">{shown}</LocationConstraint>".encode()
    )
    return in_xml(body)


def versioning(store: ObjectStore, name: str, request: Request) -> Response:
    """Get or put whether the bucket keeps versions.

    Raises:
        S3Error: NoSuchBucket, MalformedXML, IllegalVersioningConfigurationException,
            InvalidBucketState.
    """
    bucket = store.bucket(name)
    if request.method == "GET":
        body = document("VersioningConfiguration", {"Status": bucket.versioning or None})
        return in_xml(body)
    if request.method != "PUT":
        raise method_not_allowed(request.method)
    content: dict[str, Any] = content_of(
        upload_of(request)[0], "VersioningConfiguration", shapes.VERSIONING
    )
    status = content.get("Status", "")
    if not status:
        raise S3Error(
            400,
            "IllegalVersioningConfigurationException",
            "The Versioning element must be specified",
        )
    if content.get("MfaDelete") == "Enabled":
        raise not_implemented("MfaDelete")
    if status != ENABLED and "object-lock" in bucket.configuration:
        raise S3Error(
            409,
            "InvalidBucketState",
            "An Object Lock configuration is present on this bucket, so the versioning state "
            "cannot be changed.",
        )
    if status != ENABLED and "replication" in bucket.configuration:
        raise S3Error(
            409,
            "InvalidBucketState",
            "A replication configuration is present on this bucket, so the versioning state "
            "cannot be changed.",
        )
    store.set_versioning(name, status)
    return Response(200)

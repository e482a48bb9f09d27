"""S3: what infrastructure code asks of a bucket, and what its versions and locks promise."""

from __future__ import annotations

import json
from functools import partial
from hashlib import md5
from typing import TYPE_CHECKING, Any

from harness.backends.aws_clients import made_in
from harness.conformance.case import S3_API, S3_GUIDE, case
from harness.conformance.expect import expect, expect_equal, expect_error

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

VERSIONING = S3_GUIDE + "versioning-workflows.html"
CUSTOMER_KEY = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "0" * 32}
NO_VERSION = "HPniJFCxqTsMuIH9KX8K8wEjNUgmABCD"


def _versioned(lab: Lab) -> str:
    bucket = lab.bucket()
    lab.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


def _put(lab: Lab, bucket: str, body: bytes = b"x") -> str:
    return str(lab.s3.put_object(Bucket=bucket, Key="k", Body=body)["VersionId"])


@case("s3.versions.each-put-is-one", VERSIONING)
def each_put(lab: Lab) -> None:
    """With versioning, every put makes a version of its own, and each can be read."""
    bucket = _versioned(lab)
    ids = [_put(lab, bucket, body) for body in (b"1", b"2")]
    expect(ids[0] != ids[1], "two ids")
    for version, body in zip(ids, (b"1", b"2"), strict=True):
        got = lab.s3.get_object(Bucket=bucket, Key="k", VersionId=version)
        expect_equal(got["Body"].read(), body, "the version's bytes")
    latest = lab.s3.head_object(Bucket=bucket, Key="k")
    expect_equal(latest["VersionId"], ids[1], "the latest")


@case("s3.versions.delete-marker", S3_GUIDE + "DeleteMarker.html")
def delete_marker(lab: Lab) -> None:
    """A delete leaves a marker: the key is a NoSuchKey, the marker itself a 405."""
    bucket = _versioned(lab)
    version = _put(lab, bucket)
    marker = lab.s3.delete_object(Bucket=bucket, Key="k")
    expect_equal(marker.get("DeleteMarker"), True, "DeleteMarker")
    expect_error(lambda: lab.s3.get_object(Bucket=bucket, Key="k"), "NoSuchKey", status=404)
    expect_error(
        lambda: lab.s3.get_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"]),
        "MethodNotAllowed",
        status=405,
    )
    lab.s3.delete_object(Bucket=bucket, Key="k", VersionId=marker["VersionId"])
    expect_equal(lab.s3.head_object(Bucket=bucket, Key="k")["VersionId"], version, "VersionId")


@case("s3.versions.listing", S3_API + "API_ListObjectVersions.html")
def listing(lab: Lab) -> None:
    """ListObjectVersions has the latest of a key first, and goes on behind a version."""
    bucket = _versioned(lab)
    ids = [_put(lab, bucket) for _ in range(3)]
    listed = lab.s3.list_object_versions(Bucket=bucket)["Versions"]
    expect_equal([v["VersionId"] for v in listed], ids[::-1], "order")
    expect_equal([v["IsLatest"] for v in listed], [True, False, False], "IsLatest")
    page = lab.s3.list_object_versions(Bucket=bucket, MaxKeys=1)
    rest = lab.s3.list_object_versions(
        Bucket=bucket,
        KeyMarker=page["NextKeyMarker"],
        VersionIdMarker=page["NextVersionIdMarker"],
    )
    expect_equal([v["VersionId"] for v in rest["Versions"]], ids[1::-1], "the rest")


@case("s3.versions.suspended", S3_GUIDE + "AddingObjectstoVersionSuspendedBuckets.html")
def suspended(lab: Lab) -> None:
    """Once versioning is suspended, puts overwrite the null version and leave the others."""
    bucket = _versioned(lab)
    kept = _put(lab, bucket, b"kept")
    lab.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    for body in (b"1", b"2"):
        lab.s3.put_object(Bucket=bucket, Key="k", Body=body)
    listed = lab.s3.list_object_versions(Bucket=bucket)["Versions"]
    expect_equal([v["VersionId"] for v in listed], ["null", kept], "versions")


@case("s3.versions.unknown-id", S3_API + "API_GetObject.html")
def unknown_id(lab: Lab) -> None:
    """An id that S3 never gave is an InvalidArgument, one whose version is gone a NoSuchVersion."""
    bucket = _versioned(lab)
    version = _put(lab, bucket)
    lab.s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
    for wrong, code in ((version, "NoSuchVersion"), (NO_VERSION, "InvalidArgument")):
        expect_error(partial(lab.s3.get_object, Bucket=bucket, Key="k", VersionId=wrong), code)


@case("s3.versions.bucket-not-empty", S3_API + "API_DeleteBucket.html")
def versions_left(lab: Lab) -> None:
    """A bucket with nothing but a delete marker is not empty."""
    bucket = _versioned(lab)
    version = _put(lab, bucket)
    lab.s3.delete_object(Bucket=bucket, Key="k")
    lab.s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
    expect_error(
        lambda: lab.s3.delete_bucket(Bucket=bucket),
        "BucketNotEmpty",
        "The bucket you tried to delete is not empty. You must delete all versions in the bucket.",
        status=409,
    )


@case("s3.bucket.documents-not-set", S3_GUIDE + "bucket-configuration-options-intro.html")
def not_set(lab: Lab) -> None:
    """A document that is not set has an error of its own."""
    bucket = lab.bucket()
    for call, code in (
        (lab.s3.get_bucket_cors, "NoSuchCORSConfiguration"),
        (lab.s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
        (lab.s3.get_bucket_policy, "NoSuchBucketPolicy"),
        (lab.s3.get_bucket_tagging, "NoSuchTagSet"),
        (lab.s3.get_bucket_replication, "ReplicationConfigurationNotFoundError"),
        (lab.s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError"),
    ):
        expect_error(partial(call, Bucket=bucket), code, status=404)


@case("s3.bucket.new-defaults", S3_GUIDE + "about-object-ownership.html")
def new_defaults(lab: Lab) -> None:
    """A new bucket has no lists, blocks the public, and encrypts with AES256."""
    bucket = lab.bucket()
    owned = lab.s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    expect_equal(owned, [{"ObjectOwnership": "BucketOwnerEnforced"}], "ownership")
    block = lab.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    expect_equal(set(block.values()), {True}, "public access")
    rules = lab.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    applied = rules["Rules"][0]["ApplyServerSideEncryptionByDefault"]
    expect_equal(applied["SSEAlgorithm"], "AES256", "encryption")


@case("s3.bucket.lists-refused", S3_GUIDE + "about-object-ownership.html")
def lists_refused(lab: Lab) -> None:
    """A new bucket refuses access control lists."""
    bucket = lab.bucket()
    expect_error(
        lambda: lab.s3.put_bucket_acl(Bucket=bucket, ACL="private"),
        "AccessControlListNotSupported",
        "The bucket does not allow ACLs",
        status=400,
    )


@case("s3.bucket.public-policy-refused", S3_GUIDE + "access-control-block-public-access.html")
def public_policy(lab: Lab) -> None:
    """A new bucket refuses a policy that lets everybody in; one for an account is kept."""
    bucket = lab.bucket()
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    expect_error(
        lambda: lab.s3.put_bucket_policy(
            Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        ),
        "AccessDenied",
        status=403,
    )
    expect_error(
        lambda: lab.s3.put_bucket_policy(Bucket=bucket, Policy="{}"),
        "MalformedPolicy",
        "Missing required field Statement",
        status=400,
    )


@case("s3.bucket.lifecycle", S3_API + "API_PutBucketLifecycleConfiguration.html")
def lifecycle(lab: Lab) -> None:
    """Lifecycle rules come back with the least size; one without a filter is MalformedXML."""
    bucket = lab.bucket()
    rule: dict[str, Any] = {"ID": "r", "Status": "Enabled", "Expiration": {"Days": 1}}
    put = lab.s3.put_bucket_lifecycle_configuration
    expect_error(
        lambda: put(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]}),
        "MalformedXML",
        status=400,
    )
    put(Bucket=bucket, LifecycleConfiguration={"Rules": [{**rule, "Filter": {"Prefix": "a"}}]})
    kept = lab.s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    expect_equal(kept["Rules"], [{**rule, "Filter": {"Prefix": "a"}}], "rules")
    least = kept.get("TransitionDefaultMinimumObjectSize")
    expect_equal(least, "all_storage_classes_128K", "TransitionDefaultMinimumObjectSize")
    told = lab.s3.put_object(Bucket=bucket, Key="a/k", Body=b"").get("Expiration", "")
    expect('rule-id="r"' in told, f"Expiration names the rule, not {told!r}")


@case("s3.bucket.tags", S3_API + "API_PutBucketTagging.html")
def tags(lab: Lab) -> None:
    """Tags of a bucket are replaced as a whole; a key twice, or reserved, is an InvalidTag."""
    bucket = lab.bucket()
    for pairs in ([("a", "1"), ("b", "")], [("c", "2")]):
        tag_set = [{"Key": key, "Value": value} for key, value in pairs]
        lab.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tag_set})
        expect_equal(lab.s3.get_bucket_tagging(Bucket=bucket)["TagSet"], tag_set, "TagSet")
    for keys, message in (
        (("a", "a"), "Cannot provide multiple Tags with the same key"),
        (("aws:a",), "System tags cannot be added/updated by requester"),
    ):
        tag_set = [{"Key": key, "Value": "1"} for key in keys]
        expect_error(
            partial(lab.s3.put_bucket_tagging, Bucket=bucket, Tagging={"TagSet": tag_set}),
            "InvalidTag",
            message,
            status=400,
        )


@case("s3.object.bucket-encrypts", S3_GUIDE + "bucket-encryption.html")
def bucket_encrypts(lab: Lab) -> None:
    """What says nothing is encrypted as its bucket says, and no ETag of KMS is an MD5."""
    bucket = lab.bucket()
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    lab.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    put = lab.s3.put_object(Bucket=bucket, Key="k", Body=b"")
    expect_equal(put.get("ServerSideEncryption"), "aws:kms", "ServerSideEncryption")
    expect(put.get("SSEKMSKeyId", "").startswith("arn:aws:kms:"), "the key's ARN")
    expect(put["ETag"] != '"d41d8cd98f00b204e9800998ecf8427e"', "an ETag that is no MD5")


@case("s3.object.customer-key", S3_GUIDE + "ServerSideEncryptionCustomerKeys.html")
def customer_key(lab: Lab) -> None:
    """An object that was put with the client's key is read with that key alone."""
    bucket = lab.bucket()
    lab.s3.put_object(Bucket=bucket, Key="k", Body=b"x", **CUSTOMER_KEY)
    got = lab.s3.get_object(Bucket=bucket, Key="k", **CUSTOMER_KEY)
    expect_equal(got["Body"].read(), b"x", "bytes")
    other = {**CUSTOMER_KEY, "SSECustomerKey": "1" * 32}
    expect_error(lambda: lab.s3.get_object(Bucket=bucket, Key="k"), "InvalidRequest", status=400)
    expect_error(
        lambda: lab.s3.get_object(Bucket=bucket, Key="k", **other), "AccessDenied", status=403
    )


@case("s3.object.archived", S3_API + "API_GetObject.html")
def archived(lab: Lab) -> None:
    """An object of the class GLACIER is listed and not read."""
    bucket = lab.bucket()
    lab.s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="GLACIER")
    listed = lab.s3.list_objects_v2(Bucket=bucket)["Contents"][0]["StorageClass"]
    expect_equal(listed, "GLACIER", "StorageClass")
    expect_error(
        lambda: lab.s3.get_object(Bucket=bucket, Key="k"),
        "InvalidObjectState",
        "The operation is not valid for the object's storage class",
        status=403,
    )


@case("s3.object.copy-onto-itself", S3_API + "API_CopyObject.html")
def copy_onto_itself(lab: Lab) -> None:
    """A copy onto itself that changes nothing is an InvalidRequest; one of a class is made."""
    bucket = lab.bucket()
    lab.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    source = f"{bucket}/k"
    expect_error(
        lambda: lab.s3.copy_object(Bucket=bucket, Key="k", CopySource=source),
        "InvalidRequest",
        status=400,
    )
    lab.s3.copy_object(Bucket=bucket, Key="k", CopySource=source, StorageClass="STANDARD_IA")
    head = lab.s3.head_object(Bucket=bucket, Key="k")
    expect_equal(head.get("StorageClass"), "STANDARD_IA", "StorageClass")


@case("s3.object.legal-hold", S3_GUIDE + "object-lock.html")
def legal_hold(lab: Lab) -> None:
    """A version under legal hold is not deleted; a delete marker over it is made."""
    name = lab.name("bucket")
    where = made_in(lab.s3.meta.region_name)
    lab.s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True, **where)
    lab.forget_bucket(name)
    held = lab.s3.put_object(Bucket=name, Key="k", Body=b"x", ObjectLockLegalHoldStatus="ON")
    version = held["VersionId"]
    expect_error(
        lambda: lab.s3.delete_object(Bucket=name, Key="k", VersionId=version),
        "AccessDenied",
        "Access Denied because object protected by object lock.",
        status=403,
    )
    marker = lab.s3.delete_object(Bucket=name, Key="k")
    expect_equal(marker.get("DeleteMarker"), True, "DeleteMarker")
    lab.s3.put_object_legal_hold(
        Bucket=name, Key="k", VersionId=version, LegalHold={"Status": "OFF"}
    )
    lab.s3.delete_object(Bucket=name, Key="k", VersionId=version)


@case("s3.multipart.completed-twice", S3_API + "API_CompleteMultipartUpload.html")
def completed_twice(lab: Lab) -> None:
    """A completion that is asked for again is answered again, as clients repeat it."""
    bucket = lab.bucket()
    upload = lab.s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    part = lab.s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    etags = {
        lab.s3.complete_multipart_upload(
            Bucket=bucket, Key="k", UploadId=upload, MultipartUpload=parts
        )["ETag"]
        for _ in range(2)
    }
    whole = md5(md5(b"x", usedforsecurity=False).digest(), usedforsecurity=False).hexdigest()
    expect_equal(etags, {f'"{whole}-1"'}, "ETags")

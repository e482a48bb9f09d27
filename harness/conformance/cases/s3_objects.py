"""S3: what an export, a snapshot reader and `s3()` need of it."""

from __future__ import annotations

from base64 import b64encode
from hashlib import md5
from typing import TYPE_CHECKING

from harness.conformance.case import S3_API, S3_GUIDE, case
from harness.conformance.expect import expect, expect_equal, expect_error, expect_matches

if TYPE_CHECKING:
    from harness.conformance.lab import Lab

GET = S3_API + "API_GetObject.html"
PUT = S3_API + "API_PutObject.html"
LIST = S3_API + "API_ListObjectsV2.html"
PART_BYTES = 5 * 1024 * 1024


def _md5(data: bytes) -> str:
    return md5(data, usedforsecurity=False).hexdigest()


@case("s3.object.put-and-get", GET)
def put_and_get(lab: Lab) -> None:
    """An object comes back byte by byte, with its type and metadata."""
    bucket = lab.bucket()
    data = bytes(range(256)) * 40
    lab.s3.put_object(
        Bucket=bucket, Key="k", Body=data, ContentType="a/b", Metadata={"name": "value"}
    )
    answer = lab.s3.get_object(Bucket=bucket, Key="k")
    expect_equal(answer["Body"].read(), data, "bytes")
    expect_equal(answer["ContentType"], "a/b", "ContentType")
    expect_equal(answer["ContentLength"], len(data), "ContentLength")
    expect_equal(answer["Metadata"], {"name": "value"}, "Metadata")


@case("s3.object.etag-is-md5", S3_API + "API_Object.html")
def etag(lab: Lab) -> None:
    """The ETag of an object put at once is its MD5 in quotes."""
    bucket = lab.bucket()
    answer = lab.s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    expect_equal(answer["ETag"], f'"{_md5(b"data")}"', "ETag")
    expect_equal(lab.s3.head_object(Bucket=bucket, Key="k")["ETag"], answer["ETag"], "of HEAD")


@case("s3.object.content-md5", PUT)
def content_md5(lab: Lab) -> None:
    """A Content-MD5 of other bytes is a BadDigest, and nothing is kept."""
    bucket = lab.bucket()
    wrong = b64encode(md5(b"other", usedforsecurity=False).digest()).decode()
    expect_error(
        lambda: lab.s3.put_object(Bucket=bucket, Key="k", Body=b"data", ContentMD5=wrong),
        "BadDigest",
        status=400,
    )
    expect("Contents" not in lab.s3.list_objects_v2(Bucket=bucket), "an empty bucket")


@case("s3.object.missing-key", GET)
def missing_key(lab: Lab) -> None:
    """A key that is not there is 404 NoSuchKey."""
    bucket = lab.bucket()
    expect_error(
        lambda: lab.s3.get_object(Bucket=bucket, Key="k"),
        "NoSuchKey",
        "The specified key does not exist.",
        status=404,
    )


@case("s3.object.missing-bucket", GET)
def missing_bucket(lab: Lab) -> None:
    """A bucket that is not there is 404 NoSuchBucket."""
    name = lab.name("nobucket")
    expect_error(
        lambda: lab.s3.put_object(Bucket=name, Key="k", Body=b""),
        "NoSuchBucket",
        "The specified bucket does not exist",
        status=404,
    )


@case("s3.object.range", GET)
def byte_range(lab: Lab) -> None:
    """A Range gives those bytes with 206, from the end too; past the end it is InvalidRange."""
    bucket = lab.bucket()
    lab.s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    answer = lab.s3.get_object(Bucket=bucket, Key="k", Range="bytes=2-4")
    expect_equal(answer["Body"].read(), b"234", "bytes 2-4")
    expect_equal(answer["ContentRange"], "bytes 2-4/10", "ContentRange")
    expect_equal(answer["ResponseMetadata"]["HTTPStatusCode"], 206, "HTTP status")
    tail = lab.s3.get_object(Bucket=bucket, Key="k", Range="bytes=-3")
    expect_equal(tail["Body"].read(), b"789", "the last three bytes")
    expect_error(
        lambda: lab.s3.get_object(Bucket=bucket, Key="k", Range="bytes=10-"),
        "InvalidRange",
        status=416,
    )


@case("s3.object.conditional-get", GET)
def conditional_get(lab: Lab) -> None:
    """IfNoneMatch with the object's ETag is 304, IfMatch with another is 412."""
    bucket = lab.bucket()
    tag = lab.s3.put_object(Bucket=bucket, Key="k", Body=b"data")["ETag"]
    expect_error(
        lambda: lab.s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=tag), "304", status=304
    )
    expect_error(
        lambda: lab.s3.get_object(Bucket=bucket, Key="k", IfMatch='"other"'),
        "PreconditionFailed",
        status=412,
    )


@case("s3.object.put-if-absent", S3_GUIDE + "conditional-writes.html")
def put_if_absent(lab: Lab) -> None:
    """A put with IfNoneMatch `*` is refused once the object is there."""
    bucket = lab.bucket()
    lab.s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")
    expect_error(
        lambda: lab.s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*"),
        "PreconditionFailed",
        status=412,
    )
    expect_equal(lab.s3.get_object(Bucket=bucket, Key="k")["Body"].read(), b"1", "the object")


@case("s3.object.odd-keys", S3_GUIDE + "object-keys.html")
def odd_keys(lab: Lab) -> None:
    """Keys may hold blanks, signs, dots and any letters."""
    bucket = lab.bucket()
    names = sorted(["a b", "a+b", "a%20b", "ü/é", "q?x=1&y", "a//b", "#h", "e=f"])
    for name in names:
        lab.s3.put_object(Bucket=bucket, Key=name, Body=name.encode())
    found = {name: lab.s3.get_object(Bucket=bucket, Key=name)["Body"].read() for name in names}
    expect_equal(found, {name: name.encode() for name in names}, "objects")
    listed = [one["Key"] for one in lab.s3.list_objects_v2(Bucket=bucket)["Contents"]]
    expect_equal(listed, sorted(names, key=str.encode), "keys listed")


@case("s3.object.delete", S3_API + "API_DeleteObject.html")
def delete(lab: Lab) -> None:
    """A delete is 204, of a key that is not there as well."""
    bucket = lab.bucket()
    lab.s3.put_object(Bucket=bucket, Key="k", Body=b"")
    for _ in range(2):
        answer = lab.s3.delete_object(Bucket=bucket, Key="k")
        expect_equal(answer["ResponseMetadata"]["HTTPStatusCode"], 204, "HTTP status")
    expect_error(lambda: lab.s3.head_object(Bucket=bucket, Key="k"), "404", status=404)


@case("s3.object.copy", S3_API + "API_CopyObject.html")
def copy(lab: Lab) -> None:
    """CopyObject makes an object of the same bytes."""
    bucket = lab.bucket()
    lab.s3.put_object(Bucket=bucket, Key="from/a b", Body=b"data")
    answer = lab.s3.copy_object(
        Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from/a b"}
    )
    expect_equal(answer["CopyObjectResult"]["ETag"], f'"{_md5(b"data")}"', "ETag")
    expect_equal(lab.s3.get_object(Bucket=bucket, Key="to")["Body"].read(), b"data", "the copy")


@case("s3.list.byte-order", LIST)
def byte_order(lab: Lab) -> None:
    """Keys are listed in the order of their UTF-8 bytes."""
    bucket = lab.bucket()
    names = ["a/b", "a", "B", "a-b", "é", "Z", "a0"]
    for name in names:
        lab.s3.put_object(Bucket=bucket, Key=name, Body=b"")
    listed = [one["Key"] for one in lab.s3.list_objects_v2(Bucket=bucket)["Contents"]]
    expect_equal(listed, ["B", "Z", "a", "a-b", "a/b", "a0", "é"], "keys")


@case("s3.list.pages", LIST)
def list_pages(lab: Lab) -> None:
    """MaxKeys bounds a page; ContinuationToken and StartAfter go on behind it."""
    bucket = lab.bucket()
    for name in "abcde":
        lab.s3.put_object(Bucket=bucket, Key=name, Body=b"")
    page = lab.s3.list_objects_v2(Bucket=bucket, MaxKeys=2)
    expect_equal([one["Key"] for one in page["Contents"]], ["a", "b"], "first page")
    expect_equal((page["IsTruncated"], page["KeyCount"]), (True, 2), "IsTruncated, KeyCount")
    page = lab.s3.list_objects_v2(Bucket=bucket, ContinuationToken=page["NextContinuationToken"])
    expect_equal([one["Key"] for one in page["Contents"]], ["c", "d", "e"], "the rest")
    expect_equal(page["IsTruncated"], False, "IsTruncated of the last page")
    later = lab.s3.list_objects_v2(Bucket=bucket, StartAfter="d")
    expect_equal([one["Key"] for one in later["Contents"]], ["e"], "after d")


@case("s3.list.prefix-and-delimiter", LIST)
def prefix_and_delimiter(lab: Lab) -> None:
    """Prefix chooses keys, Delimiter folds them into CommonPrefixes."""
    bucket = lab.bucket()
    for name in ("x/1", "x/2/a", "x/2/b", "y"):
        lab.s3.put_object(Bucket=bucket, Key=name, Body=b"")
    page = lab.s3.list_objects_v2(Bucket=bucket, Prefix="x/", Delimiter="/")
    expect_equal([one["Key"] for one in page["Contents"]], ["x/1"], "Contents")
    expect_equal(page["CommonPrefixes"], [{"Prefix": "x/2/"}], "CommonPrefixes")
    expect_equal(page["KeyCount"], 2, "KeyCount")


@case("s3.multipart.upload", S3_API + "API_CompleteMultipartUpload.html")
def multipart(lab: Lab) -> None:
    """Parts become one object, whose ETag is the MD5 of the parts' MD5s and their number."""
    bucket = lab.bucket()
    upload = lab.s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    parts = [b"a" * PART_BYTES, b"tail"]
    done = []
    for number, part in enumerate(parts, 1):
        tag = lab.s3.upload_part(
            Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=part
        )["ETag"]
        done.append({"PartNumber": number, "ETag": tag})
    expect("Contents" not in lab.s3.list_objects_v2(Bucket=bucket), "no object before completion")
    answer = lab.s3.complete_multipart_upload(
        Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": done}
    )
    digests = b"".join(md5(part, usedforsecurity=False).digest() for part in parts)
    expect_equal(answer["ETag"], f'"{_md5(digests)}-2"', "ETag")
    expect_equal(lab.s3.get_object(Bucket=bucket, Key="k")["Body"].read(), b"".join(parts), "bytes")


@case("s3.multipart.small-part", S3_GUIDE + "qfacts.html")
def small_part(lab: Lab) -> None:
    """A part below 5 MiB that is not the last is an EntityTooSmall."""
    bucket = lab.bucket()
    upload = lab.s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    lab.clear(lambda: lab.s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload))
    done = [
        {
            "PartNumber": number,
            "ETag": lab.s3.upload_part(
                Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=b"small"
            )["ETag"],
        }
        for number in (1, 2)
    ]
    expect_error(
        lambda: lab.s3.complete_multipart_upload(
            Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": done}
        ),
        "EntityTooSmall",
        status=400,
    )


@case("s3.bucket.not-empty", S3_API + "API_DeleteBucket.html")
def not_empty(lab: Lab) -> None:
    """A bucket with objects is not deleted."""
    bucket = lab.bucket()
    lab.s3.put_object(Bucket=bucket, Key="k", Body=b"")
    expect_error(
        lambda: lab.s3.delete_bucket(Bucket=bucket),
        "BucketNotEmpty",
        "The bucket you tried to delete is not empty",
        status=409,
    )


@case("s3.object.crc32-checksum", S3_GUIDE + "checking-object-integrity.html")
def crc32(lab: Lab) -> None:
    """A checksum sent with an object is kept and told when asked for."""
    bucket = lab.bucket()
    lab.s3.put_object(Bucket=bucket, Key="k", Body=b"data", ChecksumAlgorithm="CRC32")
    answer = lab.s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    expect_equal(answer.get("ChecksumCRC32"), "rfPzYw==", "ChecksumCRC32")


@case("s3.object.last-modified", S3_API + "API_HeadObject.html")
def last_modified(lab: Lab) -> None:
    """LastModified is the moment of the put, in the listing with milliseconds or less."""
    bucket = lab.bucket()
    before = lab.now()
    lab.s3.put_object(Bucket=bucket, Key="k", Body=b"")
    modified = lab.s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    expect(abs(modified.timestamp() - before) < 5, f"about {before}, not {modified}")
    headers = lab.s3.head_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPHeaders"]
    pattern = r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"
    expect_matches(headers.get("last-modified"), pattern, "Last-Modified")

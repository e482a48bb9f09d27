from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from harness.objects.store import ObjectStore

MEGABYTE = 1024 * 1024
PART = 5 * MEGABYTE


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def test_an_object_comes_back_as_it_was_put(s3: Any) -> None:
    put = s3.put_object(
        Bucket="bucket",
        Key="a/ü b.json",
        Body=b"hello",
        ContentType="application/json",
        Metadata={"colour": "red"},
        Tagging="team=blue",
    )
    assert put["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    assert put["ChecksumCRC32"] == "NhCmhg=="
    got = s3.get_object(Bucket="bucket", Key="a/ü b.json", ChecksumMode="ENABLED")
    assert got["Body"].read() == b"hello"
    assert got["ContentType"] == "application/json"
    assert got["Metadata"] == {"colour": "red"}
    assert got["ChecksumCRC32"] == "NhCmhg=="
    assert got["LastModified"].isoformat() == "2025-01-01T00:00:00+00:00"
    assert s3.get_object_tagging(Bucket="bucket", Key="a/ü b.json")["TagSet"] == [
        {"Key": "team", "Value": "blue"}
    ]


def test_a_head_tells_the_length_without_the_body(s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="k", Body=bytes(1234))
    assert s3.head_object(Bucket="bucket", Key="k")["ContentLength"] == 1234


@pytest.mark.parametrize(
    ("wish", "body", "shown"),
    [
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ],
)
def test_a_range_is_a_part_of_the_body(s3: Any, wish: str, body: bytes, shown: str) -> None:
    s3.put_object(Bucket="bucket", Key="k", Body=b"0123456789")
    got = s3.get_object(Bucket="bucket", Key="k", Range=wish)
    assert got["Body"].read() == body
    assert got["ContentRange"] == shown
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_a_range_behind_the_end_is_refused(s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="k", Body=b"0123456789")
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket="bucket", Key="k", Range="bytes=10-")
    assert code(caught) == "InvalidRange"


def test_conditions_are_kept(s3: Any) -> None:
    etag = s3.put_object(Bucket="bucket", Key="k", Body=b"1")["ETag"]
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket="bucket", Key="k", IfNoneMatch=etag)
    assert code(caught) == "304"
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="bucket", Key="k", Body=b"2", IfNoneMatch="*")
    assert code(caught) == "PreconditionFailed"
    with pytest.raises(ClientError) as caught:
        s3.put_object(Bucket="bucket", Key="k", Body=b"2", IfMatch='"0"')
    assert code(caught) == "PreconditionFailed"
    assert s3.get_object(Bucket="bucket", Key="k", IfMatch=etag)["Body"].read() == b"1"


def test_what_is_missing_is_named(s3: Any) -> None:
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket="bucket", Key="absent")
    assert caught.value.response["Error"] == {
        "Code": "NoSuchKey",
        "Message": "The specified key does not exist.",
        "Key": "absent",
    }
    with pytest.raises(ClientError) as caught:
        s3.list_objects_v2(Bucket="absent")
    assert code(caught) == "NoSuchBucket"


def test_a_listing_goes_on_from_page_to_page(s3: Any, store: ObjectStore) -> None:
    for number in range(2500):
        store.put_object("bucket", f"p/{number:04d}", b"")
    store.put_object("bucket", "q", b"")
    pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix="p/"))
    assert [page["KeyCount"] for page in pages] == [1000, 1000, 500]
    keys = [entry["Key"] for page in pages for entry in page["Contents"]]
    assert keys == [f"p/{number:04d}" for number in range(2500)]


@pytest.mark.parametrize("operation", ["list_objects_v2", "list_objects"])
def test_a_delimiter_folds_what_is_behind_it(s3: Any, store: ObjectStore, operation: str) -> None:
    for key in ("a/1", "a/2", "b", "c/1", "c/d/2", "e"):
        store.put_object("bucket", key, b"")
    pages = s3.get_paginator(operation).paginate(
        Bucket="bucket", Delimiter="/", PaginationConfig={"PageSize": 1}
    )
    shown = [
        [e["Key"] for e in page.get("Contents", [])]
        + [e["Prefix"] for e in page.get("CommonPrefixes", [])]
        for page in pages
    ]
    assert shown == [["a/"], ["b"], ["c/"], ["e"]]


def test_without_versions_each_object_is_its_only_version(s3: Any) -> None:
    s3.create_bucket(Bucket="plain")
    for key in ("a", "b"):
        s3.put_object(Bucket="plain", Key=key, Body=b"x")
    first = s3.list_object_versions(Bucket="plain", MaxKeys=1)
    assert (first["IsTruncated"], first["NextKeyMarker"]) == (True, "a")
    rest = s3.list_object_versions(Bucket="plain", KeyMarker="a")
    shown = [(v["Key"], v["VersionId"], v["IsLatest"]) for v in rest["Versions"]]
    assert shown == [("b", "null", True)]
    s3.delete_object(Bucket="plain", Key="b", VersionId="null")
    assert [v["Key"] for v in s3.list_object_versions(Bucket="plain")["Versions"]] == ["a"]


def test_odd_keys_survive_a_listing(s3: Any) -> None:
    keys = sorted(["a b", "a+b", "a&<b>", "ü", "\U0001f600", "x\ny", "a%2Fb"])
    for key in keys:
        s3.put_object(Bucket="bucket", Key=key, Body=b"")
    listed = s3.list_objects_v2(Bucket="bucket")["Contents"]
    assert [entry["Key"] for entry in listed] == keys


def test_a_multipart_upload_is_joined_in_order(s3: Any) -> None:
    content = b"".join(bytes([n]) * MEGABYTE for n in range(12))
    config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART)
    s3.upload_fileobj(io.BytesIO(content), "bucket", "big", Config=config)
    got = s3.get_object(Bucket="bucket", Key="big")
    assert got["Body"].read() == content
    assert got["ETag"].endswith('-3"')
    second = s3.get_object(Bucket="bucket", Key="big", PartNumber=2)
    assert second["Body"].read() == content[PART : 2 * PART]
    assert second["PartsCount"] == 3


def test_an_unfinished_upload_shows_nothing_and_can_be_aborted(s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket="bucket", Key="k")["UploadId"]
    part = s3.upload_part(Bucket="bucket", Key="k", UploadId=upload, PartNumber=1, Body=b"x")
    assert "Contents" not in s3.list_objects_v2(Bucket="bucket")
    listed = s3.list_parts(Bucket="bucket", Key="k", UploadId=upload)["Parts"]
    assert [(p["PartNumber"], p["ETag"], p["Size"]) for p in listed] == [(1, part["ETag"], 1)]
    assert len(s3.list_multipart_uploads(Bucket="bucket")["Uploads"]) == 1
    s3.abort_multipart_upload(Bucket="bucket", Key="k", UploadId=upload)
    with pytest.raises(ClientError) as caught:
        s3.complete_multipart_upload(
            Bucket="bucket",
            Key="k",
            UploadId=upload,
            MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
        )
    assert code(caught) == "NoSuchUpload"


def test_a_small_part_in_the_middle_is_refused(s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket="bucket", Key="k")["UploadId"]
    parts = [
        {
            "PartNumber": n,
            "ETag": s3.upload_part(
                Bucket="bucket", Key="k", UploadId=upload, PartNumber=n, Body=b"x"
            )["ETag"],
        }
        for n in (1, 2)
    ]
    with pytest.raises(ClientError) as caught:
        s3.complete_multipart_upload(
            Bucket="bucket", Key="k", UploadId=upload, MultipartUpload={"Parts": parts}
        )
    assert code(caught) == "EntityTooSmall"


def test_a_copy_keeps_metadata_unless_told_otherwise(s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="k", Body=b"x", Metadata={"a": "1"})
    source = {"Bucket": "bucket", "Key": "k"}
    s3.copy_object(Bucket="bucket", Key="l", CopySource=source)
    assert s3.head_object(Bucket="bucket", Key="l")["Metadata"] == {"a": "1"}
    s3.copy_object(Bucket="bucket", Key="k", CopySource=source, MetadataDirective="REPLACE")
    assert s3.head_object(Bucket="bucket", Key="k")["Metadata"] == {}


def test_many_are_deleted_at_once_and_absent_ones_too(s3: Any, store: ObjectStore) -> None:
    for key in ("a", "b", "c"):
        store.put_object("bucket", key, b"")
    wish = {"Objects": [{"Key": "a"}, {"Key": "b"}, {"Key": "absent"}]}
    deleted = s3.delete_objects(Bucket="bucket", Delete=wish)["Deleted"]
    assert [d["Key"] for d in deleted] == ["a", "b", "absent"]
    assert store.list("bucket") == ["c"]
    with pytest.raises(ClientError) as caught:
        s3.delete_bucket(Bucket="bucket")
    assert code(caught) == "BucketNotEmpty"


def test_a_body_that_does_not_match_its_checksum_is_not_stored(s3: Any, store: ObjectStore) -> None:
    for wrong in ({"ContentMD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, {"ChecksumCRC32C": "AAAAAA=="}):
        with pytest.raises(ClientError) as caught:
            s3.put_object(Bucket="bucket", Key="k", Body=b"x", **wrong)
        assert code(caught) == "BadDigest"
    assert store.list("bucket") == []


def test_a_chunked_upload_is_unwrapped(url: str, store: ObjectStore) -> None:
    body = b"3;chunk-signature=0\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:hYfYZQ==\r\n\r\n"
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "content-encoding": "aws-chunked,gzip",
        "x-amz-decoded-content-length": "5",
    }
    with urlopen(Request(f"{url}/bucket/k", data=body, headers=headers, method="PUT")) as answer:
        assert answer.headers["x-amz-checksum-crc32"] == "hYfYZQ=="
    stored = store.stored("bucket", "k")
    assert stored.body == b"abcde"
    assert stored.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("host", ["bucket.localhost", "bucket.s3.example", "bucket.s3-eu.example"])
def test_a_bucket_may_stand_in_the_host(url: str, store: ObjectStore, host: str) -> None:
    store.put_object("bucket", "a/b", b"content")
    with urlopen(Request(f"{url}/a/b", headers={"host": f"{host}:1234"})) as answer:
        assert answer.read() == b"content"


@pytest.mark.parametrize(
    "path",
    [
        "/bucket?session",
        "/bucket?metadataTable",
        "/bucket?metadataConfiguration",
        "/bucket/k?torrent",
        "/bucket/k?annotation",
        "/bucket/k?encryption",
    ],
)
def test_what_is_not_emulated_is_refused_in_the_words_of_s3(url: str, path: str) -> None:
    with pytest.raises(HTTPError) as caught:
        urlopen(f"{url}{path}")
    assert caught.value.code == 501
    answer = caught.value.read()
    assert b"<Code>NotImplemented</Code>" in answer
    assert (
        b"<Message>A header you provided implies functionality that is not implemented</Message>"
        in answer
    )


@pytest.mark.parametrize("key", ["../../etc/passwd", "..", "a/../../b", "/absolute", "a//b", "./c"])
def test_a_key_is_a_name_and_no_path(s3: Any, store: ObjectStore, key: str) -> None:
    s3.put_object(Bucket="bucket", Key=key, Body=b"x")
    assert store.list("bucket") == [key]
    assert s3.get_object(Bucket="bucket", Key=key)["Body"].read() == b"x"
    s3.delete_object(Bucket="bucket", Key=key)
    assert store.list("bucket") == []


def test_buckets_are_made_listed_and_located(s3: Any) -> None:
    s3.create_bucket(
        Bucket="second", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == ["bucket", "second"]
    assert s3.get_bucket_location(Bucket="second")["LocationConstraint"] == "eu-central-1"
    assert s3.get_bucket_location(Bucket="bucket")["LocationConstraint"] is None
    with pytest.raises(ClientError) as caught:
        s3.create_bucket(Bucket="No_Such_Name")
    assert code(caught) == "InvalidBucketName"


def test_buckets_are_listed_in_pages(s3: Any) -> None:
    for name in ("page-a", "page-b", "page-c"):
        s3.create_bucket(Bucket=name)
    first = s3.list_buckets(MaxBuckets=2, Prefix="page-")
    assert [bucket["Name"] for bucket in first["Buckets"]] == ["page-a", "page-b"]
    rest = s3.list_buckets(Prefix="page-", ContinuationToken=first["ContinuationToken"])
    assert [bucket["Name"] for bucket in rest["Buckets"]] == ["page-c"]
    assert "ContinuationToken" not in rest


def test_parts_and_uploads_are_listed_in_pages(s3: Any) -> None:
    ids = [s3.create_multipart_upload(Bucket="bucket", Key=key)["UploadId"] for key in ("x/b", "a")]
    for number in (1, 2, 5):
        s3.upload_part(
            Bucket="bucket", Key="a", UploadId=ids[1], PartNumber=number, Body=b"%d" % number
        )
    first = s3.list_parts(Bucket="bucket", Key="a", UploadId=ids[1], MaxParts=2)
    assert [part["PartNumber"] for part in first["Parts"]] == [1, 2]
    assert first["IsTruncated"]
    rest = s3.list_parts(
        Bucket="bucket",
        Key="a",
        UploadId=ids[1],
        PartNumberMarker=first["NextPartNumberMarker"],
    )
    assert [part["PartNumber"] for part in rest["Parts"]] == [5]
    assert not rest["IsTruncated"]

    page = s3.list_multipart_uploads(Bucket="bucket", MaxUploads=1)
    assert [upload["Key"] for upload in page["Uploads"]] == ["a"]
    assert page["IsTruncated"]
    folded = s3.list_multipart_uploads(Bucket="bucket", KeyMarker="a", Delimiter="/")
    assert folded["CommonPrefixes"] == [{"Prefix": "x/"}]
    with pytest.raises(ClientError) as caught:
        s3.list_multipart_uploads(Bucket="bucket", KeyMarker="a", UploadIdMarker=ids[0])
    assert code(caught) == "InvalidArgument"

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

B = "bucket"
PART = 5 * 1024 * 1024
ALL = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]


def refused(call: Callable[[], object]) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call()
    found: Any = caught.value.response["Error"]
    return dict(found)


def test_attributes_are_told_as_far_as_asked_for(s3: Any) -> None:
    s3.put_object(Bucket=B, Key="k", Body=b"hello", StorageClass="STANDARD_IA")
    told = s3.get_object_attributes(Bucket=B, Key="k", ObjectAttributes=ALL)
    assert told["ETag"] == "5d41402abc4b2a76b9719d911017c592"
    assert told["ObjectSize"] == 5
    assert told["StorageClass"] == "STANDARD_IA"
    assert told["Checksum"] == {"ChecksumCRC32": "NhCmhg==", "ChecksumType": "FULL_OBJECT"}
    assert "ObjectParts" not in told
    size = s3.get_object_attributes(Bucket=B, Key="k", ObjectAttributes=["ObjectSize"])
    assert "ETag" not in size
    wrong = partial(s3.get_object_attributes, Bucket=B, Key="k", ObjectAttributes=["Colour"])
    assert refused(wrong)["Message"] == "Invalid attribute name specified."


def test_parts_with_checksums_are_told_in_pages(s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket=B, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for number, size in ((1, PART), (2, 3)):
        sent = s3.upload_part(
            Bucket=B,
            Key="k",
            UploadId=upload,
            PartNumber=number,
            Body=bytes(size),
            ChecksumAlgorithm="SHA256",
        )
        parts.append(
            {
                "PartNumber": number,
                "ETag": sent["ETag"],
                "ChecksumSHA256": sent["ChecksumSHA256"],
            }
        )
    s3.complete_multipart_upload(
        Bucket=B, Key="k", UploadId=upload, MultipartUpload={"Parts": parts}
    )
    ask = partial(s3.get_object_attributes, Bucket=B, Key="k", ObjectAttributes=["ObjectParts"])
    first = ask(MaxParts=1)["ObjectParts"]
    assert (first["TotalPartsCount"], first["IsTruncated"]) == (2, True)
    assert first["NextPartNumberMarker"] == 1
    rest = ask(PartNumberMarker=1)["ObjectParts"]
    assert rest["IsTruncated"] is False
    assert rest["Parts"] == [
        {"PartNumber": 2, "Size": 3, "ChecksumSHA256": parts[1]["ChecksumSHA256"]}
    ]


def test_a_storage_class_is_kept_and_archives_are_not_read(s3: Any) -> None:
    s3.put_object(Bucket=B, Key="k", Body=b"x", StorageClass="GLACIER")
    assert s3.head_object(Bucket=B, Key="k")["StorageClass"] == "GLACIER"
    found = refused(partial(s3.get_object, Bucket=B, Key="k"))
    assert (found["Code"], found["StorageClass"]) == ("InvalidObjectState", "GLACIER")
    listed = s3.list_objects_v2(Bucket=B)["Contents"]
    assert [entry["StorageClass"] for entry in listed] == ["GLACIER"]
    wrong = partial(s3.put_object, Bucket=B, Key="k", Body=b"", StorageClass="OUTPOSTS")
    assert refused(wrong)["Code"] == "InvalidStorageClass"


def test_a_copy_onto_itself_needs_something_to_change(s3: Any) -> None:
    s3.put_object(Bucket=B, Key="k", Body=b"x")
    copy = partial(s3.copy_object, Bucket=B, Key="k", CopySource=f"{B}/k")
    assert refused(copy)["Code"] == "InvalidRequest"
    copy(StorageClass="STANDARD_IA")
    assert s3.head_object(Bucket=B, Key="k")["StorageClass"] == "STANDARD_IA"
    copy(ServerSideEncryption="AES256")
    assert "StorageClass" not in s3.head_object(Bucket=B, Key="k")


@pytest.mark.parametrize(
    "source",
    ["bucket/a+b", "/bucket/a%20b", "http://host:1/bucket/a%20b", "http://bucket.s3.x/a+b"],
)
def test_a_copy_source_is_a_path_or_a_url(s3: Any, url: str, source: str) -> None:
    s3.put_object(Bucket=B, Key="a b", Body=b"x")
    headers = {"x-amz-copy-source": source}
    with urlopen(Request(f"{url}/{B}/copied", headers=headers, method="PUT")) as answer:
        assert b"<CopyObjectResult" in answer.read()
    assert s3.get_object(Bucket=B, Key="copied")["Body"].read() == b"x"


def test_a_condition_on_a_time_to_come_does_not_hinder_a_copy(s3: Any) -> None:
    s3.put_object(Bucket=B, Key="k", Body=b"x")
    copy = partial(s3.copy_object, Bucket=B, Key="l", CopySource=f"{B}/k")
    copy(CopySourceIfModifiedSince="2026-01-01T00:00:00Z")
    past = partial(copy, CopySourceIfModifiedSince="2025-01-01T00:00:00Z")
    assert refused(past)["Condition"] == "x-amz-copy-source-If-Modified-Since"


def test_a_conditional_upload_in_parts_fails_when_somebody_came_between(s3: Any) -> None:
    def upload(during: Callable[[], object]) -> Callable[..., Any]:
        named = {"Bucket": B, "Key": "k"}
        upload_id = s3.create_multipart_upload(**named)["UploadId"]
        sent = s3.upload_part(**named, UploadId=upload_id, PartNumber=1, Body=b"part")
        during()
        parts = {"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]}
        return partial(
            s3.complete_multipart_upload, **named, UploadId=upload_id, MultipartUpload=parts
        )

    put = partial(s3.put_object, Bucket=B, Key="k", Body=b"x")
    etag = put()["ETag"]
    complete = upload(put)
    found = refused(partial(complete, IfMatch=etag))
    assert (found["Code"], found["Condition"]) == ("ConditionalRequestConflict", "If-Match")
    complete = upload(lambda: s3.delete_object(Bucket=B, Key="k"))
    found = refused(partial(complete, IfNoneMatch="*"))
    assert (found["Code"], found["Condition"]) == ("ConditionalRequestConflict", "If-None-Match")
    complete()
    assert s3.get_object(Bucket=B, Key="k")["Body"].read() == b"part"


def test_an_upload_may_be_completed_again(s3: Any) -> None:
    """A client that did not get the answer asks once more; nothing is written twice."""
    s3.put_bucket_versioning(Bucket=B, VersioningConfiguration={"Status": "Enabled"})
    upload = s3.create_multipart_upload(Bucket=B, Key="k")["UploadId"]
    sent = s3.upload_part(Bucket=B, Key="k", UploadId=upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]}
    complete = partial(
        s3.complete_multipart_upload, Bucket=B, Key="k", UploadId=upload, MultipartUpload=parts
    )
    first = complete()
    again = complete(IfNoneMatch="*")
    assert (again["ETag"], again["VersionId"]) == (first["ETag"], first["VersionId"])
    assert len(s3.list_object_versions(Bucket=B)["Versions"]) == 1
    listing = partial(s3.list_parts, Bucket=B, Key="k", UploadId=upload)
    assert refused(listing)["Code"] == "NoSuchUpload"


def test_a_conditional_delete_needs_the_object_that_it_names(s3: Any) -> None:
    etag = s3.put_object(Bucket=B, Key="k", Body=b"x")["ETag"]
    delete = partial(s3.delete_object, Bucket=B)
    wrong = refused(partial(delete, Key="k", IfMatch="other"))
    assert (wrong["Code"], wrong["Condition"]) == ("PreconditionFailed", "If-Match")
    assert refused(partial(delete, Key="absent", IfMatch="other"))["Code"] == "NoSuchKey"
    delete(Key="k", IfMatch=etag)
    assert refused(partial(s3.get_object, Bucket=B, Key="k"))["Code"] == "NoSuchKey"


def test_a_version_may_be_copied_onto_its_key(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket=B, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=B, Key="k", Body=b"x")["VersionId"]
    copy = partial(s3.copy_object, Bucket=B, Key="k")
    assert refused(partial(copy, CopySource=f"{B}/k"))["Code"] == "InvalidRequest"
    copy(CopySource={"Bucket": B, "Key": "k", "VersionId": version})
    assert len(s3.list_object_versions(Bucket=B)["Versions"]) == 2

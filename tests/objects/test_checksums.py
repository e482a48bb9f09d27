from __future__ import annotations

from base64 import b64encode
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from harness.objects.checksums import checksum

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.objects.store import ObjectStore

B = "bucket"
K: dict[str, Any] = {"Bucket": B, "Key": "k"}


def refused(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


def test_a_checksum_that_can_be_none_is_told_from_a_wrong_one(s3: Any) -> None:
    put = partial(s3.put_object, **K, Body=b"x")
    assert refused(partial(put, ChecksumSHA256="no")) == (
        "InvalidRequest",
        "Value for x-amz-checksum-sha256 header is invalid.",
    )
    assert refused(partial(put, ChecksumCRC32="AAAAAA==")) == (
        "BadDigest",
        "The CRC32 you specified did not match the calculated checksum.",
    )


def test_one_checksum_is_enough(url: str) -> None:
    headers = {"x-amz-checksum-crc32": "jNW4MQ==", "x-amz-checksum-sha1": "A" * 27 + "="}
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(f"{url}/bucket/k", data=b"x", headers=headers, method="PUT"))
    assert b"Multiple checksum Types are not allowed." in caught.value.read()


def test_what_comes_without_a_checksum_gets_one_that_is_made_when_asked_for(
    s3: Any, url: str, store: ObjectStore
) -> None:
    with urlopen(Request(f"{url}/bucket/k", data=b"hello", method="PUT")) as answer:
        assert "x-amz-checksum-crc64nvme" not in answer.headers
    listed = s3.list_objects_v2(Bucket=B)["Contents"]
    assert listed[0]["ChecksumAlgorithm"] == ["CRC64NVME"]
    got = s3.head_object(**K, ChecksumMode="ENABLED")
    assert (got["ChecksumCRC64NVME"], got["ChecksumType"]) == ("M3eFcAZSQlc=", "FULL_OBJECT")
    store.put_object(B, "export", b"hello")
    assert "ChecksumType" not in s3.head_object(Bucket=B, Key="export", ChecksumMode="ENABLED")


def started(s3: Any, **wish: Any) -> tuple[str, dict[str, Any]]:
    """An upload of one part; its id, and how completion names the part."""
    upload = s3.create_multipart_upload(**K, **wish)["UploadId"]
    algorithm = {"ChecksumAlgorithm": wish["ChecksumAlgorithm"]} if wish else {}
    sent = s3.upload_part(**K, UploadId=upload, PartNumber=1, Body=b"part", **algorithm)
    named = {"PartNumber": 1, "ETag": sent["ETag"]}
    if wish:
        member = f"Checksum{wish['ChecksumAlgorithm']}"
        named[member] = sent[member]
    return upload, named


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (
            {"ChecksumAlgorithm": "SHA256", "ChecksumType": "FULL_OBJECT"},
            "The FULL_OBJECT checksum type cannot be used with the sha256 checksum algorithm.",
        ),
        (
            {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "COMPOSITE"},
            "The COMPOSITE checksum type cannot be used with the crc64nvme checksum algorithm.",
        ),
        (
            {"ChecksumType": "COMPOSITE"},
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm "
            "header.",
        ),
    ],
)
def test_a_checksum_type_goes_with_its_algorithms(
    s3: Any, wish: dict[str, str], message: str
) -> None:
    begin = partial(s3.create_multipart_upload, **K, **wish)
    assert refused(begin) == ("InvalidRequest", message)


def test_a_composite_checksum_is_made_of_the_parts_and_needs_each(s3: Any) -> None:
    upload, part = started(s3, ChecksumAlgorithm="CRC32")
    complete = partial(s3.complete_multipart_upload, **K, UploadId=upload)
    bare = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    assert "It was missing for part 1" in refused(partial(complete, MultipartUpload=bare))[1]
    wrong = {"Parts": [{**part, "ChecksumCRC32": "AAAAAA=="}]}
    assert refused(partial(complete, MultipartUpload=wrong))[0] == "InvalidPart"
    right = {"Parts": [part]}
    other = partial(complete, MultipartUpload=right, ChecksumType="FULL_OBJECT")
    assert refused(other)[1].startswith("The upload was created using the COMPOSITE checksum mode.")
    done = complete(MultipartUpload=right)
    assert (done["ChecksumType"], done["ChecksumCRC32"][-2:]) == ("COMPOSITE", "-1")
    copied = s3.copy_object(Bucket=B, Key="l", CopySource=f"{B}/k")["CopyObjectResult"]
    assert (copied["ChecksumType"], copied["ChecksumCRC32"]) == (
        "FULL_OBJECT",
        part["ChecksumCRC32"],
    )


def test_a_checksum_of_the_whole_is_checked_with_its_type(s3: Any) -> None:
    upload, part = started(s3, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    complete = partial(
        s3.complete_multipart_upload, **K, UploadId=upload, MultipartUpload={"Parts": [part]}
    )
    right = part["ChecksumCRC32"]
    assert refused(partial(complete, ChecksumCRC32=right))[0] == "BadDigest"
    full = partial(complete, ChecksumType="FULL_OBJECT")
    assert refused(partial(full, ChecksumCRC32="AAAAAA=="))[0] == "BadDigest"
    assert full(ChecksumCRC32=right)["ChecksumCRC32"] == right


def test_parts_have_the_algorithm_of_their_upload(s3: Any) -> None:
    upload = s3.create_multipart_upload(**K, ChecksumAlgorithm="SHA256")["UploadId"]
    part = partial(s3.upload_part, **K, UploadId=upload, PartNumber=1, Body=b"x")
    assert refused(partial(part, ChecksumAlgorithm="SHA1")) == (
        "InvalidRequest",
        "Checksum Type mismatch occurred, expected checksum Type: sha256, actual checksum Type: "
        "sha1",
    )


def test_the_size_that_a_client_expects_is_checked(s3: Any) -> None:
    upload, part = started(s3)
    complete = partial(
        s3.complete_multipart_upload, **K, UploadId=upload, MultipartUpload={"Parts": [part]}
    )
    assert refused(partial(complete, MpuObjectSize=5)) == (
        "InvalidRequest",
        "The provided 'x-amz-mp-object-size' header value 5 does not match what was computed: 4",
    )
    complete(MpuObjectSize=4)


def test_a_part_that_is_not_there_is_named(s3: Any) -> None:
    upload, part = started(s3)
    complete = partial(s3.complete_multipart_upload, **K, UploadId=upload)
    with pytest.raises(ClientError) as caught:
        complete(MultipartUpload={"Parts": [{**part, "PartNumber": 2}]})
    error: Any = caught.value.response["Error"]
    assert (error["Code"], error["PartNumber"], error["UploadId"]) == ("InvalidPart", "2", upload)
    none = refused(partial(complete, MultipartUpload={"Parts": []}))
    assert none == ("InvalidRequest", "You must specify at least one part")


@pytest.mark.parametrize("algorithm", ["crc32c", "crc64nvme"])
def test_long_bodies_have_the_checksum_that_their_halves_would_give(algorithm: str) -> None:
    """A long body goes two bytes a step; the same body by itself and with a byte more must agree."""
    polynomial, bits = (0x82F63B78, 32) if algorithm == "crc32c" else (0x9A6C9329AC4BC9B5, 64)
    for body in (bytes(range(256)) * 200, bytes(range(256)) * 200 + b"x"):
        value = ones = (1 << bits) - 1
        for byte in body:
            value ^= byte
            for _ in range(8):
                value = (value >> 1) ^ (polynomial if value & 1 else 0)
        expected = b64encode((value ^ ones).to_bytes(bits // 8, "big")).decode()
        assert checksum(algorithm, body) == expected

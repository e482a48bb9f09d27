from __future__ import annotations

import hashlib
from base64 import b64encode
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

B = "bucket"
KEY = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
OTHER = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"o" * 32}
MD5 = "47bce5c74f589f4867dbd57e9ca9f808"


def refused(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


def by_default(s3: Any, **rule: Any) -> None:
    s3.put_bucket_encryption(Bucket=B, ServerSideEncryptionConfiguration={"Rules": [rule]})


def test_objects_are_encrypted_by_s3_unless_asked_otherwise(s3: Any) -> None:
    put = s3.put_object(Bucket=B, Key="k", Body=b"aaa")
    assert (put["ServerSideEncryption"], put["ETag"]) == ("AES256", f'"{MD5}"')
    assert s3.get_object(Bucket=B, Key="k")["ServerSideEncryption"] == "AES256"


def test_kms_is_said_again_with_the_whole_name_of_the_key(s3: Any) -> None:
    put = s3.put_object(
        Bucket=B, Key="k", Body=b"aaa", ServerSideEncryption="aws:kms", SSEKMSKeyId="1-2"
    )
    name = "arn:aws:kms:us-east-1:000000000000:key/1-2"
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"]) == ("aws:kms", name)
    assert put["ETag"] != f'"{MD5}"'
    head = s3.head_object(Bucket=B, Key="k")
    assert (head["SSEKMSKeyId"], head["ETag"]) == (name, put["ETag"])
    assert "BucketKeyEnabled" not in head
    managed = s3.put_object(Bucket=B, Key="l", Body=b"", ServerSideEncryption="aws:kms")
    assert managed["SSEKMSKeyId"].startswith("arn:aws:kms:us-east-1:000000000000:key/")


def test_a_bucket_says_how_what_says_nothing_is_encrypted(s3: Any) -> None:
    arn = "arn:aws:kms:us-east-1:000000000000:key/9"
    by_default(
        s3,
        ApplyServerSideEncryptionByDefault={"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn},
        BucketKeyEnabled=True,
    )
    put = s3.put_object(Bucket=B, Key="k", Body=b"")
    assert (put["ServerSideEncryption"], put["SSEKMSKeyId"]) == ("aws:kms", arn)
    assert put["BucketKeyEnabled"] is True
    plain = s3.put_object(Bucket=B, Key="k", Body=b"", ServerSideEncryption="AES256")
    assert (plain["ServerSideEncryption"], "SSEKMSKeyId" in plain) == ("AES256", False)
    s3.delete_bucket_encryption(Bucket=B)
    assert s3.put_object(Bucket=B, Key="k", Body=b"")["ServerSideEncryption"] == "AES256"


@pytest.mark.parametrize(
    "wish",
    [
        {"ServerSideEncryption": "rot13"},
        {"ServerSideEncryption": "AES256", "SSEKMSKeyId": "1"},
        {"SSEKMSKeyId": "1"},
    ],
)
def test_an_encryption_that_is_none_is_refused(s3: Any, wish: dict[str, Any]) -> None:
    put = partial(s3.put_object, Bucket=B, Key="k", Body=b"", **wish)
    assert refused(put)[0] == "InvalidArgument"


def test_a_key_of_the_client_is_needed_again(s3: Any) -> None:
    put = s3.put_object(Bucket=B, Key="k", Body=b"aaa", **KEY)
    assert put["SSECustomerAlgorithm"] == "AES256"
    assert "ServerSideEncryption" not in put
    assert put["ETag"] != f'"{MD5}"'
    got = s3.get_object(Bucket=B, Key="k", **KEY)
    assert got["Body"].read() == b"aaa"
    assert got["SSECustomerKeyMD5"] == put["SSECustomerKeyMD5"]
    get = partial(s3.get_object, Bucket=B, Key="k")
    assert refused(get)[0] == "InvalidRequest"
    assert refused(partial(get, **OTHER))[0] == "AccessDenied"
    assert refused(partial(s3.head_object, Bucket=B, Key="k"))[0] == "400"
    s3.put_object(Bucket=B, Key="plain", Body=b"")
    assert refused(partial(s3.get_object, Bucket=B, Key="plain", **KEY))[0] == "InvalidRequest"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({**KEY, "SSECustomerAlgorithm": "KMS"}, "InvalidEncryptionAlgorithmError"),
        ({**KEY, "SSECustomerKey": b"short"}, "InvalidArgument"),
        (
            {**KEY, "SSECustomerKey": b64encode(b"k" * 32).decode(), "SSECustomerKeyMD5": "AAAA"},
            "InvalidArgument",
        ),
        ({**KEY, "ServerSideEncryption": "AES256"}, "InvalidArgument"),
        ({"SSECustomerKey": b"k" * 32}, "InvalidArgument"),
        ({"SSECustomerAlgorithm": "AES256"}, "InvalidArgument"),
    ],
)
def test_a_key_of_the_client_is_checked(s3: Any, wish: dict[str, Any], code: str) -> None:
    assert refused(partial(s3.put_object, Bucket=B, Key="k", Body=b"", **wish))[0] == code


def test_a_copy_is_encrypted_as_it_says_and_not_as_its_source(s3: Any) -> None:
    s3.put_object(Bucket=B, Key="k", Body=b"aaa", **KEY)
    source = {"CopySource": f"{B}/k"}
    assert refused(partial(s3.copy_object, Bucket=B, Key="l", **source))[0] == "InvalidRequest"
    given = {f"CopySource{name}": value for name, value in KEY.items()}
    copied = s3.copy_object(Bucket=B, Key="l", **source, **given)
    assert copied["ServerSideEncryption"] == "AES256"
    assert copied["CopyObjectResult"]["ETag"] == f'"{MD5}"'
    assert s3.get_object(Bucket=B, Key="l")["Body"].read() == b"aaa"


def test_parts_come_with_the_key_of_their_upload(s3: Any) -> None:
    upload = s3.create_multipart_upload(Bucket=B, Key="k", **KEY)
    assert upload["SSECustomerAlgorithm"] == "AES256"
    named = {"Bucket": B, "Key": "k", "UploadId": upload["UploadId"], "PartNumber": 1}
    part = partial(s3.upload_part, **named, Body=b"aaa")
    assert refused(part)[0] == "InvalidRequest"
    assert refused(partial(part, **OTHER))[0] == "InvalidRequest"
    etag = part(**KEY)["ETag"]
    s3.complete_multipart_upload(
        Bucket=B,
        Key="k",
        UploadId=upload["UploadId"],
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]},
        **KEY,
    )
    assert s3.get_object(Bucket=B, Key="k", **KEY)["Body"].read() == b"aaa"
    assert hashlib.md5(b"aaa").hexdigest() == MD5

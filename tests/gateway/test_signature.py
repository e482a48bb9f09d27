from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from harness.clock import WallClock
from harness.gateway.aws import Aws
from harness.gateway.signature import KeyRing
from harness.web.server import ServerThread
from tests.gateway.conftest import client

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def url() -> Iterator[str]:
    aws = Aws(WallClock(), keys=KeyRing({"AKID": "right/+="}))
    with ServerThread(aws.app, clock=aws.clock) as server:
        yield server.url


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def test_the_right_secret_opens_every_service(url: str) -> None:
    assert client("dynamodb", url, secret="right/+=").list_tables()["TableNames"] == []
    assert client("kinesis", url, secret="right/+=").list_streams()["StreamNames"] == []
    assert client("sts", url, secret="right/+=").get_caller_identity()["Account"]


@pytest.mark.parametrize("key", ["plain", "a b/c+d", "ü/ß=&?#", "tilde~%25", "//x"])
def test_s3_requests_with_any_key_are_verified(url: str, key: str) -> None:
    s3 = client("s3", url, secret="right/+=")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key=key, Body=b"content", Metadata={"a": "b  c"})
    assert s3.get_object(Bucket="bucket", Key=key)["Body"].read() == b"content"
    assert s3.list_objects_v2(Bucket="bucket", Prefix=key)["KeyCount"] == 1


def test_a_presigned_url_opens_one_object(url: str) -> None:
    s3 = client("s3", url, secret="right/+=")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="a b", Body=b"content")
    where = s3.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "a b"})
    with urlopen(where, timeout=10) as answer:
        assert answer.read() == b"content"


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        ("dynamodb", "list_tables", "InvalidSignatureException"),
        ("kinesis", "list_streams", "InvalidSignatureException"),
        ("s3", "list_buckets", "SignatureDoesNotMatch"),
    ],
)
def test_a_wrong_secret_is_refused(url: str, service: str, operation: str, expected: str) -> None:
    asked: Any = client(service, url, secret="wrong")
    with pytest.raises(ClientError) as caught:
        getattr(asked, operation)()
    assert code(caught) == expected

"""What is answered before an emulator is asked: codings, sizes, health, and requests to the root."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import orjson
import pytest

from harness.gateway.encodings import coding_for
from tests.gateway.malformed import AUTHORIZATION

if TYPE_CHECKING:
    from collections.abc import Callable

    Clients = Callable[..., Any]


def ask(
    url: str, body: bytes | None = None, method: str = "POST", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(url, data=body, method=method, headers=named)
    try:
        with urlopen(request, timeout=10) as answer:
            return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
    except HTTPError as error:
        with error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()


def call(
    url: str, operation: str, body: bytes, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    return ask(
        url,
        body,
        x_amz_target=f"DynamoDB_20120810.{operation}",
        content_type="application/x-amz-json-1.0",
        x_amz_date="20250101T000000Z",
        authorization=AUTHORIZATION.format("dynamodb"),
        **headers,
    )


LIST = orjson.dumps({"Limit": 10})


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(LIST, mtime=0)),
        ("gzip", gzip.compress(LIST[:4], mtime=0) + gzip.compress(LIST[4:], mtime=0)),
        ("gzip", gzip.compress(LIST, mtime=0) + b"junk"),
        ("deflate", zlib.compress(LIST)),
    ],
)
def test_a_compressed_request_is_read(url: str, coding: str, body: bytes) -> None:
    status, _, answer = call(url, "ListTables", body, content_encoding=coding)
    assert (status, answer) == (200, b'{"TableNames":[]}')


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", LIST),
        ("gzip", b""),
        ("gzip", gzip.compress(LIST, mtime=0)[:-1]),
        ("deflate", LIST),
        ("garbage", LIST),
    ],
)
def test_a_body_that_is_not_in_its_coding_is_refused(url: str, coding: str, body: bytes) -> None:
    status, _, answer = call(url, "ListTables", body, content_encoding=coding)
    assert (status, orjson.loads(answer)["__type"]) == (
        400,
        "com.amazon.coral.service#SerializationException",
    )


def test_requests_have_16_mib_and_headers_16_kib(url: str) -> None:
    spaces = b" " * (17 * 1024 * 1024)
    assert call(url, "ListTables", b"{" + spaces + b"}")[0] == 413
    packed = gzip.compress(b"{" + spaces + b"}")
    assert call(url, "ListTables", packed, content_encoding="gzip")[0] == 413
    assert call(url, "ListTables", LIST, x_more="x" * 8192)[0] == 200
    assert call(url, "ListTables", LIST, x_more="x" * 8192, x_again="y" * 8192)[0] == 400
    assert call(f"{url}/{'x' * 17_000}", "ListTables", LIST)[0] == 400
    assert call(f"{url}/other", "ListTables", LIST)[0] == 404


def test_answers_above_4_kb_are_compressed_when_asked(url: str, clients: Clients) -> None:
    dynamodb = clients("dynamodb")
    dynamodb.create_table(
        TableName="table",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"id": {"S": "k"}, "long": {"S": "x" * 5000}, "short": {"S": "y" * 100}}
    dynamodb.put_item(TableName="table", Item=item)
    get = orjson.dumps({"TableName": "table", "Key": {"id": {"S": "k"}}})
    few = orjson.dumps(
        {"TableName": "table", "Key": {"id": {"S": "k"}}, "ProjectionExpression": "short"}
    )
    for coding, unpack in (("gzip", gzip.decompress), ("deflate", zlib.decompress)):
        _, headers, body = call(url, "GetItem", get, accept_encoding=coding)
        assert headers["content-encoding"] == coding
        assert headers["x-amz-crc32"] == str(zlib.crc32(body))
        assert orjson.loads(unpack(body)) == {"Item": item}
        assert "content-encoding" not in call(url, "GetItem", few, accept_encoding=coding)[1]
    _, headers, body = call(url, "GetItem", get, accept_encoding="identity")
    assert ("content-encoding" in headers, orjson.loads(body)) == (False, {"Item": item})


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("br, identity, deflate, gzip", "deflate"),
        ("dog, GZIP ,, cat", "gzip"),
        ("gzip;q=0.5, deflate;q=0.8", "deflate"),
        ("gzip;q=0", None),
        ("x-gzip, gzip br", None),
        ("*", "gzip"),
        ("*, gzip;q=0.5", "deflate"),
        ("*;q=0", None),
        ("deflate;q=0.5, gzip;q=31", "gzip"),
        ("deflate;q=0.5,gzip;q=0.x", "gzip"),
        ("gzip;q=0, gzip;q=1, gzip;q=0", "gzip"),
        ("", None),
    ],
)
def test_the_preferred_coding_is_chosen(accepted: str, coding: str | None) -> None:
    assert coding_for(accepted) == coding


def test_the_root_tells_its_health_to_unsigned_clients(url: str) -> None:
    host = url.removeprefix("http://")
    status, headers, body = ask(url, method="GET")
    assert (status, body) == (200, f"healthy: {host} ".encode())
    assert "access-control-allow-origin" not in headers


def test_a_browser_may_ask_the_root(url: str) -> None:
    status, headers, _ = ask(
        url,
        method="OPTIONS",
        origin="http://example.com/",
        access_control_request_method="dog",
        access_control_request_headers="cat, mouse",
    )
    assert status == 200
    assert headers["access-control-allow-methods"] == "dog"
    assert headers["access-control-allow-headers"] == "cat, mouse"
    _, headers, _ = ask(url, method="OPTIONS")
    assert not [name for name in headers if name.startswith("access-control")]


def test_s3_keeps_its_root_for_signed_clients(clients: Clients) -> None:
    s3 = clients("s3")
    s3.create_bucket(Bucket="kept")
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["kept"]


def test_a_signature_is_missed_before_a_body(url: str) -> None:
    status, _, answer = ask(url, b"", x_amz_target="DynamoDB_20120810.ListTables")
    assert (status, orjson.loads(answer)["__type"]) == (
        400,
        "com.amazon.coral.service#MissingAuthenticationTokenException",
    )

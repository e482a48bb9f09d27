from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

RULES = {
    "CORSRules": [
        {
            "AllowedMethods": ["GET"],
            "AllowedOrigins": ["https://*.example"],
            "AllowedHeaders": ["x-amz-*"],
            "ExposeHeaders": ["etag"],
            "MaxAgeSeconds": 30,
        }
    ]
}


def preflight(url: str, **headers: str) -> Mapping[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with urlopen(Request(f"{url}/bucket/k", headers=named, method="OPTIONS")) as answer:
        return dict(answer.headers)


def refusal(url: str, **headers: str) -> tuple[int, bytes]:
    with pytest.raises(HTTPError) as caught:
        preflight(url, **headers)
    return caught.value.code, caught.value.read()


def test_a_rule_answers_the_browser_that_it_allows(s3: Any, url: str) -> None:
    s3.put_bucket_cors(Bucket="bucket", CORSConfiguration=RULES)
    said = preflight(
        url,
        origin="https://a.example",
        access_control_request_method="GET",
        access_control_request_headers="X-Amz-Date",
    )
    assert said["access-control-allow-origin"] == "https://a.example"
    assert said["access-control-allow-methods"] == "GET"
    assert said["access-control-allow-headers"] == "x-amz-date"
    assert said["access-control-max-age"] == "30"
    s3.put_object(Bucket="bucket", Key="k", Body=b"x")
    asked = Request(f"{url}/bucket/k", headers={"origin": "https://a.example"})
    with urlopen(asked) as answer:
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        assert answer.headers["access-control-expose-headers"] == "etag"
    with urlopen(Request(f"{url}/bucket/k", headers={"origin": "https://b"})) as answer:
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "https://b"},
        {"access_control_request_method": "PUT"},
        {"access_control_request_headers": "authorization"},
    ],
)
def test_what_no_rule_allows_is_forbidden(s3: Any, url: str, changes: dict[str, str]) -> None:
    s3.put_bucket_cors(Bucket="bucket", CORSConfiguration=RULES)
    asked = {"origin": "https://a.example", "access_control_request_method": "GET", **changes}
    status, body = refusal(url, **asked)
    assert status == 403
    assert b"CORSResponse: This CORS request is not allowed." in body


def test_without_rules_and_without_an_origin_nothing_is_allowed(url: str) -> None:
    status, body = refusal(url, origin="https://a", access_control_request_method="GET")
    assert (status, b"CORS is not enabled for this bucket." in body) == (403, True)
    assert refusal(url)[0] == 400

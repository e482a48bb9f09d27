from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

if TYPE_CHECKING:
    from harness.objects.store import ObjectStore

B = "bucket"
FUTURE = "2025-01-01T01:00:00Z"
"""An hour after the tests' virtual clock begins."""


def form(s3: Any, *conditions: Any, ends: str = FUTURE, **fields: str) -> dict[str, str]:
    """The fields of a form that a server would give to a page."""
    made = s3.generate_presigned_post(
        B, fields.get("key", "k"), Fields=dict(fields), Conditions=list(conditions)
    )["fields"]
    policy = json.loads(b64decode(made["policy"]))
    made["policy"] = b64encode(json.dumps({**policy, "expiration": ends}).encode()).decode()
    return dict(made)


def send(url: str, fields: dict[str, str], body: bytes = b"content", name: str = "f.txt") -> Any:
    pieces = [
        f'--x\r\ncontent-disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--x\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    raw = b"".join([*pieces, head.encode(), body, b"\r\n--x--\r\n"])
    headers = {"content-type": "multipart/form-data; boundary=x"}
    return urlopen(Request(f"{url}/{B}", data=raw, headers=headers, method="POST"))


def refused(url: str, fields: dict[str, str], body: bytes = b"content") -> str:
    with pytest.raises(HTTPError) as caught:
        send(url, fields, body)
    return caught.value.read().decode()


def test_a_form_uploads_its_file_byte_by_byte(s3: Any, url: str, store: ObjectStore) -> None:
    body = bytes(range(256)) + b"\r\n--y\r\n" + bytes(1000)
    with send(url, form(s3, {"x-amz-meta-a": "1"}, **{"x-amz-meta-a": "1"}), body) as answer:
        assert answer.status == 204
        assert answer.headers["location"] == f"{url}/{B}/k"
    assert store.get_object(B, "k") == body
    assert s3.head_object(Bucket=B, Key="k")["Metadata"] == {"a": "1"}


def test_the_name_of_the_file_may_be_part_of_the_key(s3: Any, url: str, store: ObjectStore) -> None:
    fields = form(s3, ["starts-with", "$key", "up/"], key="up/${filename}")
    send(url, fields, name="C/my file.txt").close()
    assert store.list(B) == ["up/my file.txt"]


def test_a_form_says_how_it_is_answered(s3: Any, url: str) -> None:
    chosen = {"success_action_status": "201"}
    with send(url, form(s3, chosen, **chosen)) as answer:
        assert answer.status == 201
        assert b"<PostResponse>" in answer.read()


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ([["content-length-range", 1, 3]], "EntityTooLarge"),
        ([["content-length-range", 9, 30]], "EntityTooSmall"),
        ([["starts-with", "$acl", "public"]], "Policy Condition failed"),
        ([{"success_action_status": "201"}], "Policy Condition failed"),
        ([{"acl": "a", "key": "b"}], "Simple-Conditions must have exactly one property"),
    ],
)
def test_a_form_keeps_its_policy(s3: Any, url: str, conditions: list[Any], message: str) -> None:
    assert message in refused(url, form(s3, *conditions))


def test_a_form_ends_with_its_policy_and_has_nothing_that_it_does_not_name(
    s3: Any, url: str, store: ObjectStore
) -> None:
    assert "Policy expired." in refused(url, form(s3, ends="2024-12-31T00:00:00Z"))
    assert "Extra input fields: acl" in refused(url, {**form(s3), "acl": "private"})
    fields = form(s3)
    missing = {key: value for key, value in fields.items() if key.lower() != "signature"}
    assert "Bucket POST must contain a field named 'Signature'" in refused(url, missing)
    assert "<Code>AccessDenied</Code>" in refused(url, {"key": "k"})
    assert store.list(B) == []


def test_a_form_is_of_its_own_content_type(url: str) -> None:
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(f"{url}/{B}", data=b"key=k", method="POST"))
    assert b"Bucket POST must be of the enclosure-type multipart/form-data" in caught.value.read()

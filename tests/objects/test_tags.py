from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

B = "bucket"


def refused(call: Callable[[], object]) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call()
    found: Any = caught.value.response["Error"]
    return dict(found)


def tag_set(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"TagSet": [{"Key": key, "Value": value} for key, value in pairs]}


def test_tags_of_a_bucket_are_replaced_as_a_whole(s3: Any) -> None:
    s3.put_bucket_tagging(Bucket=B, Tagging=tag_set(("b", ""), ("a", "1")))
    assert s3.get_bucket_tagging(Bucket=B)["TagSet"] == tag_set(("a", "1"), ("b", ""))["TagSet"]
    s3.put_bucket_tagging(Bucket=B, Tagging=tag_set(("c", "2")))
    assert s3.get_bucket_tagging(Bucket=B)["TagSet"] == tag_set(("c", "2"))["TagSet"]
    s3.delete_bucket_tagging(Bucket=B)
    assert refused(partial(s3.get_bucket_tagging, Bucket=B))["Code"] == "NoSuchTagSet"


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("k", "1"), ("k", "1")], "Cannot provide multiple Tags with the same key"),
        ([("a,b", "1")], "The TagKey you have provided is invalid"),
        ([("a", "1,2")], "The TagValue you have provided is invalid"),
        ([("aws:a", "1")], "System tags cannot be added/updated by requester"),
        ([("k" * 129, "1")], "The TagKey you have provided is invalid"),
        ([("k", "v" * 257)], "The TagValue you have provided is invalid"),
    ],
)
def test_wrong_tags_of_a_bucket_are_refused(
    s3: Any, pairs: list[tuple[str, str]], message: str
) -> None:
    found = refused(partial(s3.put_bucket_tagging, Bucket=B, Tagging=tag_set(*pairs)))
    assert (found["Code"], found["Message"]) == ("InvalidTag", message)
    assert found["TagKey"] == pairs[0][0]


def test_a_bucket_has_fifty_tags_and_an_object_ten(s3: Any) -> None:
    s3.put_object(Bucket=B, Key="k", Body=b"")
    for most, call in (
        (50, partial(s3.put_bucket_tagging, Bucket=B)),
        (10, partial(s3.put_object_tagging, Bucket=B, Key="k")),
    ):
        call(Tagging=tag_set(*((str(n), "") for n in range(most))))
        more = tag_set(*((str(n), "") for n in range(most + 1)))
        assert refused(partial(call, Tagging=more))["Code"] == "BadRequest"


def test_a_bucket_is_made_with_its_tags_once(s3: Any) -> None:
    wish = {"CreateBucketConfiguration": {"Tags": [{"Key": "a", "Value": "1"}]}}
    s3.create_bucket(Bucket="tagged", **wish)
    assert s3.get_bucket_tagging(Bucket="tagged")["TagSet"] == [{"Key": "a", "Value": "1"}]
    again = refused(partial(s3.create_bucket, Bucket="tagged", **wish))
    assert (again["Code"], again["BucketName"]) == ("BucketAlreadyOwnedByYou", "tagged")
    s3.create_bucket(Bucket="tagged")
    reserved = {"CreateBucketConfiguration": {"Tags": [{"Key": "aws:a", "Value": "1"}]}}
    assert refused(partial(s3.create_bucket, Bucket="b-2", **reserved))["Code"] == "InvalidTag"


def test_each_version_has_its_own_tags(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket=B, VersioningConfiguration={"Status": "Enabled"})
    ids = [
        s3.put_object(Bucket=B, Key="k", Body=b"", Tagging=f"n={n}")["VersionId"] for n in (1, 2)
    ]
    changed = s3.put_object_tagging(
        Bucket=B, Key="k", VersionId=ids[0], Tagging=tag_set(("n", "changed"))
    )
    assert changed["VersionId"] == ids[0]
    found = [s3.get_object_tagging(Bucket=B, Key="k", VersionId=one)["TagSet"] for one in ids]
    assert [tags[0]["Value"] for tags in found] == ["changed", "2"]
    latest = s3.get_object_tagging(Bucket=B, Key="k")
    assert (latest["VersionId"], latest["TagSet"][0]["Value"]) == (ids[1], "2")
    assert (
        s3.head_object(Bucket=B, Key="k")["ResponseMetadata"]["HTTPHeaders"]["x-amz-tagging-count"]
        == "1"
    )
    s3.delete_object_tagging(Bucket=B, Key="k")
    assert s3.get_object_tagging(Bucket=B, Key="k")["TagSet"] == []
    s3.delete_object(Bucket=B, Key="k")
    assert refused(partial(s3.get_object_tagging, Bucket=B, Key="k"))["Code"] == "MethodNotAllowed"


@pytest.mark.parametrize("header", ["a=1&a=2", "a=1,b=2", "=1"])
def test_tags_in_a_header_are_a_query_without_repetitions(s3: Any, header: str) -> None:
    found = refused(partial(s3.put_object, Bucket=B, Key="k", Body=b"", Tagging=header))
    assert (found["Code"], found["ArgumentName"]) == ("InvalidArgument", "x-amz-tagging")


@pytest.mark.parametrize(
    "tag",
    ["<Key></Key><Value>v</Value>", "<Value>v</Value>", "<Key>k</Key>", "<Key>k</Key><Valu/>"],
)
def test_a_tag_has_a_key_and_a_value(s3: Any, url: str, tag: str) -> None:
    s3.put_object(Bucket=B, Key="k", Body=b"")
    body = f"<Tagging><TagSet><Tag>{tag}</Tag></TagSet></Tagging>".encode()
    for path in ("bucket?tagging", "bucket/k?tagging"):
        with pytest.raises(HTTPError) as caught:
            urlopen(Request(f"{url}/{path}", data=body, method="PUT"))
        assert b"<Code>MalformedXML</Code>" in caught.value.read()

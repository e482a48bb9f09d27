from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.objects.regions import REGIONS

if TYPE_CHECKING:
    from collections.abc import Callable

B = "bucket"


def refused(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


def signed_for(url: str, region: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def at(constraint: str) -> dict[str, Any]:
    return {"CreateBucketConfiguration": {"LocationConstraint": constraint}}


def test_a_bucket_is_in_the_region_of_its_constraint(s3: Any, url: str) -> None:
    made = s3.create_bucket(Bucket="far", **at("eu-west-3"))
    assert made["BucketArn"] == "arn:aws:s3:::far"
    assert s3.head_bucket(Bucket="far")["BucketRegion"] == "eu-west-3"
    assert s3.get_bucket_location(Bucket="far")["LocationConstraint"] == "eu-west-3"
    s3.create_bucket(Bucket="old", **at("EU"))
    assert s3.get_bucket_location(Bucket="old")["LocationConstraint"] == "EU"
    listed = s3.list_buckets(BucketRegion="eu-west-1")["Buckets"]
    assert [bucket["Name"] for bucket in listed] == ["old"]
    signed_for(url, "eu-west-3").create_bucket(Bucket="near", **at("eu-west-3"))


@pytest.mark.parametrize("constraint", ["us-east-1", "eu-east-1", "nowhere"])
def test_a_constraint_that_is_none_is_refused(s3: Any, constraint: str) -> None:
    assert refused(partial(s3.create_bucket, Bucket="far", **at(constraint))) == (
        "InvalidLocationConstraint",
        "The specified location-constraint is not valid",
    )
    assert constraint == "us-east-1" or constraint not in REGIONS


@pytest.mark.parametrize(
    ("wish", "named"),
    [(at("eu-west-1"), "eu-west-1"), (at("us-east-1"), "us-east-1"), ({}, "unspecified")],
)
def test_one_region_makes_no_bucket_in_another(url: str, wish: dict[str, Any], named: str) -> None:
    made = partial(signed_for(url, "eu-west-3").create_bucket, Bucket="far", **wish)
    assert refused(made) == (
        "IllegalLocationConstraintException",
        f"The {named} location constraint is incompatible for the region specific endpoint this "
        "request was sent to.",
    )


def test_the_ownership_of_a_new_bucket_can_be_chosen(s3: Any) -> None:
    s3.create_bucket(Bucket="preferred", ObjectOwnership="BucketOwnerPreferred")
    found = s3.get_bucket_ownership_controls(Bucket="preferred")["OwnershipControls"]["Rules"]
    assert found == [{"ObjectOwnership": "BucketOwnerPreferred"}]
    wrong = refused(partial(s3.create_bucket, Bucket="b-2", ObjectOwnership="Mine"))
    assert wrong == ("InvalidArgument", "Invalid x-amz-object-ownership header: Mine")


@pytest.mark.parametrize(
    ("chosen", "key", "is_said"),
    [
        ({"Prefix": "a/"}, "a/k", True),
        ({"Prefix": "a/"}, "b/k", False),
        ({"Tag": {"Key": "t", "Value": "1"}}, "k", True),
        ({"Tag": {"Key": "t", "Value": "2"}}, "k", False),
        ({"ObjectSizeGreaterThan": 4}, "k", True),
        ({"ObjectSizeLessThan": 5}, "k", False),
        ({"And": {"Prefix": "k", "Tags": [{"Key": "t", "Value": "1"}]}}, "k", True),
    ],
)
def test_a_rule_tells_when_an_object_would_expire(
    s3: Any, chosen: dict[str, Any], key: str, is_said: bool
) -> None:
    rule = {"ID": "a rule", "Status": "Enabled", "Filter": chosen, "Expiration": {"Days": 7}}
    s3.put_bucket_lifecycle_configuration(Bucket=B, LifecycleConfiguration={"Rules": [rule]})
    said = 'expiry-date="Wed, 08 Jan 2025 00:00:00 GMT", rule-id="a%20rule"' if is_said else None
    put = s3.put_object(Bucket=B, Key=key, Body=b"12345", Tagging="t=1")
    assert put.get("Expiration") == said
    assert s3.head_object(Bucket=B, Key=key).get("Expiration") == said
    assert s3.get_object(Bucket=B, Key=key).get("Expiration") == said


def test_headers_in_a_presigned_url_count(s3: Any, url: str) -> None:
    query = (
        "X-Amz-Signature=0&X-Amz-Date=20250101T000000Z&x-amz-meta-colour=red&x-amz-tagging=a%3D1"
    )
    with urlopen(Request(f"{url}/bucket/k?{query}", data=b"x", method="PUT")) as answer:
        assert answer.status == 200
    assert s3.head_object(Bucket=B, Key="k")["Metadata"] == {"colour": "red"}
    assert s3.get_object_tagging(Bucket=B, Key="k")["TagSet"] == [{"Key": "a", "Value": "1"}]
    with urlopen(Request(f"{url}/bucket/l?x-amz-meta-colour=red", data=b"x", method="PUT")):
        assert s3.head_object(Bucket=B, Key="l")["Metadata"] == {}

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError

from harness.objects.versions import new_id, place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.objects.store import ObjectStore


def refused(call: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    return str(response["Error"]["Code"]), int(response["ResponseMetadata"]["HTTPStatusCode"])


@pytest.fixture
def versioned(s3: Any) -> Any:
    """The client, its bucket keeping versions."""
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    return s3


def put(s3: Any, key: str, body: bytes = b"x") -> str:
    return str(s3.put_object(Bucket="bucket", Key=key, Body=body)["VersionId"])


def shown(s3: Any, **wish: Any) -> list[tuple[str, str, bool]]:
    """Key, id and whether it is the latest, of versions and then of delete markers."""
    listed = s3.list_object_versions(Bucket="bucket", **wish)
    entries = listed.get("Versions", []) + listed.get("DeleteMarkers", [])
    return [(e["Key"], e["VersionId"], e["IsLatest"]) for e in entries]


def test_versioning_is_off_until_it_is_set(s3: Any) -> None:
    assert "Status" not in s3.get_bucket_versioning(Bucket="bucket")
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Suspended"})
    assert s3.get_bucket_versioning(Bucket="bucket")["Status"] == "Suspended"
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket="bucket")["Status"] == "Enabled"


@pytest.mark.parametrize(
    ("status", "code"),
    [("enabled", "MalformedXML"), ("", "MalformedXML"), (None, "IllegalVersioning")],
)
def test_a_wrong_versioning_status_is_refused(s3: Any, status: str | None, code: str) -> None:
    wish = {} if status is None else {"Status": status}
    found = refused(lambda: s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration=wish))
    assert found[0].startswith(code)


def test_every_put_makes_a_version_and_each_can_be_read(versioned: Any) -> None:
    ids = [put(versioned, "k", b"%d" % number) for number in range(3)]
    assert len(set(ids)) == 3
    bodies = [
        versioned.get_object(Bucket="bucket", Key="k", VersionId=one)["Body"].read() for one in ids
    ]
    assert bodies == [b"0", b"1", b"2"]
    latest = versioned.get_object(Bucket="bucket", Key="k")
    assert (latest["Body"].read(), latest["VersionId"]) == (b"2", ids[2])
    assert versioned.head_object(Bucket="bucket", Key="k", VersionId=ids[0])["ContentLength"] == 1
    assert shown(versioned) == [
        ("k", ids[2], True),
        ("k", ids[1], False),
        ("k", ids[0], False),
    ]


def test_a_delete_leaves_a_marker_that_hides_what_is_below(versioned: Any) -> None:
    version = put(versioned, "k")
    marker = versioned.delete_object(Bucket="bucket", Key="k")
    assert marker["DeleteMarker"] is True
    with pytest.raises(ClientError) as caught:
        versioned.get_object(Bucket="bucket", Key="k")
    assert caught.value.response["Error"]["Code"] == "NoSuchKey"
    headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amz-delete-marker"] == "true"
    assert headers["x-amz-version-id"] == marker["VersionId"]
    assert "Contents" not in versioned.list_objects_v2(Bucket="bucket")
    named = {"Bucket": "bucket", "Key": "k", "VersionId": marker["VersionId"]}
    assert refused(lambda: versioned.get_object(**named)) == ("MethodNotAllowed", 405)
    assert refused(lambda: versioned.head_object(**named)) == ("405", 405)
    assert shown(versioned) == [("k", version, False), ("k", marker["VersionId"], True)]
    gone = versioned.delete_object(**named)
    assert (gone["DeleteMarker"], gone["VersionId"]) == (True, marker["VersionId"])
    assert versioned.get_object(Bucket="bucket", Key="k")["VersionId"] == version


def test_a_deleted_version_is_gone_for_good(versioned: Any) -> None:
    first, second = put(versioned, "k", b"1"), put(versioned, "k", b"2")
    versioned.delete_object(Bucket="bucket", Key="k", VersionId=second)
    assert versioned.get_object(Bucket="bucket", Key="k")["VersionId"] == first
    named = {"Bucket": "bucket", "Key": "k", "VersionId": second}
    assert refused(lambda: versioned.get_object(**named)) == ("NoSuchVersion", 404)
    versioned.delete_object(Bucket="bucket", Key="k", VersionId=first)
    assert refused(lambda: versioned.get_object(Bucket="bucket", Key="k")) == ("NoSuchKey", 404)
    assert shown(versioned) == []


def test_an_id_that_was_never_given_is_no_version(versioned: Any) -> None:
    put(versioned, "k")
    named = {"Bucket": "bucket", "Key": "k", "VersionId": "HPniJFCxqTsMuIH9KX8K8wEjNUgmABCD"}
    for call in (versioned.get_object, versioned.head_object, versioned.delete_object):
        assert refused(partial(call, **named))[1] == 400
    wish = {"Objects": [{"Key": "k", "VersionId": named["VersionId"]}]}
    answer = versioned.delete_objects(Bucket="bucket", Delete=wish)
    assert [error["Code"] for error in answer["Errors"]] == ["NoSuchVersion"]


def test_suspended_versioning_overwrites_only_the_null_version(versioned: Any) -> None:
    kept = put(versioned, "k", b"kept")
    versioned.put_bucket_versioning(
        Bucket="bucket", VersioningConfiguration={"Status": "Suspended"}
    )
    for body in (b"1", b"2"):
        assert "VersionId" not in versioned.put_object(Bucket="bucket", Key="k", Body=body)
    assert shown(versioned) == [("k", "null", True), ("k", kept, False)]
    assert versioned.get_object(Bucket="bucket", Key="k")["VersionId"] == "null"
    marker = versioned.delete_object(Bucket="bucket", Key="k")
    assert (marker["DeleteMarker"], marker["VersionId"]) == (True, "null")
    assert shown(versioned) == [("k", kept, False), ("k", "null", True)]


def test_objects_of_before_versioning_become_null_versions(s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="k", Body=b"old")
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    new = put(s3, "k", b"new")
    assert shown(s3) == [("k", new, True), ("k", "null", False)]
    old = s3.get_object(Bucket="bucket", Key="k", VersionId="null")
    assert old["Body"].read() == b"old"


def test_a_bucket_with_versions_or_markers_left_is_not_deleted(versioned: Any) -> None:
    version = put(versioned, "k")
    marker = versioned.delete_object(Bucket="bucket", Key="k")["VersionId"]
    for left in (version, marker):
        with pytest.raises(ClientError) as caught:
            versioned.delete_bucket(Bucket="bucket")
        error = caught.value.response["Error"]
        assert error["Code"] == "BucketNotEmpty"
        assert error["Message"].endswith("You must delete all versions in the bucket.")
        versioned.delete_object(Bucket="bucket", Key="k", VersionId=left)
    versioned.delete_bucket(Bucket="bucket")


def test_delete_many_tells_markers_made_and_versions_removed(versioned: Any) -> None:
    version = put(versioned, "k")
    made = versioned.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "k"}]})
    (first,) = made["Deleted"]
    assert (first["Key"], first["DeleteMarker"], "VersionId" in first) == ("k", True, False)
    marker = first["DeleteMarkerVersionId"]
    wish = {"Objects": [{"Key": "k", "VersionId": one} for one in (marker, version)]}
    gone = versioned.delete_objects(Bucket="bucket", Delete=wish)["Deleted"]
    assert gone == [
        {
            "Key": "k",
            "VersionId": marker,
            "DeleteMarker": True,
            "DeleteMarkerVersionId": marker,
        },
        {"Key": "k", "VersionId": version},
    ]
    assert shown(versioned) == []


def test_a_copy_names_the_version_it_copied_and_the_one_it_made(versioned: Any) -> None:
    old, new = put(versioned, "k", b"old"), put(versioned, "k", b"new")
    source = {"Bucket": "bucket", "Key": "k", "VersionId": old}
    copied = versioned.copy_object(Bucket="bucket", Key="k", CopySource=source)
    assert copied["CopySourceVersionId"] == old
    assert copied["VersionId"] not in (old, new)
    assert versioned.get_object(Bucket="bucket", Key="k")["Body"].read() == b"old"


def test_versions_are_listed_in_pages_that_miss_and_repeat_nothing(versioned: Any) -> None:
    expected = []
    for key in ("a", "b/1", "b/2", "c"):
        ids = [put(versioned, key) for _ in range(3)]
        expected += [(key, one) for one in reversed(ids)]
    for size in (1, 2, 5):
        pages = versioned.get_paginator("list_object_versions").paginate(
            Bucket="bucket", PaginationConfig={"PageSize": size}
        )
        found = [(v["Key"], v["VersionId"]) for page in pages for v in page["Versions"]]
        assert found == expected


def test_a_page_goes_on_behind_a_version_that_is_gone(versioned: Any) -> None:
    ids = [put(versioned, "k") for _ in range(4)]
    page = versioned.list_object_versions(Bucket="bucket", MaxKeys=2)
    marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
    for one in ids[2:]:
        versioned.delete_object(Bucket="bucket", Key="k", VersionId=one)
    assert shown(versioned, **marker) == [("k", ids[1], True), ("k", ids[0], False)]


def test_a_delimiter_folds_versions_too(versioned: Any) -> None:
    for key in ("a/1", "a/1", "a/2", "b"):
        put(versioned, key)
    first = versioned.list_object_versions(Bucket="bucket", Delimiter="/", MaxKeys=1)
    assert [p["Prefix"] for p in first["CommonPrefixes"]] == ["a/"]
    assert (first["NextKeyMarker"], "NextVersionIdMarker" in first) == ("a/", False)
    rest = versioned.list_object_versions(Bucket="bucket", Delimiter="/", KeyMarker="a/")
    assert [v["Key"] for v in rest["Versions"]] == ["b"]
    assert "CommonPrefixes" not in rest


def test_a_version_marker_needs_a_key_marker(versioned: Any) -> None:
    version = put(versioned, "k")
    wish = {"Bucket": "bucket", "VersionIdMarker": version}
    assert refused(lambda: versioned.list_object_versions(**wish)) == ("InvalidArgument", 400)


def test_versions_and_markers_stand_in_one_order(versioned: Any, url: str) -> None:
    put(versioned, "k")
    versioned.delete_object(Bucket="bucket", Key="k")
    put(versioned, "k")
    with urlopen(f"{url}/bucket?versions") as answer:
        text = answer.read().decode()
    tags = [part.split(">")[0] for part in text.split("<")]
    assert [tag for tag in tags if tag in ("Version", "DeleteMarker")] == [
        "Version",
        "DeleteMarker",
        "Version",
    ]


def test_a_page_of_versions_looks_at_no_more_than_it_shows(
    versioned: Any, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last page of 20,000 versions of one key, and of 2,000 keys behind a prefix."""
    for _ in range(20_000):
        store.put_object("bucket", "many", b"")
    for number in range(2_000):
        store.put_object("bucket", f"folded/{number:05d}", b"")
    versions = store.bucket("bucket").versions
    assert versions is not None
    marker = next(iter(reversed(list(versions["many"].newest_first())[:-10])))
    looked: list[str] = []
    original = type(versions["many"]).newest_first

    def watched(of: Any, before: int | None = None) -> Any:
        for stored in original(of, before):
            looked.append(stored.key)
            yield stored

    monkeypatch.setattr(type(versions["many"]), "newest_first", watched)
    wish = {"KeyMarker": "many", "VersionIdMarker": marker.version_id}
    assert len(shown(versioned, **wish)) == 10
    assert len(looked) == 10
    looked.clear()
    folded = versioned.list_object_versions(Bucket="bucket", Delimiter="/", MaxKeys=1)
    assert [p["Prefix"] for p in folded["CommonPrefixes"]] == ["folded/"]
    assert len(looked) <= 1


def test_an_id_tells_its_place_and_nothing_else_does() -> None:
    one = new_id(7, bytes(10))
    assert len(one) == 32
    assert place_of(one) == 7
    assert place_of(one[:-1] + ("A" if one[-1] != "A" else "B")) is None
    assert place_of("null") is None
    assert place_of("") is None


def test_an_empty_version_id_is_refused(s3: Any, url: str) -> None:
    s3.put_object(Bucket="bucket", Key="k", Body=b"x")
    with pytest.raises(HTTPError) as caught:
        urlopen(f"{url}/bucket/k?versionId=")
    assert caught.value.code == 400
    assert b"Version id cannot be the empty string" in caught.value.read()

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.clock import VirtualClock
    from harness.objects.store import ObjectStore

B = "locked"
NOW = datetime(2025, 1, 1, tzinfo=UTC)
"""Where the tests' virtual clock begins."""
LATER = NOW + timedelta(days=10)


def refused(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


LOCKED = ("AccessDenied", "Access Denied because object protected by object lock.")


@pytest.fixture
def lock(s3: Any) -> Any:
    """The client, with a bucket that locks."""
    s3.create_bucket(Bucket=B, ObjectLockEnabledForBucket=True)
    return s3


def put(lock: Any, **wish: Any) -> str:
    return str(lock.put_object(Bucket=B, Key="k", Body=b"x", **wish)["VersionId"])


def test_a_bucket_that_locks_keeps_versions_for_good(lock: Any) -> None:
    assert lock.get_bucket_versioning(Bucket=B)["Status"] == "Enabled"
    found = refused(
        partial(
            lock.put_bucket_versioning, Bucket=B, VersioningConfiguration={"Status": "Suspended"}
        )
    )
    assert found[0] == "InvalidBucketState"
    assert lock.get_object_lock_configuration(Bucket=B)["ObjectLockConfiguration"] == {
        "ObjectLockEnabled": "Enabled"
    }


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"ObjectLockEnabled": "Enabled", "Rule": {}},
        {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE"}}},
        {
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1, "Years": 1}},
        },
        {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "X", "Days": 1}}},
        {"Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}},
    ],
)
def test_a_wrong_lock_configuration_is_malformed(lock: Any, document: dict[str, Any]) -> None:
    configure = partial(lock.put_object_lock_configuration, Bucket=B)
    assert refused(partial(configure, ObjectLockConfiguration=document))[0] == "MalformedXML"


def test_governance_gives_way_to_a_bypass(lock: Any) -> None:
    version = put(lock, ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=LATER)
    delete = partial(lock.delete_object, Bucket=B, Key="k", VersionId=version)
    assert refused(delete) == LOCKED
    delete(BypassGovernanceRetention=True)
    assert "Versions" not in lock.list_object_versions(Bucket=B)


def test_compliance_gives_way_to_time_alone(lock: Any, store: ObjectStore) -> None:
    version = put(lock, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=LATER)
    delete = partial(lock.delete_object, Bucket=B, Key="k", VersionId=version)
    assert refused(partial(delete, BypassGovernanceRetention=True)) == LOCKED
    clock: VirtualClock = store.clock  # type: ignore[assignment]
    clock.advance(10 * 86_400)
    delete()
    assert "Versions" not in lock.list_object_versions(Bucket=B)


def test_a_legal_hold_stands_until_it_is_taken_off(lock: Any) -> None:
    version = put(lock)
    held = {"Bucket": B, "Key": "k"}
    assert refused(partial(lock.get_object_legal_hold, **held))[0] == (
        "NoSuchObjectLockConfiguration"
    )
    lock.put_object_legal_hold(**held, LegalHold={"Status": "ON"})
    assert lock.head_object(**held)["ObjectLockLegalHoldStatus"] == "ON"
    delete = partial(lock.delete_object, **held, VersionId=version)
    assert refused(partial(delete, BypassGovernanceRetention=True)) == LOCKED
    wish = {"Objects": [{"Key": "k", "VersionId": version}]}
    errors = lock.delete_objects(Bucket=B, Delete=wish)["Errors"]
    assert [(e["Code"], e["VersionId"]) for e in errors] == [("AccessDenied", version)]
    lock.put_object_legal_hold(**held, LegalHold={"Status": "OFF"})
    assert lock.get_object_legal_hold(**held)["LegalHold"] == {"Status": "OFF"}
    delete()


def test_a_lock_does_not_hinder_new_versions_and_markers(lock: Any) -> None:
    first = put(lock, ObjectLockLegalHoldStatus="ON")
    second = put(lock)
    marker = lock.delete_object(Bucket=B, Key="k")
    assert marker["DeleteMarker"] is True
    assert lock.head_object(Bucket=B, Key="k", VersionId=first)["ObjectLockLegalHoldStatus"] == "ON"
    assert "ObjectLockLegalHoldStatus" not in lock.head_object(Bucket=B, Key="k", VersionId=second)
    get = partial(lock.get_object_retention, Bucket=B, Key="k")
    assert refused(get)[0] == "MethodNotAllowed"


def test_a_retention_may_grow_but_not_shrink(lock: Any) -> None:
    put(lock, ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=LATER)
    change = partial(lock.put_object_retention, Bucket=B, Key="k")
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": NOW + timedelta(days=5)}
    longer = {"Mode": "GOVERNANCE", "RetainUntilDate": NOW + timedelta(days=20)}
    assert refused(partial(change, Retention=shorter)) == LOCKED
    change(Retention=longer)
    assert lock.get_object_retention(Bucket=B, Key="k")["Retention"] == longer
    change(Retention=shorter, BypassGovernanceRetention=True)
    assert lock.get_object_retention(Bucket=B, Key="k")["Retention"] == shorter
    change(Retention={}, BypassGovernanceRetention=True)
    assert refused(partial(lock.get_object_retention, Bucket=B, Key="k"))[0] == (
        "NoSuchObjectLockConfiguration"
    )


def test_the_default_of_a_bucket_holds_for_what_says_nothing(lock: Any) -> None:
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}
    lock.put_object_lock_configuration(
        Bucket=B, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    put(lock)
    shown = lock.head_object(Bucket=B, Key="k")
    assert shown["ObjectLockMode"] == "GOVERNANCE"
    assert shown["ObjectLockRetainUntilDate"] == NOW + timedelta(days=3)
    put(lock, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=LATER)
    assert lock.head_object(Bucket=B, Key="k")["ObjectLockMode"] == "COMPLIANCE"


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (
            {"ObjectLockMode": "GOVERNANCE"},
            "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
        ),
        (
            {"ObjectLockRetainUntilDate": LATER},
            "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
        ),
        (
            {"ObjectLockMode": "X", "ObjectLockRetainUntilDate": LATER},
            "Unknown wormMode directive.",
        ),
        (
            {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": NOW},
            "The retain until date must be in the future!",
        ),
    ],
)
def test_a_lock_in_headers_is_whole_and_to_come(
    lock: Any, wish: dict[str, Any], message: str
) -> None:
    assert refused(partial(put, lock, **wish)) == ("InvalidArgument", message)


def test_a_bucket_without_locks_takes_none(s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="k", Body=b"")
    named = {"Bucket": "bucket", "Key": "k"}
    missing = ("InvalidRequest", "Bucket is missing Object Lock Configuration")
    assert refused(partial(s3.get_object_retention, **named)) == missing
    assert refused(partial(s3.get_object_legal_hold, **named)) == missing
    hold = partial(s3.put_object, **named, Body=b"", ObjectLockLegalHoldStatus="ON")
    assert refused(hold) == missing
    bypass = partial(s3.delete_object, **named, BypassGovernanceRetention=True)
    assert refused(bypass)[0] == "InvalidArgument"

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

B = "bucket"
ME = "0" * 64
OWNER = {"Grantee": {"ID": ME, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}
EVERYBODY = {
    "Grantee": {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"},
    "Permission": "READ",
}
LOGS = "http://acs.amazonaws.com/groups/s3/LogDelivery"


def refused(call: Callable[[], object]) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call()
    found: Any = caught.value.response["Error"]
    return dict(found)


@pytest.fixture
def listed(s3: Any) -> Any:
    """The client, its bucket taking lists and public ones too."""
    s3.delete_bucket_ownership_controls(Bucket=B)
    s3.delete_public_access_block(Bucket=B)
    s3.put_object(Bucket=B, Key="k", Body=b"")
    return s3


def test_only_the_owner_may_until_somebody_is_granted(s3: Any) -> None:
    s3.put_object(Bucket=B, Key="k", Body=b"")
    for shown in (s3.get_bucket_acl(Bucket=B), s3.get_object_acl(Bucket=B, Key="k")):
        assert shown["Owner"] == {"ID": ME}
        assert shown["Grants"] == [OWNER]


def test_a_new_bucket_takes_no_lists(s3: Any) -> None:
    s3.put_object(Bucket=B, Key="k", Body=b"", ACL="bucket-owner-full-control")
    for call in (
        partial(s3.put_bucket_acl, Bucket=B, ACL="private"),
        partial(s3.put_object_acl, Bucket=B, Key="k", ACL="public-read"),
        partial(s3.put_object, Bucket=B, Key="k", Body=b"", ACL="public-read"),
    ):
        found = refused(call)
        assert found == {
            "Code": "AccessControlListNotSupported",
            "Message": "The bucket does not allow ACLs",
        }
    made = refused(partial(s3.create_bucket, Bucket="open", ACL="public-read"))
    assert made["Code"] == "InvalidBucketAclWithObjectOwnership"


def test_a_public_list_needs_the_public_access_block_taken_off(s3: Any) -> None:
    s3.delete_bucket_ownership_controls(Bucket=B)
    put = partial(s3.put_bucket_acl, Bucket=B, ACL="public-read")
    assert refused(put)["Code"] == "AccessDenied"
    s3.delete_public_access_block(Bucket=B)
    put()
    assert s3.get_bucket_acl(Bucket=B)["Grants"] == [OWNER, EVERYBODY]


def test_a_list_is_canned_or_in_headers_or_a_document(listed: Any) -> None:
    listed.put_object_acl(Bucket=B, Key="k", ACL="public-read")
    assert listed.get_object_acl(Bucket=B, Key="k")["Grants"] == [OWNER, EVERYBODY]
    listed.put_object_acl(Bucket=B, Key="k", GrantRead=f'uri="{LOGS}"')
    assert listed.get_object_acl(Bucket=B, Key="k")["Grants"] == [
        {"Grantee": {"Type": "Group", "URI": LOGS}, "Permission": "READ"}
    ]
    document = {"Owner": {"ID": ME}, "Grants": [OWNER, EVERYBODY]}
    listed.put_object_acl(Bucket=B, Key="k", AccessControlPolicy=document)
    assert listed.get_object_acl(Bucket=B, Key="k")["Grants"] == [OWNER, EVERYBODY]
    listed.put_object(Bucket=B, Key="l", Body=b"", ACL="public-read")
    assert listed.get_object_acl(Bucket=B, Key="l")["Grants"] == [OWNER, EVERYBODY]
    listed.copy_object(Bucket=B, Key="m", CopySource=f"{B}/l")
    assert listed.get_object_acl(Bucket=B, Key="m")["Grants"] == [OWNER]


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"ACL": "fake"}, "InvalidArgument"),
        ({"GrantWrite": 'uri="http://acs.amazonaws.com/groups/s3/Fake"'}, "InvalidArgument"),
        ({"GrantWrite": 'fake="1"'}, "InvalidArgument"),
        ({"GrantWrite": 'id="short"'}, "InvalidArgument"),
        ({"ACL": "private", "GrantRead": f'uri="{LOGS}"'}, "InvalidRequest"),
        ({}, "MissingSecurityHeader"),
        ({"AccessControlPolicy": {}}, "MalformedACLError"),
        ({"AccessControlPolicy": {"Grants": [OWNER]}}, "MalformedACLError"),
        (
            {"AccessControlPolicy": {"Owner": {"ID": "short"}, "Grants": [OWNER]}},
            "InvalidArgument",
        ),
        (
            {
                "AccessControlPolicy": {
                    "Owner": {"ID": ME},
                    "Grants": [{**OWNER, "Permission": "EVERYTHING"}],
                }
            },
            "MalformedACLError",
        ),
        (
            {"ACL": "private", "AccessControlPolicy": {"Owner": {"ID": ME}, "Grants": [OWNER]}},
            "UnexpectedContent",
        ),
    ],
)
def test_what_is_no_list_is_refused(listed: Any, wish: dict[str, Any], code: str) -> None:
    assert refused(partial(listed.put_bucket_acl, Bucket=B, **wish))["Code"] == code
    assert refused(partial(listed.put_object_acl, Bucket=B, Key="k", **wish))["Code"] == code


def test_a_delete_marker_has_no_list(listed: Any) -> None:
    listed.put_bucket_versioning(Bucket=B, VersioningConfiguration={"Status": "Enabled"})
    marker = listed.delete_object(Bucket=B, Key="k")["VersionId"]
    put = partial(listed.put_object_acl, Bucket=B, Key="k", ACL="private")
    assert refused(put)["Code"] == "MethodNotAllowed"
    get = partial(listed.get_object_acl, Bucket=B, Key="k")
    assert refused(get)["Code"] == "NoSuchKey"
    assert refused(partial(get, VersionId=marker))["Code"] == "MethodNotAllowed"

"""Documents that configure buckets: kept, given back, refused as S3 refuses them."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session

from harness.objects import shapes
from harness.objects.configuration import DOCUMENTS
from harness.objects.named_configuration import NAMED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

B = "bucket"
KEY_ARN = "arn:aws:kms:us-east-1:000000000000:key/1"


def refused(call: Callable[[], object]) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call()
    found: Any = caught.value.response["Error"]
    return {**found, "Status": caught.value.response["ResponseMetadata"]["HTTPStatusCode"]}


def tidy(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


LIFECYCLE = {
    "Rules": [
        {
            "ID": "expire",
            "Status": "Enabled",
            "Filter": {"And": {"Prefix": "a/", "Tags": [{"Key": "k", "Value": "v"}]}},
            "Expiration": {"Days": 7},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 2},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3},
            "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}],
        }
    ]
}
CORS = {
    "CORSRules": [
        {
            "AllowedMethods": ["GET", "PUT"],
            "AllowedOrigins": ["https://a.example", "*"],
            "AllowedHeaders": ["x-*"],
            "ExposeHeaders": ["etag"],
            "MaxAgeSeconds": 60,
        }
    ]
}
WEBSITE = {
    "IndexDocument": {"Suffix": "index.html"},
    "ErrorDocument": {"Key": "error.html"},
    "RoutingRules": [
        {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/"}}
    ],
}
NOTIFICATION = {
    "QueueConfigurations": [
        {
            "Id": "q",
            "QueueArn": "arn:aws:sqs:us-east-1:000000000000:queue",
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "a/"}]}},
        }
    ],
    "EventBridgeConfiguration": {},
}


@pytest.mark.parametrize(
    ("name", "member", "document"),
    [
        ("lifecycle_configuration", "LifecycleConfiguration", LIFECYCLE),
        ("cors", "CORSConfiguration", CORS),
        ("website", "WebsiteConfiguration", WEBSITE),
        ("notification_configuration", "NotificationConfiguration", NOTIFICATION),
        ("accelerate_configuration", "AccelerateConfiguration", {"Status": "Enabled"}),
        ("request_payment", "RequestPaymentConfiguration", {"Payer": "Requester"}),
        (
            "logging",
            "BucketLoggingStatus",
            {
                "LoggingEnabled": {
                    "TargetBucket": B,
                    "TargetPrefix": "log/",
                    "TargetGrants": [
                        {
                            "Grantee": {
                                "Type": "Group",
                                "URI": "http://acs.amazonaws.com/groups/s3/LogDelivery",
                            },
                            "Permission": "WRITE",
                        }
                    ],
                }
            },
        ),
    ],
)
def test_a_document_comes_back_as_it_was_put(
    s3: Any, name: str, member: str, document: dict[str, Any]
) -> None:
    getattr(s3, f"put_bucket_{name}")(Bucket=B, **{member: document})
    shown = tidy(getattr(s3, f"get_bucket_{name}")(Bucket=B))
    shown.pop("TransitionDefaultMinimumObjectSize", None)
    assert shown == document


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("bucket_cors", "NoSuchCORSConfiguration", "The CORS configuration does not exist"),
        (
            "bucket_lifecycle_configuration",
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
        ),
        ("bucket_policy", "NoSuchBucketPolicy", "The bucket policy does not exist"),
        ("bucket_policy_status", "NoSuchBucketPolicy", "The bucket policy does not exist"),
        (
            "bucket_replication",
            "ReplicationConfigurationNotFoundError",
            "The replication configuration was not found",
        ),
        ("bucket_tagging", "NoSuchTagSet", "The TagSet does not exist"),
        (
            "bucket_website",
            "NoSuchWebsiteConfiguration",
            "The specified bucket does not have a website configuration",
        ),
        (
            "object_lock_configuration",
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
        ),
    ],
)
def test_what_is_not_set_has_its_own_error(s3: Any, name: str, code: str, message: str) -> None:
    assert refused(partial(getattr(s3, f"get_{name}"), Bucket=B)) == {
        "Code": code,
        "Message": message,
        "BucketName": B,
        "Status": 404,
    }
    gone = refused(partial(getattr(s3, f"get_{name}"), Bucket="absent"))
    assert (gone["Code"], gone["BucketName"]) == ("NoSuchBucket", "absent")


def test_a_new_bucket_is_configured_as_new_buckets_of_s3_are(s3: Any) -> None:
    block = s3.get_public_access_block(Bucket=B)["PublicAccessBlockConfiguration"]
    assert block == {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
    ownership = s3.get_bucket_ownership_controls(Bucket=B)["OwnershipControls"]
    assert ownership == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    encryption = s3.get_bucket_encryption(Bucket=B)["ServerSideEncryptionConfiguration"]
    assert encryption["Rules"] == [
        {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
            "BucketKeyEnabled": False,
        }
    ]
    assert tidy(s3.get_bucket_accelerate_configuration(Bucket=B)) == {}
    assert tidy(s3.get_bucket_logging(Bucket=B)) == {}
    assert tidy(s3.get_bucket_notification_configuration(Bucket=B)) == {}
    assert s3.get_bucket_request_payment(Bucket=B)["Payer"] == "BucketOwner"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("bucket_ownership_controls", "OwnershipControlsNotFoundError"),
        ("public_access_block", "NoSuchPublicAccessBlockConfiguration"),
    ],
)
def test_what_new_buckets_have_can_be_deleted(s3: Any, name: str, code: str) -> None:
    for _ in range(2):
        deleted = getattr(s3, f"delete_{name}")(Bucket=B)
        assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(partial(getattr(s3, f"get_{name}"), Bucket=B))["Code"] == code


def test_a_bucket_made_again_has_nothing_of_the_one_before(s3: Any) -> None:
    s3.put_bucket_cors(Bucket=B, CORSConfiguration=CORS)
    s3.put_bucket_tagging(Bucket=B, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.delete_bucket(Bucket=B)
    s3.create_bucket(Bucket=B)
    assert refused(partial(s3.get_bucket_cors, Bucket=B))["Code"] == "NoSuchCORSConfiguration"
    assert refused(partial(s3.get_bucket_tagging, Bucket=B))["Code"] == "NoSuchTagSet"


def rule(**changes: Any) -> dict[str, Any]:
    made = {"ID": "r", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}, **changes}
    return {"Rules": [{name: value for name, value in made.items() if value is not None}]}


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (rule(Filter=None), "MalformedXML"),
        (rule(Filter={"Prefix": "", "ObjectSizeGreaterThan": 5}), "MalformedXML"),
        (rule(Expiration={"Days": 1, "ExpiredObjectDeleteMarker": True}), "MalformedXML"),
        (rule(Expiration={"Days": 0}), "MalformedXML"),
        (rule(NoncurrentVersionExpiration={}), "MalformedXML"),
        (rule(Status="enabled"), "MalformedXML"),
        (rule(Expiration=None), "InvalidRequest"),
        (rule(Expiration={"Date": "2030-01-01T02:02:00Z"}), "InvalidArgument"),
        ({"Rules": [rule()["Rules"][0], rule()["Rules"][0]]}, "InvalidArgument"),
        (
            rule(
                Filter={"And": {"Tags": [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]}}
            ),
            "InvalidRequest",
        ),
        ({"Rules": []}, "MalformedXML"),
    ],
)
def test_lifecycle_rules_that_contradict_themselves_are_refused(
    s3: Any, document: dict[str, Any], code: str
) -> None:
    put = partial(s3.put_bucket_lifecycle_configuration, Bucket=B)
    assert refused(partial(put, LifecycleConfiguration=document))["Code"] == code


def test_a_lifecycle_rule_gets_an_id_and_a_least_size(s3: Any) -> None:
    s3.put_bucket_lifecycle_configuration(Bucket=B, LifecycleConfiguration=rule(ID=None))
    shown = s3.get_bucket_lifecycle_configuration(Bucket=B)
    assert len(shown["Rules"][0]["ID"]) == 32
    assert shown["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"IndexDocument": {"Suffix": "/i"}}, "The IndexDocument Suffix is not well formed"),
        (
            {"ErrorDocument": {"Key": "e"}},
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
        ),
        (
            {"RedirectAllRequestsTo": {"HostName": "h"}, "IndexDocument": {"Suffix": "i"}},
            "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
        ),
        (
            {
                "IndexDocument": {"Suffix": "i"},
                "RoutingRules": [
                    {"Redirect": {"ReplaceKeyWith": "a", "ReplaceKeyPrefixWith": "b"}}
                ],
            },
            "You can only define ReplaceKeyPrefix or ReplaceKey but not both.",
        ),
    ],
)
def test_a_website_has_one_way_to_begin(s3: Any, document: dict[str, Any], message: str) -> None:
    put = partial(s3.put_bucket_website, Bucket=B, WebsiteConfiguration=document)
    assert refused(put)["Message"] == message


@pytest.mark.parametrize(
    ("call", "document", "message"),
    [
        (
            "put_bucket_cors",
            {
                "CORSConfiguration": {
                    "CORSRules": [{"AllowedMethods": ["X"], "AllowedOrigins": ["*"]}]
                }
            },
            "Found unsupported HTTP method in CORS config. Unsupported method is X",
        ),
        (
            "put_bucket_logging",
            {"BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": "no", "TargetPrefix": ""}}},
            "The target bucket for logging does not exist",
        ),
        (
            "put_bucket_replication",
            {
                "ReplicationConfiguration": {
                    "Role": "r",
                    "Rules": [{"Status": "Enabled", "Destination": {"Bucket": "arn:aws:s3:::b"}}],
                }
            },
            "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
        ),
        (
            "put_object_lock_configuration",
            {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled"}},
            "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
        ),
        (
            "put_bucket_notification_configuration",
            {
                "NotificationConfiguration": {
                    "TopicConfigurations": [{"TopicArn": "arn:x", "Events": ["s3:Nothing"]}]
                }
            },
            "The event is not supported for notifications",
        ),
        (
            "put_bucket_encryption",
            {
                "ServerSideEncryptionConfiguration": {
                    "Rules": [
                        {
                            "ApplyServerSideEncryptionByDefault": {
                                "SSEAlgorithm": "AES256",
                                "KMSMasterKeyID": KEY_ARN,
                            }
                        }
                    ]
                }
            },
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or "
            "aws:kms:dsse",
        ),
    ],
)
def test_what_a_document_cannot_say_is_refused(
    s3: Any, call: str, document: dict[str, Any], message: str
) -> None:
    assert refused(partial(getattr(s3, call), Bucket=B, **document))["Message"] == message


def test_a_name_with_dots_is_not_accelerated(s3: Any) -> None:
    s3.create_bucket(Bucket="with.dots")
    put = partial(s3.put_bucket_accelerate_configuration, Bucket="with.dots")
    found = refused(partial(put, AccelerateConfiguration={"Status": "Enabled"}))
    assert found["Code"] == "InvalidRequest"


def test_replication_is_kept_between_buckets_with_versions(s3: Any) -> None:
    s3.create_bucket(Bucket="goal")
    for name in (B, "goal"):
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    document = {
        "Role": "arn:aws:iam::000000000000:role/r",
        "Rules": [
            {
                "ID": "all",
                "Priority": 1,
                "Filter": {"Prefix": ""},
                "Status": "Enabled",
                "Destination": {"Bucket": "arn:aws:s3:::goal", "StorageClass": "STANDARD_IA"},
                "DeleteMarkerReplication": {"Status": "Enabled"},
            }
        ],
    }
    s3.put_bucket_replication(Bucket=B, ReplicationConfiguration=document)
    assert s3.get_bucket_replication(Bucket=B)["ReplicationConfiguration"] == document
    suspend = partial(s3.put_bucket_versioning, Bucket=B)
    found = refused(partial(suspend, VersioningConfiguration={"Status": "Suspended"}))
    assert found["Code"] == "InvalidBucketState"


NAMED_DOCUMENTS: list[tuple[str, dict[str, Any]]] = [
    ("metrics", {"Id": "one", "Filter": {"Prefix": "logs/"}}),
    (
        "analytics",
        {
            "Id": "one",
            "Filter": {"Prefix": "a"},
            "StorageClassAnalysis": {
                "DataExport": {
                    "OutputSchemaVersion": "V_1",
                    "Destination": {
                        "S3BucketDestination": {"Format": "CSV", "Bucket": "arn:aws:s3:::b"}
                    },
                }
            },
        },
    ),
    (
        "intelligent_tiering",
        {
            "Id": "one",
            "Status": "Enabled",
            "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}],
        },
    ),
    (
        "inventory",
        {
            "Id": "one",
            "IsEnabled": True,
            "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::b", "Format": "CSV"}},
            "Schedule": {"Frequency": "Daily"},
            "IncludedObjectVersions": "All",
            "OptionalFields": ["Size", "ETag"],
        },
    ),
]


@pytest.mark.parametrize(("name", "document"), NAMED_DOCUMENTS)
def test_a_document_with_an_id_is_kept_under_it(
    s3: Any, name: str, document: dict[str, Any]
) -> None:
    member = "".join(part.title() for part in name.split("_")) + "Configuration"
    call = {
        verb: partial(getattr(s3, f"{verb}_bucket_{name}_configuration"), Bucket=B, Id="one")
        for verb in ("put", "get", "delete")
    }
    assert refused(call["get"])["Code"] == "NoSuchConfiguration"
    call["put"](**{member: document})
    assert call["get"]()[member] == document
    listed = getattr(s3, f"list_bucket_{name}_configurations")(Bucket=B)
    assert listed[f"{member}List"] == [document]
    assert listed["IsTruncated"] is False
    other = partial(call["put"], **{member: {**document, "Id": "two"}})
    assert refused(other)["Code"] == ("IdMismatch" if name == "inventory" else "MalformedXML")
    call["delete"]()
    assert refused(call["delete"])["Code"] == "NoSuchConfiguration"


def test_documents_with_ids_are_listed_in_pages_of_a_hundred(s3: Any) -> None:
    for number in range(101):
        s3.put_bucket_metrics_configuration(
            Bucket=B, Id=f"{number:03d}", MetricsConfiguration={"Id": f"{number:03d}"}
        )
    first = s3.list_bucket_metrics_configurations(Bucket=B)
    assert (len(first["MetricsConfigurationList"]), first["IsTruncated"]) == (100, True)
    rest = s3.list_bucket_metrics_configurations(
        Bucket=B, ContinuationToken=first["NextContinuationToken"]
    )
    assert [one["Id"] for one in rest["MetricsConfigurationList"]] == ["100"]


def statement(**changes: Any) -> str:
    made = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bucket/*",
        **changes,
    }
    kept = {name: value for name, value in made.items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [kept]})


def test_a_policy_comes_back_to_the_letter(s3: Any) -> None:
    text = statement()
    put = s3.put_bucket_policy(Bucket=B, Policy=text)
    assert put["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert s3.get_bucket_policy(Bucket=B)["Policy"] == text
    assert s3.get_bucket_policy_status(Bucket=B)["PolicyStatus"] == {"IsPublic": False}
    s3.delete_bucket_policy(Bucket=B)
    assert refused(partial(s3.get_bucket_policy, Bucket=B))["Code"] == "NoSuchBucketPolicy"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Policies must be valid JSON and the first byte must be '{'"),
        ("no", "Policies must be valid JSON and the first byte must be '{'"),
        ("[]", "Policies must be valid JSON and the first byte must be '{'"),
        ("{}", "Missing required field Statement"),
        (statement(Effect=None), "Missing required field Effect"),
        (statement(Principal=None), "Missing required field Principal"),
        (statement(Action="dynamodb:GetItem"), "Policy has invalid action"),
        (statement(Resource="arn:aws:s3:::other/*"), "Policy has invalid resource"),
    ],
)
def test_a_policy_that_is_none_is_refused(s3: Any, text: str, message: str) -> None:
    found = refused(partial(s3.put_bucket_policy, Bucket=B, Policy=text))
    assert (found["Code"], found["Message"]) == ("MalformedPolicy", message)


def test_a_public_policy_needs_the_public_access_block_taken_off(s3: Any) -> None:
    text = statement(Principal="*")
    found = refused(partial(s3.put_bucket_policy, Bucket=B, Policy=text))
    assert (found["Code"], found["Status"]) == ("AccessDenied", 403)
    s3.delete_public_access_block(Bucket=B)
    s3.put_bucket_policy(Bucket=B, Policy=text)
    assert s3.get_bucket_policy_status(Bucket=B)["PolicyStatus"] == {"IsPublic": True}


def test_the_owner_that_a_client_expects_is_checked(s3: Any) -> None:
    assert s3.get_bucket_versioning(Bucket=B, ExpectedBucketOwner="000000000000")
    get = partial(s3.get_bucket_versioning, Bucket=B)
    assert refused(partial(get, ExpectedBucketOwner="111111111111"))["Code"] == "AccessDenied"
    other = refused(partial(get, ExpectedBucketOwner="12"))
    assert other["Code"] == "InvalidBucketOwnerAWSAccountID"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("versioning", "<VersioningConfiguration><Other/></VersioningConfiguration>"),
        (
            "accelerate",
            "<AccelerateConfiguration><Status>Enabled</Status><A/></AccelerateConfiguration>",
        ),
        ("requestPayment", "<RequestPayment><Payer>BucketOwner</Payer></RequestPayment>"),
        ("cors", "<CORSConfiguration>"),
        (
            "requestPayment",
            "<RequestPaymentConfiguration><Payer><A/></Payer></RequestPaymentConfiguration>",
        ),
    ],
)
def test_what_a_document_does_not_have_is_malformed(url: str, kind: str, body: str) -> None:
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(f"{url}/{B}?{kind}", data=body.encode(), method="PUT"))
    assert b"<Code>MalformedXML</Code>" in caught.value.read()


def test_a_document_is_needed(url: str) -> None:
    for kind in ("lifecycle", "cors", "object-lock"):
        with pytest.raises(HTTPError) as caught:
            urlopen(Request(f"{url}/{B}?{kind}", data=b"", method="PUT"))
        assert b"<Code>MissingRequestBodyError</Code>" in caught.value.read()


MODEL = get_session().get_service_model("s3")
NOT_EMULATED = "ObjectLockConfiguration.Rule.DefaultRetention.DefaultEventHold"
"""The only member that is refused: holds by events."""


def members(shape: Any, path: str) -> dict[str, Any]:
    """The paths of the leaves and branches of a document in boto's model."""
    found: dict[str, Any] = {}
    for name, inner in shape.members.items():
        if inner.serialization.get("location") or inner.serialization.get("xmlAttribute"):
            continue
        at = f"{path}.{inner.serialization.get('name', name)}"
        if inner.type_name == "list":
            if not inner.serialization.get("flattened"):
                found[at] = None
                at = f"{at}.{inner.member.serialization['name']}"
            inner = inner.member
        found[at] = None
        if inner.type_name == "structure":
            found.update(members(inner, at))
    return found


def known(shape: Mapping[str, Any], path: str) -> set[str]:
    found: set[str] = set()
    for sign, inner in shape.items():
        at = f"{path}.{sign.rstrip('?*+')}"
        found.add(at)
        if not hasattr(inner, "fullmatch"):
            found |= known(inner, at)
    return found


DOCUMENT_SHAPES = {
    **{known_document.root: known_document.shape for known_document in DOCUMENTS.values()},
    **{known_document.root: known_document.shape for known_document in NAMED.values()},
    "VersioningConfiguration": shapes.VERSIONING,
    "CreateBucketConfiguration": shapes.CREATION,
}


@pytest.mark.parametrize("root", sorted(DOCUMENT_SHAPES))
def test_a_shape_has_every_member_that_the_client_can_send(root: str) -> None:
    payloads = {}
    for name in MODEL.operation_names:
        if not name.startswith(("Put", "Create")):
            continue
        sent: Any = MODEL.operation_model(name).input_shape
        member = sent.serialization.get("payload")
        if member is not None:
            shape = sent.members[member]
            payloads[shape.serialization.get("name", shape.name)] = shape
    missing = set(members(payloads[root], root)) - known(DOCUMENT_SHAPES[root], root)
    assert {one for one in missing if not one.startswith(NOT_EMULATED)} == set()

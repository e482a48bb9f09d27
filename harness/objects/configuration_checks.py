"""What S3 checks of a bucket's documents beyond their shape, and what it fills in.

Source: S3 API reference, Put…; the sentences are those that S3 answers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from harness.objects.errors import (
    S3Error,
    invalid_argument,
    invalid_request,
    malformed_xml,
)
from harness.objects.versions import ENABLED

if TYPE_CHECKING:
    from harness.objects.bucket import Bucket
    from harness.objects.store import ObjectStore

RETENTION_YEARS_MAX = 100
CORS_METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
_MIDNIGHT = re.compile(r"\d{4}-\d\d-\d\d(T00:00:00(\.0+)?(Z|\+00:?00)?)?")
_EVENT = re.compile(
    r"s3:(TestEvent|ReducedRedundancyLostObject|IntelligentTiering|ObjectAcl:Put"
    r"|ObjectCreated:(\*|Put|Post|Copy|CompleteMultipartUpload)"
    r"|ObjectRemoved:(\*|Delete|DeleteMarkerCreated)"
    r"|ObjectRestore:(\*|Post|Completed|Delete)"
    r"|ObjectTagging:(\*|Put|Delete)"
    r"|Replication:(\*|Operation\w+)"
    r"|Lifecycle(Expiration:(\*|Delete|DeleteMarkerCreated)|Transition))"
)


@dataclass(frozen=True, slots=True)
class Setting:
    """A document that is about to be set.

    Attributes:
        store: all buckets.
        bucket: whose document it is.
        content: of the right shape; checks may add to it.
    """

    store: ObjectStore
    bucket: Bucket
    content: dict[str, Any]


def accelerate(setting: Setting) -> None:
    """Names with dots cannot be accelerated."""
    if "." in setting.bucket.name:
        raise invalid_request(
            "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names"
        )


def cors(setting: Setting) -> None:
    """Methods are those that browsers send."""
    for rule in setting.content["CORSRule"]:
        for method in rule["AllowedMethod"]:
            if method not in CORS_METHODS:
                raise invalid_request(
                    f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
                )


def encryption(setting: Setting) -> None:
    """Only KMS has keys."""
    rule = setting.content["Rule"]
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    if default.get("KMSMasterKeyID") and not default["SSEAlgorithm"].startswith("aws:kms"):
        raise invalid_argument(
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or "
            "aws:kms:dsse",
            name="ApplyServerSideEncryptionByDefault",
            value=None,
        )
    rule.setdefault("BucketKeyEnabled", "false")


def lifecycle(setting: Setting) -> None:
    """Each rule has one filter and an action; ids are unique."""
    ids: set[str] = set()
    for number, rule in enumerate(setting.content["Rule"]):
        if ("Filter" in rule) == ("Prefix" in rule) or len(rule.get("Filter", {})) > 1:
            raise malformed_xml()
        tags = [tag["Key"] for tag in rule.get("Filter", {}).get("And", {}).get("Tag", [])]
        if len(tags) > len(set(tags)):
            raise invalid_request("Duplicate Tag Keys are not allowed.")
        _check_actions(rule)
        _identify(rule, "ID", setting.bucket.name, number)
        if rule["ID"] in ids:
            raise invalid_argument(
                "Rule ID must be unique. Found same ID for more than one rule",
                name="ID",
                value=rule["ID"],
            )
        ids.add(rule["ID"])


def _check_actions(rule: dict[str, Any]) -> None:
    actions = (
        "Expiration",
        "Transition",
        "NoncurrentVersionTransition",
        "NoncurrentVersionExpiration",
        "AbortIncompleteMultipartUpload",
    )
    if not any(name in rule for name in actions):
        raise invalid_request("At least one action needs to be specified in a rule")
    if "Expiration" in rule and len(rule["Expiration"]) != 1:
        raise malformed_xml()
    if rule.get("NoncurrentVersionExpiration") == {}:
        raise malformed_xml()
    for action in (rule.get("Expiration", {}), *rule.get("Transition", [])):
        date = action.get("Date")
        if "Date" in action and "Days" in action:
            raise malformed_xml()
        if date is None:
            continue
        if not is_date(date):
            raise malformed_xml()
        if not _MIDNIGHT.fullmatch(date):
            raise invalid_argument("'Date' must be at midnight GMT", name="Date", value=date)


def is_date(text: str) -> bool:
    """True for a moment in ISO 8601."""
    try:
        return datetime.fromisoformat(text).year > 1
    except ValueError:
        return False


def logging(setting: Setting) -> None:
    """Logs go to a bucket of the same region."""
    target = setting.content.get("LoggingEnabled", {}).get("TargetBucket")
    if target is None:
        return
    if not setting.store.bucket_exists(target):
        raise S3Error(
            400,
            "InvalidTargetBucketForLogging",
            "The target bucket for logging does not exist",
            fields={"TargetBucket": target},
        )
    source, goal = setting.bucket.region, setting.store.bucket(target).region
    if source != goal:
        fields = {"TargetBucketLocation": goal}
        if source != "us-east-1":
            fields["SourceBucketLocation"] = source
        raise S3Error(
            403,
            "CrossLocationLoggingProhibitted",
            "Cross S3 location logging not allowed. ",
            fields=fields,
        )


def notification(setting: Setting) -> None:
    """Known events, filters by prefix and suffix."""
    targets = ("Topic", "Queue", "CloudFunction")
    for target in targets:
        for number, entry in enumerate(setting.content.get(f"{target}Configuration", [])):
            for rule in entry.get("Filter", {}).get("S3Key", {}).get("FilterRule", []):
                if rule["Name"].lower() not in ("prefix", "suffix"):
                    raise invalid_argument(
                        "filter rule name must be either prefix or suffix",
                        name="FilterRule.Name",
                        value=rule["Name"],
                    )
                rule["Name"] = rule["Name"].title()
            for event in entry["Event"]:
                if not _EVENT.fullmatch(event):
                    raise invalid_argument(
                        "The event is not supported for notifications", name="Event", value=event
                    )
            if not entry[target].startswith("arn:"):
                raise invalid_argument(
                    "The ARN could not be parsed", name=target, value=entry[target]
                )
            _identify(entry, "Id", setting.bucket.name, number)


def object_lock(setting: Setting) -> None:
    """Only buckets with versions have locks; a default is in days or in years."""
    retention = setting.content.get("Rule", {}).get("DefaultRetention")
    if retention is not None and ("Days" in retention) == ("Years" in retention):
        raise malformed_xml()
    days, years = (int((retention or {}).get(name, 0)) for name in ("Days", "Years"))
    if days > RETENTION_YEARS_MAX * 365 or years > RETENTION_YEARS_MAX:
        raise invalid_argument("Default retention period is too large!")
    if setting.bucket.versioning != ENABLED:
        raise S3Error(
            409,
            "InvalidBucketState",
            "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
        )


def public_access(setting: Setting) -> None:
    """What is not said is false."""
    for name in (
        "BlockPublicAcls",
        "IgnorePublicAcls",
        "BlockPublicPolicy",
        "RestrictPublicBuckets",
    ):
        setting.content.setdefault(name, "false")


def replication(setting: Setting) -> None:
    """Both buckets have versions."""
    if setting.bucket.versioning != ENABLED:
        raise invalid_request(
            "Versioning must be 'Enabled' on the bucket to apply a replication configuration"
        )
    for number, rule in enumerate(setting.content["Rule"]):
        goal = rule["Destination"]["Bucket"].rpartition(":")[2]
        store = setting.store
        if not store.bucket_exists(goal) or store.bucket(goal).versioning != ENABLED:
            raise invalid_request("Destination bucket must have versioning enabled.")
        if "Filter" not in rule and "Prefix" not in rule:
            rule["Filter"] = {}
            rule.setdefault("Priority", "0")
            rule.setdefault("DeleteMarkerReplication", {"Status": "Disabled"})
        _identify(rule, "ID", setting.bucket.name, number)


def website(setting: Setting) -> None:
    """Either everything is redirected, or there is an index."""
    content = setting.content
    if "RedirectAllRequestsTo" in content:
        if len(content) > 1:
            raise invalid_argument(
                "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
                name="RedirectAllRequestsTo",
                value="not null",
            )
        _check_protocol(content["RedirectAllRequestsTo"])
        return
    if "IndexDocument" not in content:
        raise invalid_argument(
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
            name="IndexDocument",
            value="null",
        )
    suffix = content["IndexDocument"]["Suffix"]
    if not suffix or "/" in suffix:
        raise invalid_argument(
            "The IndexDocument Suffix is not well formed", name="IndexDocument", value=suffix
        )
    for rule in content.get("RoutingRules", {}).get("RoutingRule", []):
        _check_protocol(rule["Redirect"])
        if {"ReplaceKeyPrefixWith", "ReplaceKeyWith"} <= rule["Redirect"].keys():
            raise invalid_request(
                "You can only define ReplaceKeyPrefix or ReplaceKey but not both."
            )
        if rule.get("Condition") == {}:
            raise invalid_request(
                "Condition cannot be empty. To redirect all requests without a condition, the "
                "condition element shouldn't be present."
            )


def _check_protocol(redirect: dict[str, Any]) -> None:
    if redirect.get("Protocol", "http") not in ("http", "https"):
        raise invalid_request(
            "Invalid protocol, protocol can be http or https. If not defined the protocol will be "
            "selected automatically."
        )


def _identify(entry: dict[str, Any], name: str, bucket: str, number: int) -> None:
    """Give `entry` an id if it has none; the same document gets the same ids."""
    if not entry.get(name):
        seed = f"{bucket} {number} {sorted(map(str, entry.items()))}".encode()
        entry[name] = blake2b(seed, digest_size=16).hexdigest()

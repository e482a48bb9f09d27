"""The shapes of the XML documents that configure buckets, and how a document is read by its shape.

A shape names the children of an element in the order in which S3 gives them back:

    {"Rule+": {"ID?": TEXT, "Status": one_of("Enabled", "Disabled"), "Tag*": TAG}}

A name without a sign stands exactly once, `?` at most once, `*` any number of times, `+` at least
once. A leaf is the pattern of its text. What a shape does not know is MalformedXML, as S3 validates
against its published schema.

Source: S3 API reference, data types.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.objects.errors import malformed_xml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree import ElementTree as ET

    from harness.objects.xml import Content

    Shape = Mapping[str, "Shape | re.Pattern[str]"]

XSI = "http://www.w3.org/2001/XMLSchema-instance"
TEXT = re.compile(r".*", re.DOTALL)
WORD = re.compile(r".+", re.DOTALL)
NUMBER = re.compile(r"\d{1,18}")
POSITIVE = re.compile(r"0*[1-9]\d{0,17}")
TRUTH = re.compile(r"true|false|TRUE|FALSE|True|False|1|0")


def one_of(*words: str) -> re.Pattern[str]:
    """The pattern of an enumeration."""
    return re.compile("|".join(map(re.escape, words)))


SWITCH = one_of("Enabled", "Disabled")
TAG: Shape = {"Key": WORD, "Value": TEXT}
STORAGE_CLASS = one_of(
    "GLACIER",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
)
_FILTER: Shape = {"Prefix?": TEXT, "Tag?": TAG, "And?": {"Prefix?": TEXT, "Tag*": TAG}}
_SIZES: Shape = {"ObjectSizeGreaterThan?": NUMBER, "ObjectSizeLessThan?": NUMBER}
_STATUS: Shape = {"Status": SWITCH}
GRANTS: Shape = {
    "Grant*": {
        "Grantee?": {"ID?": TEXT, "DisplayName?": TEXT, "EmailAddress?": TEXT, "URI?": TEXT},
        "Permission?": TEXT,
    }
}
ACCELERATE: Shape = {"Status?": one_of("Enabled", "Suspended")}
VERSIONING: Shape = {"Status?": one_of("Enabled", "Suspended"), "MfaDelete?": SWITCH}
ABAC: Shape = _STATUS
REQUEST_PAYMENT: Shape = {"Payer": one_of("Requester", "BucketOwner")}
OWNERSHIP: Shape = {
    "Rule": {
        "ObjectOwnership": one_of("BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced")
    }
}
PUBLIC_ACCESS: Shape = {
    "BlockPublicAcls?": TRUTH,
    "IgnorePublicAcls?": TRUTH,
    "BlockPublicPolicy?": TRUTH,
    "RestrictPublicBuckets?": TRUTH,
}
TAGGING: Shape = {"TagSet?": {"Tag*": TAG}}
CREATION: Shape = {
    "LocationConstraint?": TEXT,
    "Location?": {"Name?": TEXT, "Type?": TEXT},
    "Bucket?": {"DataRedundancy?": TEXT, "Type?": TEXT},
    "Tags?": {"Tag*": TAG},
}
CORS: Shape = {
    "CORSRule+": {
        "ID?": TEXT,
        "AllowedMethod+": TEXT,
        "AllowedOrigin+": TEXT,
        "AllowedHeader*": TEXT,
        "MaxAgeSeconds?": NUMBER,
        "ExposeHeader*": TEXT,
    }
}
ENCRYPTION: Shape = {
    "Rule": {
        "ApplyServerSideEncryptionByDefault?": {
            "SSEAlgorithm": one_of("AES256", "aws:kms", "aws:kms:dsse"),
            "KMSMasterKeyID?": TEXT,
        },
        "BucketKeyEnabled?": TRUTH,
        "BlockedEncryptionTypes?": {"EncryptionType*": one_of("NONE", "SSE-C")},
    }
}
OBJECT_LOCK: Shape = {
    "ObjectLockEnabled": one_of("Enabled"),
    "Rule?": {
        "DefaultRetention": {
            "Mode": one_of("GOVERNANCE", "COMPLIANCE"),
            "Days?": POSITIVE,
            "Years?": POSITIVE,
        }
    },
}
LIFECYCLE: Shape = {
    "Rule+": {
        "ID?": TEXT,
        "Expiration?": {"Days?": POSITIVE, "Date?": TEXT, "ExpiredObjectDeleteMarker?": TRUTH},
        "Prefix?": TEXT,
        "Filter?": {
            "Prefix?": TEXT,
            "Tag?": TAG,
            **_SIZES,
            "And?": {"Prefix?": TEXT, "Tag*": TAG, **_SIZES},
        },
        "Status": SWITCH,
        "Transition*": {"Days?": NUMBER, "Date?": TEXT, "StorageClass": STORAGE_CLASS},
        "NoncurrentVersionTransition*": {
            "NoncurrentDays?": NUMBER,
            "NewerNoncurrentVersions?": POSITIVE,
            "StorageClass": STORAGE_CLASS,
        },
        "NoncurrentVersionExpiration?": {
            "NoncurrentDays?": POSITIVE,
            "NewerNoncurrentVersions?": POSITIVE,
        },
        "AbortIncompleteMultipartUpload?": {"DaysAfterInitiation?": POSITIVE},
    }
}
LOGGING: Shape = {
    "LoggingEnabled?": {
        "TargetBucket": WORD,
        "TargetGrants?": GRANTS,
        "TargetPrefix": TEXT,
        "TargetObjectKeyFormat?": {
            "SimplePrefix?": {},
            "PartitionedPrefix?": {"PartitionDateSource?": one_of("EventTime", "DeliveryTime")},
        },
    }
}
_EVENTS: Shape = {
    "Event+": WORD,
    "Filter?": {"S3Key?": {"FilterRule*": {"Name": WORD, "Value": TEXT}}},
}
NOTIFICATION: Shape = {
    "TopicConfiguration*": {"Id?": TEXT, "Topic": WORD, **_EVENTS},
    "QueueConfiguration*": {"Id?": TEXT, "Queue": WORD, **_EVENTS},
    "CloudFunctionConfiguration*": {"Id?": TEXT, "CloudFunction": WORD, **_EVENTS},
    "EventBridgeConfiguration?": {},
}
WEBSITE: Shape = {
    "RedirectAllRequestsTo?": {"HostName": TEXT, "Protocol?": TEXT},
    "IndexDocument?": {"Suffix": TEXT},
    "ErrorDocument?": {"Key": TEXT},
    "RoutingRules?": {
        "RoutingRule+": {
            "Condition?": {"HttpErrorCodeReturnedEquals?": TEXT, "KeyPrefixEquals?": TEXT},
            "Redirect": {
                "Protocol?": TEXT,
                "HostName?": TEXT,
                "ReplaceKeyPrefixWith?": TEXT,
                "ReplaceKeyWith?": TEXT,
                "HttpRedirectCode?": TEXT,
            },
        }
    },
}
REPLICATION: Shape = {
    "Role": TEXT,
    "Rule+": {
        "ID?": TEXT,
        "Priority?": NUMBER,
        "Prefix?": TEXT,
        "Filter?": _FILTER,
        "Status": SWITCH,
        "SourceSelectionCriteria?": {
            "SseKmsEncryptedObjects?": _STATUS,
            "ReplicaModifications?": _STATUS,
        },
        "ExistingObjectReplication?": _STATUS,
        "Destination": {
            "Bucket": WORD,
            "Account?": TEXT,
            "StorageClass?": TEXT,
            "AccessControlTranslation?": {"Owner": one_of("Destination")},
            "EncryptionConfiguration?": {"ReplicaKmsKeyID?": TEXT},
            "ReplicationTime?": {"Status": SWITCH, "Time": {"Minutes?": NUMBER}},
            "Metrics?": {"Status": SWITCH, "EventThreshold?": {"Minutes?": NUMBER}},
        },
        "DeleteMarkerReplication?": {"Status?": SWITCH},
    },
}
TIERING: Shape = {
    "Id": WORD,
    "Filter?": _FILTER,
    "Status": SWITCH,
    "Tiering+": {"AccessTier": one_of("ARCHIVE_ACCESS", "DEEP_ARCHIVE_ACCESS"), "Days": POSITIVE},
}
ANALYTICS: Shape = {
    "Id": WORD,
    "Filter?": _FILTER,
    "StorageClassAnalysis": {
        "DataExport?": {
            "OutputSchemaVersion": one_of("V_1"),
            "Destination": {
                "S3BucketDestination": {
                    "Format": one_of("CSV"),
                    "BucketAccountId?": TEXT,
                    "Bucket": WORD,
                    "Prefix?": TEXT,
                }
            },
        }
    },
}
METRICS: Shape = {
    "Id": WORD,
    "Filter?": {
        "Prefix?": TEXT,
        "Tag?": TAG,
        "AccessPointArn?": TEXT,
        "And?": {"Prefix?": TEXT, "Tag*": TAG, "AccessPointArn?": TEXT},
    },
}
INVENTORY: Shape = {
    "Id": WORD,
    "IsEnabled": TRUTH,
    "Destination": {
        "S3BucketDestination": {
            "AccountId?": TEXT,
            "Bucket": WORD,
            "Format": one_of("CSV", "ORC", "Parquet"),
            "Prefix?": TEXT,
            "Encryption?": {"SSE-S3?": {}, "SSE-KMS?": {"KeyId": WORD}},
        }
    },
    "Schedule": {"Frequency": one_of("Daily", "Weekly")},
    "IncludedObjectVersions": one_of("All", "Current"),
    "Filter?": {"Prefix": TEXT},
    "OptionalFields?": {
        "Field*": one_of(
            "Size",
            "LastModifiedDate",
            "StorageClass",
            "ETag",
            "IsMultipartUploaded",
            "ReplicationStatus",
            "EncryptionStatus",
            "ObjectLockRetainUntilDate",
            "ObjectLockMode",
            "ObjectLockLegalHoldStatus",
            "IntelligentTieringAccessTier",
            "BucketKeyStatus",
            "ChecksumAlgorithm",
            "ObjectAccessControlList",
            "ObjectOwner",
            "LifecycleExpirationDate",
        )
    },
}


def read(element: ET.Element, shape: Shape) -> dict[str, Content]:
    """The content of `element`, in the order of its shape.

    Raises:
        S3Error: MalformedXML.
    """
    found: dict[str, list[ET.Element]] = {}
    for child in element:
        found.setdefault(child.tag, []).append(child)
    content: dict[str, Content] = {}
    for sign, inner in shape.items():
        name = sign.rstrip("?*+")
        elements = found.pop(name, [])
        is_many, is_needed = sign[-1] in "*+", sign[-1] not in "?*"
        if (is_needed and not elements) or (len(elements) > 1 and not is_many):
            raise malformed_xml()
        values = [_value(one, inner) for one in elements]
        if elements:
            content[_named(name, elements[0])] = values if is_many else values[0]
    if found:
        raise malformed_xml()
    return content


def _value(element: ET.Element, inner: Shape | re.Pattern[str]) -> Content:
    if not isinstance(inner, re.Pattern):
        return read(element, inner)
    text = element.text or ""
    if len(element) or not inner.fullmatch(text):
        raise malformed_xml()
    return text.lower() if inner is TRUTH and text not in "10" else text


def _named(name: str, element: ET.Element) -> str:
    """The element's name with its `xsi:type`, the only attribute that S3's documents have."""
    kind = element.get(f"{{{XSI}}}type")
    return name if kind is None else f'{name} xmlns:xsi="{XSI}" xsi:type="{kind}"'

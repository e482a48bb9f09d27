"""AWS's regions, and where a bucket may be made from where.

Source: AWS general reference, "Amazon S3 endpoints"; S3 API reference, CreateBucket.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.objects.errors import S3Error

if TYPE_CHECKING:
    from harness.web.message import Request

FIRST = "us-east-1"
"""The region that is meant when none is named."""
EUROPE = "EU"
"""The old name of eu-west-1, which its buckets keep."""
REGIONS = frozenset(
    [
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-south-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-central-1",
        "ca-west-1",
        "cn-north-1",
        "cn-northwest-1",
        "eu-central-1",
        "eu-central-2",
        "eu-north-1",
        "eu-south-1",
        "eu-south-2",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "mx-central-1",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-gov-east-1",
        "us-gov-west-1",
        "us-west-1",
        "us-west-2",
    ]
)
_SCOPE = re.compile(r"Credential=[^/]*/\d{8}/([a-z0-9-]+)/s3/aws4_request")


def region_of(constraint: str, request: Request) -> str:
    """The region of a bucket that is made under a location constraint.

    Raises:
        S3Error: InvalidLocationConstraint, IllegalLocationConstraintException.
    """
    scope = _SCOPE.search(request.headers.get("authorization", ""))
    signed = FIRST if scope is None else scope[1]
    region = "eu-west-1" if constraint == EUROPE else constraint
    if signed not in (FIRST, region):
        raise S3Error(
            400,
            "IllegalLocationConstraintException",
            f"The {constraint or 'unspecified'} location constraint is incompatible for the region "
            "specific endpoint this request was sent to.",
        )
    if not constraint:
        return FIRST
    if region == FIRST or region not in REGIONS:
        raise S3Error(
            400,
            "InvalidLocationConstraint",
            "The specified location-constraint is not valid",
            fields={"LocationConstraint": constraint},
        )
    return region

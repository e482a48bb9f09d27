"""The account that a client expects to own a bucket; all buckets here belong to one.

Source: S3 user guide, "Verifying bucket ownership with bucket owner condition".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.objects.errors import S3Error, access_denied

if TYPE_CHECKING:
    from harness.objects.store import ObjectStore
    from harness.web.message import Request

EXPECTED = "x-amz-expected-bucket-owner"
_ACCOUNT = re.compile(r"\d{12}")


def check_owner(store: ObjectStore, request: Request, header: str = EXPECTED) -> None:
    """Check that the expected owner, if any is named, is the account.

    Raises:
        S3Error: InvalidBucketOwnerAWSAccountID, AccessDenied.
    """
    expected = request.headers.get(header)
    if expected is None or expected == store.account:
        return
    if not _ACCOUNT.fullmatch(expected):
        raise S3Error(
            400,
            "InvalidBucketOwnerAWSAccountID",
            "The value of the expected bucket owner parameter must be an AWS Account ID... "
            f"[{expected}]",
        )
    raise access_denied()

"""When lifecycle rules would let an object expire: told to clients, and not done.

Source: S3 API reference, PutObject (x-amz-expiration); S3 user guide, "Expiring objects": a number of
days ends at the next midnight UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from harness.objects.times import SECOND_US

if TYPE_CHECKING:
    from harness.objects.bucket import Bucket, StoredObject

HEADER = "x-amz-expiration"
_DAY_S = 86_400
_LAST_DAY_S = 253_402_214_400
"""The last day of the year 9999."""


def header(bucket: Bucket, stored: StoredObject) -> dict[str, str]:
    """The header that says when the current object would expire; none when no rule says so."""
    configured: Any = bucket.configuration.get("lifecycle")
    if configured is None:
        return {}
    for rule in configured["Rule"]:
        expiration = rule.get("Expiration", {})
        is_dated = "Days" in expiration or "Date" in expiration
        if rule["Status"] == "Enabled" and is_dated and _applies(rule, stored):
            when = formatdate(_moment(expiration, stored), usegmt=True)
            return {HEADER: f'expiry-date="{when}", rule-id="{quote(rule["ID"])}"'}
    return {}


def _moment(expiration: dict[str, Any], stored: StoredObject) -> int:
    if "Date" in expiration:
        moment = datetime.fromisoformat(expiration["Date"])
        return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
    end = stored.modified_us // SECOND_US + int(expiration["Days"]) * _DAY_S
    return min(-(-end // _DAY_S) * _DAY_S, _LAST_DAY_S)


def _applies(rule: dict[str, Any], stored: StoredObject) -> bool:
    conditions = rule.get("Filter", {})
    conditions = conditions.get("And", conditions)
    tags = list(conditions.get("Tag", [])) if "And" in rule.get("Filter", {}) else []
    if not tags and "Tag" in conditions:
        tags = [conditions["Tag"]]
    size = len(stored.body)
    return (
        stored.key.startswith(conditions.get("Prefix", rule.get("Prefix", "")))
        and all(stored.tags.get(tag["Key"]) == tag["Value"] for tag in tags)
        and size > int(conditions.get("ObjectSizeGreaterThan", -1))
        and ("ObjectSizeLessThan" not in conditions or size < int(conditions["ObjectSizeLessThan"]))
    )

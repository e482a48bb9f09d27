"""DescribeLimits and DescribeEndpoints: what an account may, and where it is reached.

Source: API reference; the quotas are AWS's defaults for an account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.dynamodb.shapes import encode

if TYPE_CHECKING:
    from harness.dynamodb.engine import Engine

ACCOUNT_UNITS_MAX = 80_000
TABLE_UNITS_MAX = 40_000
CACHE_MINUTES = 1440


def describe_limits(_engine: Engine, _payload: dict[str, Any]) -> bytes:
    """DescribeLimits: the encoded answer."""
    return encode(
        {
            "AccountMaxReadCapacityUnits": ACCOUNT_UNITS_MAX,
            "AccountMaxWriteCapacityUnits": ACCOUNT_UNITS_MAX,
            "TableMaxReadCapacityUnits": TABLE_UNITS_MAX,
            "TableMaxWriteCapacityUnits": TABLE_UNITS_MAX,
        }
    )


def describe_endpoints(engine: Engine, _payload: dict[str, Any]) -> bytes:
    """DescribeEndpoints: AWS's own name; clients with an endpoint of their own do not follow it."""
    address = f"dynamodb.{engine.tables.region}.amazonaws.com"
    return encode({"Endpoints": [{"Address": address, "CachePeriodInMinutes": CACHE_MINUTES}]})

"""Cases on S3, and the export that writes there."""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from harness.backends.aws_clients import made_in
from harness.bench.dynamodb_cases import fill, fresh_name, item, table
from harness.bench.endpoint import UnsupportedError
from harness.bench.load import Load
from harness.bench.measure import REFUSALS
from harness.bench.raw_cases import fill_raw
from harness.clock import WallClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.bench.endpoint import Endpoint
    from harness.bench.load import Amounts

MEGABYTE = 1_000_000
OBJECT_MB = 8
EXPORT_SECONDS_MAX = 60.0
PROBE_ITEMS = 10
_clock = WallClock()


@contextmanager
def bucket(endpoint: Endpoint) -> Iterator[str]:
    """A bucket of its own, gone afterwards with what is in it."""
    name = fresh_name()
    endpoint.s3.create_bucket(Bucket=name, **made_in(endpoint.s3.meta.region_name))
    try:
        yield name
    finally:
        with suppress(*REFUSALS):
            for page in endpoint.s3.get_paginator("list_objects_v2").paginate(Bucket=name):
                for held in page.get("Contents", ()):
                    endpoint.s3.delete_object(Bucket=name, Key=held["Key"])
            endpoint.s3.delete_bucket(Bucket=name)


def _body() -> bytes:
    return bytes(range(256)) * (OBJECT_MB * MEGABYTE // 256)


@contextmanager
def s3_put(endpoint: Endpoint, _amounts: Amounts) -> Iterator[Load]:
    """One object of 8 MB again and again."""
    body = _body()
    with bucket(endpoint) as name:

        def step() -> int:
            endpoint.s3.put_object(Bucket=name, Key="large", Body=body)
            return OBJECT_MB

        yield Load(step)


@contextmanager
def s3_get(endpoint: Endpoint, _amounts: Amounts) -> Iterator[Load]:
    """One object of 8 MB again and again."""
    body = _body()
    with bucket(endpoint) as name:
        endpoint.s3.put_object(Bucket=name, Key="large", Body=body)

        def step() -> int:
            found = endpoint.s3.get_object(Bucket=name, Key="large")["Body"].read()
            if len(found) != len(body):
                raise UnsupportedError(f"answered {len(found)} of {len(body)} bytes")
            return OBJECT_MB

        yield Load(step)


@contextmanager
def export_table(endpoint: Endpoint, amounts: Amounts) -> Iterator[Load]:
    """A full export to S3, from the request until its manifest is there."""
    with bucket(endpoint) as target, table(endpoint) as name:
        dynamodb = endpoint.dynamodb
        dynamodb.update_continuous_backups(
            TableName=name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )
        arn = dynamodb.describe_table(TableName=name)["Table"]["TableArn"]
        # Few items first: a peer that writes no export is not worth the long way.
        fill(endpoint, name, [item(f"e{n}") for n in range(PROBE_ITEMS)])
        export(endpoint, arn, target, PROBE_ITEMS)
        fill_raw(endpoint, name, "e", amounts.export_items)
        yield Load(lambda: export(endpoint, arn, target, amounts.export_items))


def export(
    endpoint: Endpoint,
    table_arn: str,
    target: str,
    items: int,
    *,
    seconds_max: float = EXPORT_SECONDS_MAX,
) -> int:
    """One export; returns how many items its manifest counts.

    Raises:
        UnsupportedError: it failed, or there is no manifest, or the manifest counts others.
    """
    client = endpoint.dynamodb
    answer = client.export_table_to_point_in_time(TableArn=table_arn, S3Bucket=target)
    told = answer["ExportDescription"]

    def ended() -> bool:
        nonlocal told
        told = client.describe_export(ExportArn=told["ExportArn"])["ExportDescription"]
        return bool(told["ExportStatus"] != "IN_PROGRESS")

    _clock.wait_until(ended, timeout_seconds=seconds_max, what=f"an export of {endpoint.name}")
    if told["ExportStatus"] != "COMPLETED":
        raise UnsupportedError(f"the export is {told['ExportStatus']}")
    manifest = told.get("ExportManifest") or "no manifest"
    try:
        body = endpoint.s3.get_object(Bucket=target, Key=manifest)["Body"].read()
    except REFUSALS as error:
        raise UnsupportedError("COMPLETED, but there is no manifest in the bucket") from error
    counted = int(json.loads(body)["itemCount"])
    if counted != items:
        raise UnsupportedError(f"the manifest counts {counted} of {items} items")
    return counted

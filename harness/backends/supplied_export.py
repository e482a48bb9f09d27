"""An export of an endpoint that has none: the table is scanned, and written to S3 as AWS lays it out.

It is a cut of one moment only while nobody writes; the runner requests it between two phases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.backends.aws_clients import wire_item
from harness.dynamodb.export_files import ExportFolder, full_line
from harness.dynamodb.moments import iso_time
from harness.dynamodb.numbers import normalise
from harness.dynamodb.sizes import item_size
from harness.objects.store import ObjectStore

if TYPE_CHECKING:
    from harness.backends.aws_clients import AwsClients
    from harness.clock import Clock
    from harness.scenario.model import Snapshot

BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
NAME_LENGTH = 26
VERSION = "2020-06-30"


def supply_export(
    clients: AwsClients, clock: Clock, snapshot: Snapshot, *, table: str, bucket: str
) -> tuple[str, str, int]:
    """Scan a table and write data files, manifests and checksums.

    Args:
        clients: of the endpoint.
        clock: gives the export's moment; its seed draws the files' names.
        snapshot: format, prefix and number of files.
        table: name of the table.
        bucket: must exist.

    Returns:
        The export's ARN, its ExportTime (ISO 8601) and how many items it has.

    Raises:
        botocore.exceptions.ClientError: the endpoint refuses the scan, or an object.
    """
    import orjson

    described = clients["dynamodb"].describe_table(TableName=table)["Table"]
    start_us = clock.now_us()
    random = clock.substream("supplied export")
    export_id = f"0{start_us // 1000}-{random.getrandbits(32):08x}"
    store = ObjectStore(clock)
    store.create_bucket(bucket)
    folder = ExportFolder(
        store, bucket, snapshot.s3_prefix, export_id, shared_data=False, keys_with_prefix=True
    )
    folder.start()
    parts: list[list[bytes]] = [[] for _ in range(snapshot.data_files)]
    size = count = 0
    pages = clients["dynamodb"].get_paginator("scan")
    for page in pages.paginate(TableName=table, ConsistentRead=True):
        for given in page["Items"]:
            item = wire_item(given, normalise)
            parts[count % len(parts)].append(orjson.dumps(item))
            size += item_size(item)
            count += 1
    extension = "ion" if snapshot.export_format == "ION" else "json"
    files = []
    for part in parts:
        name = "".join(random.choices(BASE32, k=NAME_LENGTH))
        writing = folder.write_data(
            name, part, lambda row: full_line(row, snapshot.export_format), extension
        )
        files.append(_finished(writing))
    arn = f"{described['TableArn']}/export/{export_id}"
    summary = {
        "version": VERSION,
        "exportArn": arn,
        "startTime": iso_time(start_us),
        "endTime": iso_time(clock.now_us()),
        "tableArn": described["TableArn"],
        "tableId": described.get("TableId", ""),
        "exportTime": iso_time(start_us),
        "s3Bucket": bucket,
        "s3Prefix": snapshot.s3_prefix or None,
        "s3SseAlgorithm": "AES256",
        "s3SseKmsKeyId": None,
        "manifestFilesS3Key": folder.manifest_files_key,
        "billedSizeBytes": size,
        "itemCount": count,
        "outputFormat": snapshot.export_format,
    }
    folder.finish(files, summary)
    _upload(clients, store, bucket, last=folder.manifest)
    return arn, iso_time(start_us), count


def _finished(writing: Any) -> Any:
    """What a generator returns."""
    while True:
        try:
            next(writing)
        except StopIteration as end:
            return end.value


def _upload(clients: AwsClients, store: ObjectStore, bucket: str, *, last: str) -> None:
    """Put every object; the summary last, as whoever waits for an export waits for it."""
    keys = sorted(store.list(bucket), key=lambda key: key == last)
    for key in keys:
        clients["s3"].put_object(Bucket=bucket, Key=key, Body=store.get_object(bucket, key))

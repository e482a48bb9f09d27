"""The objects of one export in S3: data files and manifests, laid out as AWS does.

    {prefix}/AWSDynamoDB/{export id}/_started                 empty
    {prefix}/AWSDynamoDB/{export id}/data/{26 × base32}.json.gz   (incremental: …/AWSDynamoDB/data/)
    {prefix}/AWSDynamoDB/{export id}/manifest-files.json      and its MD5 in manifest-files.md5
    {prefix}/AWSDynamoDB/{export id}/manifest-summary.json    and its MD5 in manifest-summary.md5

Data files are gzip, one item a line, one file or more for each partition, also an empty one.
AWS's pages call the checksum objects `.checksum`; buckets that AWS wrote hold `.md5`.

Source: developer guide, "DynamoDB table export output format"; listings of real exports.
"""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from harness.dynamodb.ion import VERSION_MARKER, ion_item, ion_struct
from harness.objects.bucket import StoredObject

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from harness.dynamodb.export_cut import NetChange
    from harness.dynamodb.export_requests import Format, ViewType
    from harness.objects.store import ObjectStore

T = TypeVar("T")

GZIP = 31
"""zlib's `wbits` for a gzip stream; its header holds no time, so equal items make equal bytes."""
FAST = 1
SLICE_LINES = 2000


@dataclass(frozen=True, slots=True)
class DataFile:
    """One line of manifest-files.json."""

    item_count: int
    md5: str
    etag: str
    key: str

    def line(self) -> bytes:
        """As AWS writes it."""
        return orjson.dumps(
            {
                "itemCount": self.item_count,
                "md5Checksum": self.md5,
                "etag": self.etag,
                "dataFileS3Key": self.key,
            }
        )


class ExportFolder:
    """Where one export writes.

    Args:
        store: S3.
        bucket: must exist at each write.
        prefix: as given in the request; empty when it was not.
        export_id: the last part of the export's ARN.
        shared_data: data goes to the folder that all incremental exports share.
        keys_with_prefix: whether keys inside manifests begin with the prefix, so that they can be
            used as they are. AWS's example shows one without; what AWS does is not established.
    """

    def __init__(
        self,
        store: ObjectStore,
        bucket: str,
        prefix: str,
        export_id: str,
        *,
        shared_data: bool,
        keys_with_prefix: bool,
    ) -> None:
        self._store = store
        self._bucket = bucket
        self._prefix = prefix.rstrip("/") + "/" if prefix else ""
        self._folder = f"AWSDynamoDB/{export_id}"
        self._data = "AWSDynamoDB/data" if shared_data else f"{self._folder}/data"
        self._keys_with_prefix = keys_with_prefix

    @property
    def manifest(self) -> str:
        """The key of the summary, as DescribeExport shows it."""
        return f"{self._prefix}{self._folder}/manifest-summary.json"

    @property
    def manifest_files_key(self) -> str:
        """The key of the list of files, as the summary shows it."""
        return self._shown(f"{self._folder}/manifest-files.json")

    def start(self) -> None:
        """Show that the bucket can be written."""
        self._put(f"{self._folder}/_started", b"")

    def write_data(
        self, name: str, entries: Sequence[T], line: Callable[[T], bytes], extension: str
    ) -> Generator[None, None, DataFile]:
        """Compress and store one data file, yielding between slices.

        Args:
            name: of the file, without extension.
            entries: what it is made of.
            line: the line of one entry; asked for slice by slice, to hold few lines at a time.
            extension: `json` or `ion`.
        """
        gzip = zlib.compressobj(FAST, zlib.DEFLATED, GZIP)
        parts = []
        for start in range(0, len(entries), SLICE_LINES):
            lines = map(line, entries[start : start + SLICE_LINES])
            parts.append(gzip.compress(b"".join(lines)))
            yield
        parts.append(gzip.flush())
        body = b"".join(parts)
        md5 = hashlib.md5(body, usedforsecurity=False).digest()
        # AWS uploads in parts, here in one: the tag is the MD5 of the parts' MD5s and their count.
        etag = hashlib.md5(md5, usedforsecurity=False).hexdigest() + "-1"
        key = f"{self._data}/{name}.{extension}.gz"
        self._add(key, body, etag)
        return DataFile(len(entries), b64encode(md5).decode(), etag, self._shown(key))

    def finish(self, files: Sequence[DataFile], summary: dict[str, Any]) -> None:
        """Write both manifests and their checksums, the summary last."""
        listing = b"".join(file.line() + b"\n" for file in files)
        for name, body in (("files", listing), ("summary", orjson.dumps(summary))):
            digest = hashlib.md5(body, usedforsecurity=False).digest()
            self._put(f"{self._folder}/manifest-{name}.md5", b64encode(digest))
            self._put(f"{self._folder}/manifest-{name}.json", body)

    def _shown(self, key: str) -> str:
        return self._prefix + key if self._keys_with_prefix else key

    def _put(self, key: str, body: bytes) -> None:
        self._store.put_object(self._bucket, self._prefix + key, body)

    def _add(self, key: str, body: bytes, etag: str) -> None:
        headers = {"content-type": "binary/octet-stream"}
        now_us = self._store.clock.now_us()
        key = self._prefix + key
        stored = StoredObject(key, body, etag, now_us, headers, {}, part_sizes=(len(body),))
        self._store.add(self._bucket, stored)


def full_line(row_json: bytes, output: Format) -> bytes:
    """One line of a full export."""
    if output == "DYNAMODB_JSON":
        return b'{"Item":' + row_json + b"}\n"
    item = ion_struct({"Item": ion_item(orjson.loads(row_json))})
    return f"{VERSION_MARKER} {item}\n".encode()


def incremental_line(change: NetChange, view_type: ViewType, output: Format) -> bytes:
    """One line of an incremental export; a deletion has no NewImage."""
    with_old = view_type == "NEW_AND_OLD_IMAGES" and change.before is not None
    if output == "DYNAMODB_JSON":
        line = b'{"Metadata":{"WriteTimestampMicros":{"N":"%d"}},"Keys":%b' % (
            change.time_us,
            orjson.dumps(change.keys),
        )
        if with_old and change.before is not None:
            line += b',"OldImage":' + change.before
        if change.after is not None:
            line += b',"NewImage":' + change.after
        return line + b"}\n"
    written = ion_item({"WriteTimestampMicros": {"N": str(change.time_us)}})
    record = {"Keys": ion_item(change.keys), "Metadata": written}
    if with_old and change.before is not None:
        record["OldImage"] = ion_item(orjson.loads(change.before))
    if change.after is not None:
        record["NewImage"] = ion_item(orjson.loads(change.after))
    return f"{VERSION_MARKER} {ion_struct({'Record': ion_struct(record)})}\n".encode()

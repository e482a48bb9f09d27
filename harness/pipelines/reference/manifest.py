"""The manifest of a DynamoDB export: which data files it has, and that they are all there.

Each manifest is held against its own MD5, the files' item counts against the summary's, and each
data file against the manifest's MD5. The folder is never listed: incremental exports share one.
Source: DynamoDB developer guide, "DynamoDB table export output format".
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from harness.errors import PipelineError
from harness.pipelines.reference.aws import error_code, passes

if TYPE_CHECKING:
    from harness.pipelines.reference.retry import Retry

MISSING = ("NoSuchKey", "404", "NotFound")
CHUNK_BYTES = 1 << 20
HEAD_BYTES = 65_536
SAMPLE_LINES = 1_000


@dataclass(frozen=True, slots=True)
class DataFile:
    """One data file: its key in the bucket, items and base64 MD5."""

    key: str
    item_count: int
    md5: str


@dataclass(frozen=True, slots=True)
class Export:
    """A finished export.

    Attributes:
        identity: its ARN.
        time_us: the moment that it shows (of an incremental one: the end of its window).
        is_incremental: lines are changes of a window, not items.
    """

    identity: str
    bucket: str
    time_us: int
    is_incremental: bool
    files: tuple[DataFile, ...]

    @property
    def item_count(self) -> int:
        """Lines in all files."""
        return sum(file.item_count for file in self.files)


class ExportReader:
    """Reads manifests and checks files.

    Args:
        s3: a client of botocore.
        url: `s3://bucket/prefix/AWSDynamoDB/<export-id>`.
        retry: repeats broken calls.

    Raises:
        PipelineError: the URL is none.
    """

    def __init__(self, s3: Any, url: str, retry: Retry) -> None:
        parts = urlsplit(url)
        self.folder = parts.path.strip("/")
        if parts.scheme != "s3" or not parts.netloc or not self.folder:
            raise PipelineError(
                f"the export {url!r} is no address", hint="s3://bucket/prefix/AWSDynamoDB/<id>"
            )
        self.bucket = parts.netloc
        self._heads: dict[str, bytes] = {}
        self._s3 = s3
        self._retry = retry

    def is_there(self) -> bool:
        """True once the export has written its summary, which it does last."""
        try:
            self._get(f"{self.folder}/manifest-summary.json")
        except Exception as error:
            if error_code(error) in MISSING:
                return False
            raise
        return True

    def read(self) -> Export:
        """The export, checked against its manifests.

        Raises:
            PipelineError: something is missing, differs from its checksum, or is not supported.
        """
        summary = orjson.loads(self._checked(f"{self.folder}/manifest-summary.json"))
        if summary.get("outputFormat", "DYNAMODB_JSON") != "DYNAMODB_JSON":
            raise PipelineError(
                f"the export's format {summary['outputFormat']} is not supported",
                hint="export with ExportFormat DYNAMODB_JSON",
            )
        prefix = self.folder.partition("AWSDynamoDB/")[0]
        listing = self._checked(self._key(summary["manifestFilesS3Key"], prefix))
        entries = [orjson.loads(line) for line in listing.splitlines() if line.strip()]
        files = tuple(
            DataFile(
                self._key(entry["dataFileS3Key"], prefix),
                int(entry["itemCount"]),
                entry.get("md5Checksum", ""),
            )
            for entry in entries
        )
        listed = sum(file.item_count for file in files)
        if listed != int(summary["itemCount"]):
            raise PipelineError(
                f"the export says {summary['itemCount']} items, its data files hold {listed}"
            )
        is_incremental = summary.get("exportType") == "INCREMENTAL_EXPORT"
        time = summary.get("exportToTime") if is_incremental else summary.get("exportTime")
        return Export(
            summary["exportArn"],
            self.bucket,
            round(datetime.fromisoformat(str(time)).timestamp() * 1e6),
            is_incremental,
            files,
        )

    def content(self, file: DataFile) -> bytes:
        """A data file as it is."""
        return self._get(file.key)

    def verify(self, file: DataFile) -> None:
        """Hold a data file against its MD5.

        Raises:
            PipelineError: it differs.
        """
        digest = self._retry.call(lambda: self._digest(file.key), passes)
        if file.md5 and digest != file.md5:
            raise PipelineError(
                f"data file {file.key} has MD5 {digest}, the manifest says {file.md5}"
            )

    def _digest(self, key: str) -> str:
        body = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"]
        digest = hashlib.md5(usedforsecurity=False)
        for chunk in body.iter_chunks(CHUNK_BYTES):
            self._heads.setdefault(key, chunk[:HEAD_BYTES])
            digest.update(chunk)
        return base64.b64encode(digest.digest()).decode()

    def sample(self, file: DataFile) -> list[bytes]:
        """The first lines of a data file; none where it is no gzip."""
        head = self._heads.pop(file.key, None)
        if head is None:
            head = self._get(file.key, Range=f"bytes=0-{HEAD_BYTES - 1}")
        try:
            text = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(head)
        except zlib.error:
            return []
        lines = text.split(b"\n")
        # The last one may be cut off.
        return lines[:SAMPLE_LINES] if len(lines) > SAMPLE_LINES else lines[:-1]

    def _get(self, key: str, **parameters: str) -> bytes:
        def get() -> bytes:
            answer = self._s3.get_object(Bucket=self.bucket, Key=key, **parameters)
            body: bytes = answer["Body"].read()
            return body

        return self._retry.call(get, passes)

    def _checked(self, key: str) -> bytes:
        content = self._get(key)
        stated = self._get(key.removesuffix(".json") + ".md5").decode().strip()
        found = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        if stated != found:
            raise PipelineError(f"{key} has MD5 {found}, its checksum file says {stated}")
        return content

    def _key(self, stated: str, prefix: str) -> str:
        """A key as the bucket has it: manifests may leave out the export's prefix."""
        return stated if stated.startswith(prefix) else prefix + stated

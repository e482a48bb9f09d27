"""ExportTableToPointInTime, DescribeExport and ListExports.

An export is a true point in time by default: exactly the writes acknowledged by ExportTime. AWS
promises less: its cut may be off by a minute, differently for each partition. `fuzzy_cut_seconds`
gives exports of that kind, drawn from the seed.

The request returns at once; the work is done in slices by timers of the clock, so that a big table
does not stop the server, and ends as COMPLETED or FAILED.

Deviation: objects are not encrypted; S3SseAlgorithm and S3SseKmsKeyId are only shown.

Source: DynamoDB API reference; developer guide, "DynamoDB data export to Amazon S3"; shapes and
errors as probed on AWS in October 2026 (docs/fidelity.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.awsjson import Json
from harness.clock import SECOND_US
from harness.dynamodb.export_cut import NetChange, net_changes, partition_of, rows_at
from harness.dynamodb.export_description import Export, summary_of
from harness.dynamodb.export_files import ExportFolder, full_line, incremental_line
from harness.dynamodb.export_requests import DESCRIBE, LIST, parse_export, span_of
from harness.dynamodb.jobs import Jobs, error
from harness.dynamodb.sizes import item_size
from harness.objects.errors import S3Error

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from harness.clock import Clock
    from harness.dynamodb.backups import Backups
    from harness.dynamodb.tables import Tables
    from harness.objects.store import ObjectStore

SLICE_ROWS = 20_000
KEEP_SECONDS = 10 * 365 * 86_400
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
NAME_LENGTH = 26


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What AWS decides by itself and a test may want otherwise.

    Attributes:
        seconds: from the request until data is written. AWS takes two to twelve minutes.
        data_files: least number of data files; a table's partitions on AWS.
        rows_per_file_max: more files are made so that none has many more rows.
        fuzzy_cut_seconds: the cut of each file is off by up to this, to either side; 0 is exact.
        keys_with_prefix: see `ExportFolder`.
    """

    seconds: float = 0.05
    data_files: int = 4
    rows_per_file_max: int = 50_000
    fuzzy_cut_seconds: float = 0.0
    keys_with_prefix: bool = True


class Exports:
    """All exports of one account and Region.

    Args:
        clock: times, and chance from its substream `export`.
        account: who owns the buckets.
        tables: what can be exported.
        backups: says which moments can be.
        store: S3.
        settings: may be replaced while running; holds for exports asked for from then on.
    """

    def __init__(
        self,
        clock: Clock,
        account: str,
        tables: Tables,
        backups: Backups,
        store: ObjectStore,
        *,
        settings: ExportSettings | None = None,
    ) -> None:
        self.settings = settings or ExportSettings()
        self._clock = clock
        self._account = account
        self._tables = tables
        self._backups = backups
        self._store = store
        self._jobs: Jobs[Export] = Jobs("Export", clock)

    def export(self, payload: Json) -> Json:
        """ExportTableToPointInTime."""
        request = parse_export(payload)
        now_us = self._clock.now_us()
        token = request.pop("ClientToken", None)
        known = self._jobs.asked_before(request, token)
        if known is not None:
            return known.describe()
        table = self._tables.find(request["TableArn"])
        if table is None:
            raise error("TableNotFoundException", f"Table not found: {request['TableArn']}")
        recovery = self._backups.recovery(table)
        if recovery is None:
            raise error(
                "PointInTimeRecoveryUnavailableException",
                f"Point in time recovery is not enabled for table '{table.name}'",
            )
        span = span_of(request, recovery, now_us)
        export_id = self._jobs.new_id()
        export = Export(
            f"{table.arn}/export/{export_id}", export_id, table, request, span,
            token or self._clock.uuid(), now_us, table.log.end,
        )  # fmt: skip
        self._jobs.add(export, request)
        table.log.keep(export.arn, KEEP_SECONDS)
        work = self._run(export, self.settings)

        def ended(refused: S3Error | None) -> None:
            self._end(export, refused)

        # A fuzzy cut may lie ahead: the work waits for it, or it would find nothing to be late with.
        last_cut_us = span.to_us + round(self.settings.fuzzy_cut_seconds * SECOND_US)
        begin_us = now_us + round(self.settings.seconds * SECOND_US)
        if not export.is_incremental:
            begin_us = max(begin_us, last_cut_us)
        self._clock.call_at(begin_us, lambda: self._jobs.work(work, ended))
        return export.describe()

    def describe(self, payload: Json) -> Json:
        """DescribeExport."""
        return self._jobs.get(DESCRIBE.parse(payload)["ExportArn"]).describe()

    def list(self, payload: Json) -> Json:
        """ListExports: the newest first."""
        request = LIST.parse(payload)
        table_arn = request.get("TableArn")

        def is_listed(export: Export) -> bool:
            # Of a deleted table nothing is listed, though DescribeExport still knows it.
            is_there = self._tables.by_id(export.table.table_id) is not None
            return is_there and table_arn in (None, export.table.arn)

        listed, more = self._jobs.page(
            is_listed, before=request.get("NextToken"), limit=request.get("MaxResults")
        )
        answer: Json = {
            "ExportSummaries": [
                {
                    "ExportArn": export.arn,
                    "ExportStatus": export.status,
                    "ExportType": "INCREMENTAL_EXPORT" if export.is_incremental else "FULL_EXPORT",
                }
                for export in listed
            ]
        }
        if more:
            answer["NextToken"] = more
        return answer

    def _end(self, export: Export, refused: S3Error | None) -> None:
        export.status = "FAILED" if refused else "COMPLETED"
        if refused:
            export.failure = (f"S3{refused.code}", refused.message)
        export.end_us = self._clock.now_us()
        export.table.log.release(export.arn)

    def _run(self, export: Export, settings: ExportSettings) -> Generator[None, None, None]:
        """The whole export, slice by slice."""
        request = export.request
        folder = ExportFolder(
            self._store,
            request["S3Bucket"],
            request.get("S3Prefix", ""),
            export.export_id,
            shared_data=export.is_incremental,
            keys_with_prefix=settings.keys_with_prefix,
        )
        if request.get("S3BucketOwner", self._account) != self._account:
            raise S3Error(403, "AccessDenied", "Access Denied")
        folder.start()
        if export.is_incremental:
            yield from self._write_changes(export, folder, settings)
        else:
            yield from self._write_rows(export, folder, settings)
        export.manifest = folder.manifest
        folder.finish(
            export.files, summary_of(export, folder.manifest_files_key, self._clock.now_us())
        )

    def _write_rows(
        self, export: Export, folder: ExportFolder, settings: ExportSettings
    ) -> Generator[None, None, None]:
        files = _file_count(len(export.table.items), settings)
        fuzz_us = round(settings.fuzzy_cut_seconds * SECOND_US)
        cuts = [
            export.span.to_us + self._jobs.random.randint(-fuzz_us, fuzz_us) for _ in range(files)
        ]
        rows = yield from rows_at(
            export.table,
            None if fuzz_us else export.end_change,
            lambda position: cuts[partition_of(position, files)],
            earliest_cut_us=min(cuts),
        )
        export.billed_size_bytes = sum(size for _, size in rows.values())
        output = export.output
        yield from self._write_files(
            export, folder, files, rows, lambda row: full_line(row[0], output)
        )

    def _write_changes(
        self, export: Export, folder: ExportFolder, settings: ExportSettings
    ) -> Generator[None, None, None]:
        span = export.span
        changes = yield from net_changes(
            export.table, span.from_us or 0, span.to_us, export.end_change
        )
        export.billed_size_bytes = sum(map(_net_size, changes.values()))
        output = export.output
        files = _file_count(len(changes), settings)
        yield from self._write_files(
            export, folder, files, changes,
            lambda change: incremental_line(change, span.view_type, output),
        )  # fmt: skip

    def _write_files(
        self,
        export: Export,
        folder: ExportFolder,
        files: int,
        entries: Mapping[bytes, Any],
        line: Callable[[Any], bytes],
    ) -> Generator[None, None, None]:
        """Spread entries over data files by the partition of their position; write them."""
        parts: list[list[Any]] = [[] for _ in range(files)]
        for count, (position, entry) in enumerate(entries.items(), 1):
            parts[partition_of(position, files)].append(entry)
            if count % SLICE_ROWS == 0:
                yield
        extension = "ion" if export.output == "ION" else "json"
        for part in parts:
            name = "".join(self._jobs.random.choices(BASE32, k=NAME_LENGTH))
            export.files.append((yield from folder.write_data(name, part, line, extension)))
            part.clear()
        export.item_count = len(entries)


def _file_count(rows: int, settings: ExportSettings) -> int:
    return max(settings.data_files, -(-rows // settings.rows_per_file_max))


def _net_size(change: NetChange) -> int:
    return item_size(change.keys) + len(change.before or b"") + len(change.after or b"")

"""A new pipe from a sample: items of an export or a stream, and the columns that would hold them.

Types are the narrowest that lose nothing of the sample, made wide enough for what DynamoDB may
bring later: whole numbers are Int64 unless one is larger, others Decimal(38, s) where every digit
fits, and String where not. An attribute that some item lacks, or has as NULL, is Nullable.
"""

from __future__ import annotations

import gzip
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import PipelineError
from harness.pipelines.reference.kinesis import KinesisSource
from harness.pipelines.reference.manifest import ExportReader
from harness.pipelines.reference.shards import Start

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.pipelines.pipeline import Environment
    from harness.pipelines.reference.aws import Aws
    from harness.pipelines.reference.retry import Retry

Item = dict[str, Any]
DIGITS = 38
PAGES_MAX = 10
CONTAINERS = ("Array", "JSON")


def sample_of_export(aws: Aws, url: str, retry: Retry, limit: int) -> list[Item]:
    """The first items of an export.

    Raises:
        PipelineError: there is no such export, or it is not what its manifest says.
    """
    reader = ExportReader(aws.client("s3"), url, retry)
    if not reader.is_there():
        raise PipelineError(f"the export {url} has no manifest yet", hint="wait until it is done")
    items: list[Item] = []
    for file in reader.read().files:
        for line in gzip.decompress(reader.content(file)).splitlines():
            if len(items) >= limit:
                return items
            found = orjson.loads(line)
            item = found.get("Item") or found.get("NewImage")
            if item:
                items.append(item)
    return items


def sample_of_stream(
    env: Environment, aws: Aws, name: str, retry: Retry, limit: int
) -> tuple[list[Item], list[str]]:
    """The oldest images that a stream still has, and the names of the key's attributes."""
    source = KinesisSource(
        aws.client("kinesis"), name, retry, env.clock, read_limit=limit, report_loss=lambda _: None
    )
    items: list[Item] = []
    keys: list[str] = []
    for data in _records(source, limit):
        try:
            body = orjson.loads(data)["dynamodb"]
            keys = keys or list(body["Keys"])
            image = body.get("NewImage") or body.get("OldImage")
        except (ValueError, KeyError, TypeError):
            continue
        if image:
            items.append(image)
    return items[:limit], keys


def _records(source: KinesisSource, limit: int) -> Iterator[bytes]:
    source.keeps_keys = True
    found = 0
    for shard in source.shards():
        reader = source.reader(shard.shard_id, Start("TRIM_HORIZON"))
        for _ in range(PAGES_MAX):
            page = reader.read()
            for record in page.records:
                yield record[2]
            found += len(page.records)
            if found >= limit or page.ended or not page.behind_ms:
                break


def infer_columns(items: Sequence[Item], keys: Sequence[str]) -> list[dict[str, str]]:
    """A column for each attribute, keys first: `name`, `type`, `attribute`."""
    names = dict.fromkeys([*keys, *(name for item in items for name in item)])
    columns = []
    for name in names:
        values = [item[name] for item in items if name in item]
        is_partial = len(values) < len(items) and name not in keys
        columns.append(
            {
                "name": name,
                "type": infer_type(values, nullable=is_partial),
                "attribute": _path(name),
            }
        )
    return columns


def infer_type(values: Sequence[Mapping[str, Any]], *, nullable: bool = False) -> str:
    """The type of a column for these attribute values."""
    held = [value for value in values if "NULL" not in value]
    nullable = nullable or len(held) < len(values)
    tags = {next(iter(value)) for value in held}
    kind = _kind(tags, held)
    return f"Nullable({kind})" if nullable and not kind.startswith(CONTAINERS) else kind


def _kind(tags: set[str], held: Sequence[Mapping[str, Any]]) -> str:
    if tags == {"N"}:
        return number_type(value["N"] for value in held)
    if tags == {"BOOL"}:
        return "Bool"
    if tags == {"M"}:
        return "JSON"
    if tags == {"NS"}:
        return f"Array({number_type(digits for value in held for digits in value['NS'])})"
    if tags in ({"SS"}, {"BS"}):
        return "Array(String)"
    if tags == {"L"}:
        members = [member for value in held for member in value["L"]]
        inner = infer_type(members)
        return f"Array({inner})" if members and not inner.startswith(CONTAINERS) else "String"
    return "String"


def number_type(texts: Iterable[str]) -> str:
    """The type of a column for these numbers."""
    scale = whole_digits = 0
    least = most = Decimal(0)
    for text in texts:
        number = Decimal(text)
        least, most = min(least, number), max(most, number)
        digits = format(number, "f").lstrip("-").partition(".")
        whole_digits = max(whole_digits, len(digits[0].lstrip("0")))
        scale = max(scale, len(digits[2].rstrip("0")))
    if not scale and least >= -(1 << 63) and most < 1 << 63:
        return "Int64"
    if not scale and least >= 0 and most < 1 << 64:
        return "UInt64"
    if whole_digits + scale > DIGITS:
        return "String"
    return f"Decimal({DIGITS}, {scale})"


def _path(name: str) -> str:
    """The attribute's name as a path of one step."""
    is_plain = name.isidentifier() and not name.startswith("_")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return name if is_plain else f'"{escaped}"'

"""Your own data: a DynamoDB export as the items, captured change records as the changes.

Formats, as AWS writes them:
- an export folder in DYNAMODB_JSON: `manifest-summary.json`, `manifest-files.json` and
  `data/*.json.gz`, one `{"Item": {...}}` a line; with the manifest, only the files it names;
- change records, one JSON value a line: the record that DynamoDB puts on Kinesis; a Kinesis record
  (`{"Data": "<base64>"}`, as GetRecords and the CLI give it), a GetRecords answer, a Lambda event
  of Kinesis or DynamoDB Streams; a DynamoDB Streams record.

DynamoDB encodes binary twice in Kinesis records and once in Streams records and exports; images
come out in wire form with base64 once. Source: DynamoDB developer guide, "DynamoDB table export
output format" and "Using Kinesis Data Streams to capture changes to DynamoDB".
"""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import ScenarioError
from harness.workload.values import AttributeValueError, number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.workload.values import Attribute, Item

EVENTS = ("INSERT", "MODIFY", "REMOVE")
WRITABLE = frozenset({"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"})


@dataclass(frozen=True, slots=True)
class Captured:
    """One captured change.

    Attributes:
        keys: the primary key.
        image: the item after it; None for a delete.
    """

    keys: Item
    image: Item | None


def inside(folder: Path, name: str) -> Path | None:
    """The path that `name` means, or None when it leads out of `folder` (links followed)."""
    home = folder.resolve()
    target = (home / name).resolve()
    return target if target.is_relative_to(home) else None


def imported(folder: Path, name: str) -> Path:
    """The path of data that a scenario names.

    Raises:
        ScenarioError: it leads out of the scenario's folder.
    """
    target = inside(folder, name)
    if target is None:
        raise ScenarioError(
            f"expected data below the scenario's folder, found {name!r}, which leads out of it",
            hint="copy the data beside the scenario file",
        )
    return target


def read_export(folder: Path) -> Iterator[Item]:
    """The items of an export folder, file by file.

    Args:
        folder: the export's own (`AWSDynamoDB/<export id>`), one above it, or any folder of
            `*.json` and `*.json.gz` files.

    Raises:
        ScenarioError: no data there, a file of the manifest is missing, or a line is no item.
    """
    for path in _data_files(folder):
        for place, line in _lines(path):
            entry = _parsed(place, line)
            item = entry.get("Item") if isinstance(entry, dict) else None
            if not isinstance(item, dict):
                raise ScenarioError(
                    f'{place}: expected {{"Item": …}}, found {_short(line)}',
                    hint="from_export reads full exports in DYNAMODB_JSON",
                )
            yield _image(item, place, twice=False)


def read_records(path: Path) -> Iterator[Captured]:
    """The changes of a file of captured records, in its order.

    Raises:
        ScenarioError: a line is none of the known shapes.
    """
    for place, line in _lines(path):
        yield from _changes(_parsed(place, line), place)


def _data_files(folder: Path) -> list[Path]:
    manifests = [folder / "manifest-files.json", *sorted(folder.glob("**/manifest-files.json"))]
    manifest = next((path for path in manifests if path.is_file()), None)
    if manifest is not None:
        _refuse_other_exports(manifest.with_name("manifest-summary.json"))
        return [_named(manifest, place, line) for place, line in _lines(manifest)]
    home = folder / "data" if (folder / "data").is_dir() else folder
    found = sorted(
        path
        for path in home.glob("*.json*")
        if path.name.endswith((".json", ".json.gz")) and not path.name.startswith("manifest")
    )
    if not found:
        raise ScenarioError(
            f"{folder}: expected data/*.json.gz of an export, found none",
            hint="download the export's whole folder: aws s3 cp --recursive",
        )
    return found


def _refuse_other_exports(summary: Path) -> None:
    if not summary.is_file():
        return
    said = _parsed(str(summary), summary.read_bytes())
    kind, output = said.get("exportType", "FULL_EXPORT"), said.get("outputFormat", "DYNAMODB_JSON")
    if kind != "FULL_EXPORT" or output != "DYNAMODB_JSON":
        raise ScenarioError(
            f"{summary}: expected a FULL_EXPORT in DYNAMODB_JSON, found {kind} in {output}",
            hint="export the table again with --export-format DYNAMODB_JSON",
        )


def _named(manifest: Path, place: str, line: bytes) -> Path:
    """The local file of a manifest line; its S3 key may or may not start with the prefix."""
    entry = _parsed(place, line)
    key = entry.get("dataFileS3Key") if isinstance(entry, dict) else None
    if not isinstance(key, str):
        raise ScenarioError(f"{place}: expected dataFileS3Key, found {_short(line)}")
    name = PurePosixPath(key).name
    path = manifest.parent / "data" / name
    if not path.is_file():
        raise ScenarioError(
            f"{place}: expected the data file data/{name}, found nothing there",
            hint="download the export's whole folder: aws s3 cp --recursive",
        )
    return path


def _lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """Place and text of each line that is not empty; gzip is told by its first bytes."""
    try:
        with path.open("rb") as plain:
            is_gzip = plain.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_gzip else path.open("rb") as file:
            for position, line in enumerate(file, 1):
                if line.strip():
                    yield f"{path.name}: line {position}", line
    except (OSError, EOFError, zlib.error) as error:
        raise ScenarioError(f"{path}: expected a readable file, found: {error}") from None


def _parsed(place: str, line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ScenarioError(f"{place}: expected JSON, found {_short(line)} ({error})") from None


def _changes(value: Any, place: str) -> Iterator[Captured]:
    """The changes in one JSON value, whichever shape it has."""
    if not isinstance(value, dict):
        raise ScenarioError(f"{place}: expected a change record, found {_short(value)}")
    if isinstance(value.get("Records"), list):
        for record in value["Records"]:
            yield from _changes(record, place)
    elif isinstance(value.get("kinesis"), dict):
        yield from _changes(_payload(value["kinesis"].get("data"), place), place)
    elif "Data" in value:
        yield from _changes(_payload(value["Data"], place), place)
    else:
        yield _change(value, place)


def _payload(data: Any, place: str) -> Any:
    try:
        return _parsed(place, base64.b64decode(data, validate=True))
    except (binascii.Error, TypeError, ValueError):
        raise ScenarioError(
            f"{place}: expected a Kinesis record's data in base64, found {_short(data)}"
        ) from None


def _change(record: dict[str, Any], place: str) -> Captured:
    """A change record. Only those on Kinesis have no sequence number: there binary is twice encoded.

    Streams records carry `SequenceNumber` and `StreamViewType` in `dynamodb`; Kinesis ones do not.
    """
    body = record.get("dynamodb")
    name = record.get("eventName")
    if not isinstance(body, dict) or name not in EVENTS or not isinstance(body.get("Keys"), dict):
        raise ScenarioError(
            f"{place}: expected eventName and dynamodb.Keys of a change record, "
            f"found {', '.join(record) or 'an empty object'}",
            hint="give Kinesis records, Streams records, or Lambda events of either, one a line",
        )
    twice = "SequenceNumber" not in body and "StreamViewType" not in body
    keys = _image(body["Keys"], place, twice=twice)
    if name == "REMOVE":
        return Captured(keys, None)
    image = body.get("NewImage")
    if not isinstance(image, dict):
        raise ScenarioError(
            f"{place}: expected dynamodb.NewImage in a record of {name}, found none",
            hint="capture with the view type NEW_IMAGE or NEW_AND_OLD_IMAGES",
        )
    return Captured(keys, _image(image, place, twice=twice))


def _image(item: dict[str, Any], place: str, *, twice: bool) -> Item:
    return {name: _attribute(value, place, name, twice=twice) for name, value in item.items()}


def _attribute(value: Any, place: str, name: str, *, twice: bool) -> Attribute:
    """An attribute value in wire form: numbers normalised, binary encoded once."""
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= WRITABLE:
        raise ScenarioError(
            f'{place}: expected an attribute value such as {{"S": "x"}} at {name!r}, '
            f"found {_short(value)}"
        )
    kind, inner = next(iter(value.items()))
    try:
        match kind:
            case "N":
                return {"N": number(str(inner))}
            case "NS":
                return {"NS": [number(str(member)) for member in inner]}
            case "B":
                return {"B": _once(inner, twice=twice)}
            case "BS":
                return {"BS": [_once(member, twice=twice) for member in inner]}
            case "M":
                return {"M": _image(inner, place, twice=twice)}
            case "L":
                return {"L": [_attribute(member, place, name, twice=twice) for member in inner]}
            case _:
                return {kind: inner}
    except (AttributeValueError, binascii.Error, TypeError, AttributeError) as error:
        raise ScenarioError(
            f"{place}: expected a value of type {kind} at {name!r}, found {_short(inner)}: {error}"
        ) from None


def _once(text: str, *, twice: bool) -> str:
    """Base64 once."""
    outer = base64.b64decode(text, validate=True)
    if not twice:
        return base64.b64encode(outer).decode()
    return base64.b64encode(base64.b64decode(outer, validate=True)).decode()


def _short(value: Any) -> str:
    text = value.decode(errors="replace").strip() if isinstance(value, bytes) else repr(value)
    return text if len(text) <= 60 else text[:59] + "…"

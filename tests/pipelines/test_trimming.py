"""What is cut off a change record is its OldImage, and nothing when that cannot be told."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from harness.pipelines.reference.trimming import trimmed
from tests.pipelines.conftest import Servers, Table

if TYPE_CHECKING:
    from collections.abc import Mapping


def record(
    event: str, new: Mapping[str, Any] | None, old: Mapping[str, Any] | None, **rest: Any
) -> bytes:
    images = {"NewImage": new, "OldImage": old}
    change = {
        "ApproximateCreationDateTime": 1_750_000_000_000_000,
        "Keys": {"id": (new or old or {})["id"]},
        **{name: image for name, image in images.items() if image is not None},
        "SizeBytes": 10,
        **rest,
    }
    return orjson.dumps(
        {"eventName": event, "dynamodb": change, "eventSource": "aws:dynamodb"},
    )


def item(length: int = 1, **attributes: Any) -> dict[str, Any]:
    return {"id": {"S": "k" * length}, **attributes}


def after(data: bytes) -> Any:
    return orjson.loads(b64decode(trimmed(b64encode(data).decode())))


@pytest.mark.parametrize("length", range(1, 7))
def test_the_image_before_goes_wherever_it_lies_in_groups_of_three_bytes(length: int) -> None:
    new, old = item(length, x={"N": "2"}), item(length, x={"N": "1"}, long={"S": "y" * 50})
    kept = after(record("MODIFY", new, old))
    assert kept["eventName"] == "MODIFY"
    assert set(kept["dynamodb"]) == {"ApproximateCreationDateTime", "Keys", "NewImage"}
    assert kept["dynamodb"]["NewImage"] == new
    gone = after(record("REMOVE", None, old))
    assert gone["dynamodb"]["Keys"] == {"id": old["id"]}
    assert "OldImage" not in gone["dynamodb"]


def test_what_has_no_image_before_stays_as_it_is() -> None:
    data = b64encode(record("INSERT", item(x={"S": ',"OldImage":{"'}), None)).decode()
    assert trimmed(data) == data


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_record_that_was_cut_short_is_not_made_whole(cut: int) -> None:
    data = b64encode(record("MODIFY", item(x={"N": "2"}), item(x={"N": "1"}))[:-cut]).decode()
    assert trimmed(data) == data


@pytest.mark.parametrize("length", range(1, 4))
def test_a_cut_inside_an_item_is_no_json(length: int) -> None:
    inner = {"M": {"a": {"M": {"b": {"S": "c"}}}, "OldImage": {"S": "mine"}}}
    new = item(length, m=inner, OldImage={"S": "mine"}, z={"N": "1"})
    text = b64decode(trimmed(b64encode(record("MODIFY", new, item(length))).decode()))
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(text)


def test_an_attribute_called_old_image_is_stored_as_any_other(servers: Servers) -> None:
    columns = {"id": "String", "x": "Int32", "old": "String"}
    table = Table(servers, columns, {"id": "S"}, paths={"old": "OldImage"})
    table.enable_stream()
    for number in range(3):
        for key in range(20):
            value = {"x": {"N": str(number)}, "OldImage": {"S": f"mine {number}"}}
            table.put({"id": {"S": f"k{key:02d}"}, "m": {"M": {"n": {"S": "o"}}}, **value})
    with table.running(settings={"bulk_page_records": 1}):
        table.wait_for_rows([(f"k{key:02d}", 2, "mine 2") for key in range(20)])
        for key in range(20):
            table.put({"id": {"S": f"k{key:02d}"}, "x": {"N": "3"}, "OldImage": {"S": "last"}})
        table.wait_for_rows([(f"k{key:02d}", 3, "last") for key in range(20)])
    assert table.errors() == []

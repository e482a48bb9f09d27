"""What an endpoint lacks: each way to fall short of AWS's change records is told."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from harness.backends.lacks import KEYS, Delivered, complaint

MICROSECOND = 1_795_256_119_123_456
CHANGES = 4 * len(KEYS)


def records(**altered: Any) -> list[Delivered]:
    """What AWS gives for the probe's writes; `altered` goes over members of `dynamodb`."""
    found = []
    for name in KEYS:
        for place, event in enumerate(("INSERT", "MODIFY", "MODIFY", "REMOVE")):
            image = {"id": {"S": name}, "b": {"B": "QVA4PQ=="}}
            told = {
                "ApproximateCreationDateTime": MICROSECOND + place,
                "Keys": {"id": {"S": name}},
                "OldImage" if event == "REMOVE" else "NewImage": image,
                **altered,
            }
            change = {"eventID": f"{name}{place}", "eventName": event, "dynamodb": told}
            found.append(Delivered(f"key of {name}", orjson.dumps(change)))
    return found


def test_what_aws_gives_is_no_lack() -> None:
    assert complaint(records(), CHANGES, "MICROSECOND") == ""
    assert complaint([*records(), *records()], CHANGES, "MICROSECOND") == ""


def test_a_missing_change() -> None:
    told = complaint(records()[1:], CHANGES, "MICROSECOND")
    assert told == "its destination delivered 11 of 12 changes"


def test_a_partition_key_for_each_change_scatters_an_item() -> None:
    scattered = [Delivered(str(n), r.data) for n, r in enumerate(records())]
    told = complaint(scattered, CHANGES, "MICROSECOND")
    assert told.startswith("its destination gives the changes of one item different partition keys")


@pytest.mark.parametrize(
    ("stamp", "precision", "unit"),
    [
        (1_795_256_119, "MICROSECOND", "seconds"),
        (1_795_256_119_123, "MICROSECOND", "milliseconds"),
        (1_795_256_119, "MILLISECOND", "seconds"),
    ],
)
def test_a_stamp_that_is_too_coarse(stamp: int, precision: str, unit: str) -> None:
    told = complaint(records(ApproximateCreationDateTime=stamp), CHANGES, precision)
    assert told == f"its destination stamps changes in {unit}, though {precision} was asked for"


def test_binary_that_is_encoded_once() -> None:
    image = {"id": {"S": "a"}, "b": {"B": "AP8="}}
    told = complaint(records(NewImage=image), CHANGES, "MICROSECOND")
    assert told == "its destination encodes binary values in base64 once, AWS does so twice"


def test_an_image_that_is_left_out() -> None:
    told = complaint(records(NewImage=None), CHANGES, "MICROSECOND")
    assert told == "its destination leaves out the image of INSERT"


def test_records_that_are_no_json() -> None:
    told = complaint([Delivered("k", b"\x00")], CHANGES, "MICROSECOND")
    assert told == "its destination writes records that are no JSON"

"""Filter patterns: each rule of AWS's table, on what it lets through and what it holds back."""

from __future__ import annotations

import base64
import json

import pytest

from harness.errors import UsageError
from harness.pipelines.event_source.filters import Filters
from harness.pipelines.event_source.records import filter_view
from tests.event_source.conftest import record

VIEW = {
    "eventName": "INSERT",
    "dynamodb": {"Keys": {"id": {"S": "u-1"}}, "NewImage": {"n": {"N": "5"}}},
    "count": 5,
    "tags": ["a", "b"],
    "none": None,
    "empty": "",
}


@pytest.mark.parametrize(
    ("pattern", "passes"),
    [
        ({"eventName": ["INSERT", "MODIFY"]}, True),
        ({"eventName": ["REMOVE"]}, False),
        ({"eventName": [{"equals-ignore-case": "insert"}]}, True),
        ({"eventName": [{"anything-but": ["REMOVE"]}]}, True),
        ({"eventName": [{"anything-but": ["INSERT"]}]}, False),
        ({"eventName": [{"prefix": "INS"}], "count": [5]}, True),
        ({"eventName": [{"prefix": "INS"}], "count": [6]}, False),
        ({"eventName": [{"suffix": "ERT"}]}, True),
        ({"count": [{"numeric": [">", 0, "<=", 5]}]}, True),
        ({"count": [{"numeric": ["<", 5]}]}, False),
        ({"count": ["5"]}, False),
        ({"none": [None]}, True),
        ({"empty": [""]}, True),
        ({"tags": ["b"]}, True),
        ({"tags": ["c"]}, False),
        ({"missing": [{"exists": False}]}, True),
        ({"count": [{"exists": False}]}, False),
        ({"dynamodb": {"NewImage": {"n": {"N": ["5"]}}}}, True),
        ({"dynamodb": {"NewImage": {"n": {"N": [5]}}}}, False),
        ({"dynamodb": {"OldImage": {"n": [{"exists": False}]}}}, True),
        ({"$or": [{"eventName": ["REMOVE"]}, {"count": [5]}]}, True),
        ({"$or": [{"eventName": ["REMOVE"]}, {"count": [6]}]}, False),
        ({}, True),
    ],
)
def test_a_pattern_decides(pattern: object, passes: bool) -> None:
    assert Filters([json.dumps(pattern)]).match(VIEW) is passes


def test_one_of_several_patterns_is_enough() -> None:
    assert Filters(['{"count": [6]}', '{"count": [5]}']).match(VIEW)


def test_data_of_kinesis_is_decoded_and_anything_but_json_held_back() -> None:
    filters = Filters(['{"data": {"eventName": ["REMOVE"]}, "partitionKey": ["k"]}'])
    remove = base64.b64encode(b'{"eventName":"REMOVE"}').decode()
    insert = base64.b64encode(b'{"eventName":"INSERT"}').decode()
    assert filters.match(filter_view(record(1, data=remove)))
    assert not filters.match(filter_view(record(2, data=insert)))
    assert not filters.match(filter_view(record(3, data="bm8=")))


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "is no JSON object"),
        ('{"a": "b"}', "a leaf must be a list"),
        ('{"a": [{"wildcard": "x*"}]}', "unknown rule"),
        ('{"a": [{"numeric": [">"]}]}', "signs and bounds"),
        ('{"$or": [{}]}', "two patterns or more"),
    ],
)
def test_a_wrong_pattern_is_refused(pattern: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Filters([pattern])

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.awsjson import AwsError
from harness.dynamodb.attributes import (
    check_item_size,
    check_key_value,
    check_updated_item_size,
    item_size,
    normalise_item,
    normalise_value,
    same_item,
    same_value,
    value_size,
)
from harness.dynamodb.numbers import InvalidValueError

INVALID = "One or more parameter values were invalid: "
EMPTY = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
SEVERAL = (
    "Supplied AttributeValue has more than one datatypes set, "
    "must contain exactly one of the supported datatypes"
)

NAMES = st.text(min_size=1, max_size=2)
SCALARS = st.one_of(
    st.fixed_dictionaries({"S": st.text(max_size=5)}),
    st.fixed_dictionaries({"N": st.integers(-1000, 1000).map(str)}),
    st.fixed_dictionaries({"B": st.sampled_from(["", "YQ==", "YWI=", "YWJj"])}),
    st.fixed_dictionaries({"BOOL": st.booleans()}),
    st.just({"NULL": True}),
    st.fixed_dictionaries({"SS": st.lists(st.text(max_size=2), min_size=1, unique=True)}),
    st.fixed_dictionaries({"NS": st.lists(st.integers(-9, 9).map(str), min_size=1, unique=True)}),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"L": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"M": st.dictionaries(NAMES, inner, max_size=3)}),
    ),
    max_leaves=8,
)


def shuffled(value: dict[str, Any]) -> dict[str, Any]:
    """The same value with all maps and sets backwards and numbers spelled otherwise."""
    ((kind, content),) = value.items()
    if kind in ("SS", "NS", "BS"):
        return {kind: content[::-1]}
    if kind == "N":
        return {"N": content + ".0"}
    if kind == "L":
        return {"L": [shuffled(element) for element in content]}
    if kind == "M":
        return {"M": {name: shuffled(content[name]) for name in reversed(content)}}
    return value


def message_for(value: object) -> str:
    with pytest.raises(AwsError) as refused:
        normalise_item({"a": value})
    assert refused.value.code == "ValidationException"
    return refused.value.message


def serialization_message_for(value: object) -> str:
    with pytest.raises(AwsError) as refused:
        normalise_item({"a": value})
    assert refused.value.code == "SerializationException"
    return refused.value.message


def test_numbers_are_normalised_wherever_they_stand() -> None:
    item = {
        "n": {"N": "1e3"},
        "set": {"NS": ["1.0", "02"]},
        "list": {"L": [{"N": "+7"}, {"M": {"deep": {"N": "-0"}}}]},
    }
    assert normalise_item(item) == {
        "n": {"N": "1000"},
        "set": {"NS": ["1", "2"]},
        "list": {"L": [{"N": "7"}, {"M": {"deep": {"N": "0"}}}]},
    }
    assert item["n"] == {"N": "1e3"}


def test_empty_strings_binaries_lists_and_maps_are_values() -> None:
    item: dict[str, Any] = {
        "s": {"S": ""},
        "b": {"B": ""},
        "l": {"L": []},
        "m": {"M": {}},
        "ss": {"SS": [""]},
        "bs": {"BS": [""]},
    }
    assert normalise_item(item) == item


def test_null_members_and_words_for_booleans_are_read_as_aws_reads_them() -> None:
    assert normalise_value({"S": "x", "N": None}) == {"S": "x"}
    assert normalise_value({"BOOL": "no"}) == {"BOOL": False}
    assert normalise_value({"NULL": "true"}) == {"NULL": True}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, EMPTY),
        ({"a": ""}, EMPTY),
        ({"S": None}, EMPTY),
        ({"M": {"a": {}}}, EMPTY),
        ({"L": [{"a": {}}]}, EMPTY),
        ({"S": "a", "N": "1"}, SEVERAL),
        ({"NULL": False}, INVALID + "Null attribute value types must have the value of true"),
        ({"NULL": "no"}, INVALID + "Null attribute value types must have the value of true"),
        ({"SS": []}, INVALID + "An string set  may not be empty"),
        ({"NS": []}, INVALID + "An number set  may not be empty"),
        ({"BS": []}, INVALID + "Binary sets should not be empty"),
        (
            {"SS": ["b", "a", "b"]},
            INVALID + 'Input collection ["a", "b", "b"] contains duplicates.',
        ),
        (
            {"BS": ["/w==", "AA==", "AA=="]},
            INVALID + 'Input collection ["AA==","/w==","AA=="]of type BS contains duplicates.',
        ),
        ({"NS": ["2", "1", "2"]}, INVALID + "Input collection contains duplicates."),
        ({"NS": ["1", "1.0"]}, INVALID + "Input collection contains duplicates."),
        ({"S": "", "N": ""}, "The parameter cannot be converted to a numeric value: "),
        ({"M": {"": {"S": "x"}}}, "Empty attribute name"),
        ({"S": "a", "N": "b"}, "The parameter cannot be converted to a numeric value: b"),
        ({"NS": ["1", "b"]}, "The parameter cannot be converted to a numeric value: b"),
        ({"M": {"x": {"L": [{"SS": []}]}}}, INVALID + "An string set  may not be empty"),
    ],
)
def test_invalid_values_are_refused_in_the_words_of_aws(value: object, message: str) -> None:
    assert message_for(value) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"S": 23}, "NUMBER_VALUE cannot be converted to String"),
        ({"S": 34.56}, "DECIMAL_VALUE cannot be converted to String"),
        ({"S": True}, "TRUE_VALUE cannot be converted to String"),
        ({"S": []}, "Unrecognized collection type class java.lang.String"),
        ({"S": {}}, "Start of structure or map found where not expected"),
        ({"N": 123}, "NUMBER_VALUE cannot be converted to String"),
        ({"BOOL": 1}, "NUMBER_VALUE cannot be converted to Boolean"),
        ({"BOOL": "23"}, "Unexpected token received from parser"),
        ({"B": 5}, "only base-64-encoded strings are convertible to bytes"),
        ({"B": []}, "Unrecognized collection type class java.nio.ByteBuffer"),
        ({"B": "abc"}, "Base64 encoded length is expected a multiple of 4 bytes but found: 3"),
        ({"B": "ab=="}, "Invalid last non-pad Base64 character dectected"),
        ({"B": "a!=="}, "Invalid last non-pad Base64 character dectected"),
        ({"SS": "a"}, "Unexpected field type"),
        ({"SS": {}}, "Start of structure or map found where not expected"),
        ({"SS": [1]}, "NUMBER_VALUE cannot be converted to String"),
        ({"M": "a"}, "Unexpected field type"),
        (
            {"M": []},
            "Unrecognized collection type java.util.Map<java.lang.String, "
            "com.amazonaws.dynamodb.v20120810.AttributeValue>",
        ),
        ("a", "Unexpected value type in payload"),
        (
            [],
            "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.AttributeValue",
        ),
        ({"L": ["a"]}, "Unexpected value type in payload"),
    ],
)
def test_wrong_json_types_are_serialization_errors(value: object, message: str) -> None:
    assert serialization_message_for(value) == message


def test_a_wrong_json_type_anywhere_comes_before_an_invalid_value() -> None:
    with pytest.raises(AwsError) as refused:
        normalise_item({"first": {"SS": []}, "last": {"L": [{"M": {"x": {"S": 1}}}]}})
    assert refused.value.code == "SerializationException"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"SS": ["b", "a", "b"]}, INVALID + "Input collection [b, a, b] contains duplicates."),
        (
            {"BS": ["/w==", "AA==", "AA=="]},
            INVALID + "Input collection [/w==, AA==, AA==]of type BS contains duplicates.",
        ),
        ({"NS": ["2", "1", "2"]}, "Input collection contains duplicates"),
        ({"SS": []}, INVALID + "An string set  may not be empty"),
    ],
)
def test_invalid_values_have_older_words_for_batches_scans_and_transactions(
    value: object, message: str
) -> None:
    with pytest.raises(InvalidValueError) as refused:
        normalise_value(value)
    assert refused.value.in_older_words().message == message


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "leaf"}
    for level in range(levels):
        value = {"L": [value]} if level % 2 else {"M": {"n": value}}
    return value


def test_documents_nest_32_levels_and_no_more() -> None:
    assert normalise_value(nested(31)) == nested(31)
    for levels in (32, 33, 40):
        assert message_for(nested(levels)) == (
            "Nesting Levels have exceeded supported limits: "
            "Attributes in the item have nested levels beyond supported limit"
        )


def test_an_empty_attribute_name_comes_before_any_value() -> None:
    with pytest.raises(InvalidValueError) as refused:
        normalise_item({"d": nested(100), "": {"S": "x"}})
    assert refused.value.message == "Empty attribute name"


@given(VALUES)
def test_a_value_equals_itself_in_another_order_and_spelling(value: dict[str, Any]) -> None:
    assert same_value(normalise_value(value), normalise_value(shuffled(value)))


@given(VALUES)
def test_normalising_a_value_twice_changes_nothing_more(value: dict[str, Any]) -> None:
    once = normalise_value(value)
    assert normalise_value(once) == once


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"S": "1"}, {"N": "1"}),
        ({"SS": ["a"]}, {"SS": ["a", "b"]}),
        ({"SS": ["1"]}, {"NS": ["1"]}),
        ({"L": [{"S": "a"}, {"S": "b"}]}, {"L": [{"S": "b"}, {"S": "a"}]}),
        ({"M": {"a": {"S": "x"}}}, {"M": {"b": {"S": "x"}}}),
        ({"M": {"a": {"SS": ["x", "y"]}}}, {"M": {"a": {"SS": ["x", "z"]}}}),
        ({"BOOL": True}, {"BOOL": False}),
    ],
)
def test_different_values_are_not_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert not same_value(one, other)
    assert not same_item({"a": one}, {"a": other})


def test_items_with_other_attributes_are_not_the_same() -> None:
    assert same_item({"a": {"S": "x"}, "b": {"N": "1"}}, {"b": {"N": "1"}, "a": {"S": "x"}})
    assert not same_item({"a": {"S": "x"}}, {"b": {"S": "x"}})
    assert not same_item({"a": {"S": "x"}}, {"a": {"S": "x"}, "b": {"S": "x"}})


@pytest.mark.parametrize(
    ("number", "size"),
    [
        ("0", 1),
        ("1", 2),
        ("12", 2),
        ("123", 3),
        ("1234", 3),
        ("12345678901234567890123456789012345678", 20),
        ("0042", 2),
        ("100", 2),
        ("1010", 3),
        ("0.0000001", 2),
        ("1E125", 2),
        ("1E-100", 2),
        ("1.5", 3),
        ("15", 2),
        ("1.200", 3),
        ("1.234", 4),
        ("3.14159", 5),
        ("123456", 4),
        ("100.5", 4),
        ("0.15", 2),
        ("-42", 3),
        ("-0", 1),
        ("101", 3),
        ("11111" + "0" * 121, 4),
        ("111111" + "0" * 120, 4),
        ("1111111" + "0" * 119, 5),
        ("1" * 38 + "0" * 88, 20),
        ("123.4", 4),
    ],
)
def test_number_costs_a_byte_per_pair_of_digits(number: str, size: int) -> None:
    assert value_size(normalise_value({"N": number})) == size


def test_item_size_is_that_of_the_streams_documentation() -> None:
    key = {"Id": {"N": "101"}}
    image: dict[str, Any] = {"Id": {"N": "101"}, "Message": {"S": "New item!"}}
    assert item_size(key) + item_size(image) == 26


def test_every_type_has_its_size() -> None:
    sizes: dict[int, dict[str, Any]] = {
        5: {"S": "zwölf"[:4]},
        3: {"B": "YWJj"},
        1: {"BOOL": False},
        6: {"SS": ["abc", "", "def"]},
        4: {"NS": ["1", "2"]},
    }
    assert {size: value_size(value) for size, value in sizes.items()} == {
        size: size for size in sizes
    }
    assert value_size({"NULL": True}) == 1
    assert value_size({"L": []}) == 3
    assert value_size({"L": [{"S": "ab"}, {"NULL": True}]}) == 3 + (1 + 2) + (1 + 1)
    assert value_size({"M": {"key": {"S": "ab"}}}) == 3 + 1 + 3 + 2


def test_item_of_400_kb_is_the_largest() -> None:
    just_fits = {"k": {"S": "x"}, "rest": {"S": "y" * (400 * 1024 - 6)}}
    too_large = {"k": {"S": "xx"}, "rest": just_fits["rest"]}
    assert check_item_size(just_fits) == 409_600
    assert check_updated_item_size(just_fits) == 409_600
    with pytest.raises(AwsError, match=r"Item size has exceeded the maximum allowed size$"):
        check_item_size(too_large)
    with pytest.raises(
        AwsError, match=r"Item size to update has exceeded the maximum allowed size$"
    ):
        check_updated_item_size(too_large)


@pytest.mark.parametrize(
    ("value", "is_hash", "message"),
    [
        (
            {"S": ""},
            True,
            "One or more parameter values are not valid. The AttributeValue for a key attribute "
            "cannot contain an empty string value. Key: pk",
        ),
        (
            {"B": ""},
            False,
            "One or more parameter values are not valid. The AttributeValue for a key attribute "
            "cannot contain an empty binary value. Key: pk",
        ),
        (
            {"S": "a" * 2049},
            True,
            INVALID + "Size of hashkey has exceeded the maximum size limit of2048 bytes",
        ),
        (
            {"S": "é" * 513},
            False,
            INVALID + "Aggregated size of all range keys has exceeded the size limit of 1024 bytes",
        ),
    ],
)
def test_key_values_that_are_empty_or_too_long_are_refused(
    value: dict[str, str], is_hash: bool, message: str
) -> None:
    with pytest.raises(AwsError) as refused:
        check_key_value("pk", value, is_hash=is_hash)
    assert refused.value.message == message


def test_key_values_of_the_largest_size_are_taken() -> None:
    check_key_value("pk", {"S": "a" * 2048}, is_hash=True)
    check_key_value("sk", {"S": "a" * 1024}, is_hash=False)
    check_key_value("sk", {"B": "YWFh" * 341}, is_hash=False)
    with pytest.raises(AwsError):
        check_key_value("sk", {"B": "YWFh" * 342}, is_hash=False)

from __future__ import annotations

from decimal import Context, Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.awsjson import AwsError
from harness.dynamodb.numbers import InvalidValueError, add, normalise, sort_key, subtract

OVERFLOW = (
    "Number overflow. Attempting to store a number with magnitude larger than supported range"
)
UNDERFLOW = (
    "Number underflow. Attempting to store a number with magnitude smaller than supported range"
)
TOO_PRECISE = "Attempting to store more than 38 significant digits in a Number"
NINES = "9" * 38
EXACT = Context(prec=400)


@st.composite
def number_texts(draw: st.DrawFn) -> str:
    """Any spelling of a number DynamoDB takes."""
    digits = draw(st.integers(0, 10**38 - 1))
    exponent = draw(st.integers(-92, 87))
    text = f"{digits}e{exponent}"
    if draw(st.booleans()):
        text = "0" * draw(st.integers(0, 3)) + format(Decimal(text), "f")
    return draw(st.sampled_from(["", "+", "-"])) + text


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("5", "5"),
        ("1000", "1000"),
        ("1e3", "1000"),
        ("1E+3", "1000"),
        ("+1000", "1000"),
        ("001000.0", "1000"),
        ("1.50", "1.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("-0", "0"),
        ("0e5", "0"),
        ("0.000", "0"),
        ("0.0e126", "0"),
        ("-56.789", "-56.789"),
        ("-0015.789e6", "-15789000"),
        ("1e-20", "0.00000000000000000001"),
        ("1e125", "1" + "0" * 125),
        ("0001.000e-130", "0." + "0" * 129 + "1"),
        ("0000012345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("0009.9999999999999999999999999999999999999e125", NINES + "0" * 88),
        ("3141592653589793238462643383279502884100", "3141592653589793238462643383279502884100"),
    ],
)
def test_number_is_stored_plainly_and_without_superfluous_zeros(text: str, stored: str) -> None:
    assert normalise(text) == stored


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The parameter cannot be converted to a numeric value: "),
        (
            "1e9223372036854775808",
            "The parameter cannot be converted to a numeric value: 1e9223372036854775808",
        ),
        ("1e99999999999", OVERFLOW),
        ("1e-99999999999", UNDERFLOW),
        ("1e2147483648", OVERFLOW),
        ("b", "The parameter cannot be converted to a numeric value: b"),
        ("NaN", "The parameter cannot be converted to a numeric value: NaN"),
        ("-Infinity", "The parameter cannot be converted to a numeric value: -Infinity"),
        (" 1", "The parameter cannot be converted to a numeric value:  1"),
        ("1 ", "The parameter cannot be converted to a numeric value: 1 "),
        ("1_000", "The parameter cannot be converted to a numeric value: 1_000"),
        (".", "The parameter cannot be converted to a numeric value: ."),
        ("1e", "The parameter cannot be converted to a numeric value: 1e"),
        ("٣", "The parameter cannot be converted to a numeric value: ٣"),
        ("1e126", OVERFLOW),
        ("-11e125", OVERFLOW),
        ("0e126", OVERFLOW),
        ("1.0e100000000", OVERFLOW),
        ("1e-131", UNDERFLOW),
        ("-0.9e-130", UNDERFLOW),
        ("0e-131", UNDERFLOW),
        ("123456789012345678901234567890123456789", TOO_PRECISE),
        ("-1.23456789012345678901234567890123456789", TOO_PRECISE),
    ],
)
def test_what_is_no_storable_number_is_refused_in_the_words_of_aws(text: str, message: str) -> None:
    with pytest.raises(AwsError) as refused:
        normalise(text)
    assert refused.value.code == "ValidationException"
    assert refused.value.message == message


def test_an_empty_number_has_older_words() -> None:
    with pytest.raises(InvalidValueError) as refused:
        normalise("")
    assert refused.value.in_older_words().message == (
        "The parameter cannot be converted to a numeric value"
    )
    with pytest.raises(InvalidValueError) as refused:
        normalise("b")
    assert refused.value.in_older_words().message == refused.value.message


@given(number_texts())
def test_normalising_keeps_the_value(text: str) -> None:
    assert Decimal(normalise(text)) == Decimal(text)


@given(number_texts())
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.lists(number_texts(), min_size=2, max_size=6))
def test_sort_keys_order_as_the_values_do(texts: list[str]) -> None:
    in_order = sorted(map(normalise, texts), key=sort_key)
    assert all(Decimal(low) <= Decimal(high) for low, high in pairwise(in_order))


@pytest.mark.parametrize(
    ("left", "right", "total"),
    [
        ("1", "10000000000000000000000", "10000000000000000000001"),
        ("0.1", "0.2", "0.3"),
        ("1.5", "-1.5", "0"),
        ("-3", "3", "0"),
        ("9" + "0" * 125, "9" + "0" * 124, "99" + "0" * 124),
        ("0.5", "99.5", "100"),
    ],
)
def test_sum_is_exact(left: str, right: str, total: str) -> None:
    assert add(left, right) == total


def test_difference_is_exact() -> None:
    assert subtract("10000000000000000000000", "1") == "9999999999999999999999"
    assert subtract("0", "-0.25") == "0.25"
    assert subtract("5", "0") == "5"


@pytest.mark.parametrize(
    ("left", "right"),
    [("1" + "0" * 50, "1"), ("9" + "0" * 125, "9" + "0" * 125), (NINES, "0.1")],
)
def test_sum_that_cannot_be_held_is_an_overflow(left: str, right: str) -> None:
    with pytest.raises(AwsError) as refused:
        add(left, right)
    assert refused.value.message == OVERFLOW


@given(number_texts(), number_texts())
def test_sum_and_difference_equal_those_of_decimals_or_overflow(left: str, right: str) -> None:
    one, other = normalise(left), normalise(right)
    for calculate, exact in (
        (add, EXACT.add(Decimal(one), Decimal(other))),
        (subtract, EXACT.subtract(Decimal(one), Decimal(other))),
    ):
        digits = exact.normalize(EXACT).as_tuple().digits
        if len(digits) > 38 or exact.adjusted() > 125:
            with pytest.raises(AwsError):
                calculate(one, other)
        else:
            assert Decimal(calculate(one, other)) == exact

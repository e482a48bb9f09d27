from __future__ import annotations

import datetime
import os
import subprocess
import sys
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import VirtualClock
from harness.scenario.model import Provider
from harness.workload.items import POOL_SIZE, Template, TemplateError
from harness.workload.values import AttributeValueError, attribute, number

NUMBERS = [
    (0, "0"),
    ("-0.00", "0"),
    (7, "7"),
    (-7, "-7"),
    ("007.50", "7.5"),
    ("1e3", "1000"),
    ("1.0E+2", "100"),
    (0.1, "0.1"),
    (Decimal("123.4500"), "123.45"),
    ("0.0012", "0.0012"),
    ("-12E-4", "-0.0012"),
    ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
    ("1E-130", "0." + "0" * 129 + "1"),
    ("9.9999999999999999999999999999999999999E+125", "9" * 38 + "0" * 88),
]


@pytest.mark.parametrize(("value", "digits"), NUMBERS)
def test_a_number_has_the_digits_that_dynamodb_gives_back(value: Any, digits: str) -> None:
    assert number(value) == digits


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1" * 39, "has 39 digits, DynamoDB stores 38"),
        ("1E126", "is out of DynamoDB's range, 1E-130 to 9.9E+125"),
        ("1E-131", "is out of DynamoDB's range"),
        ("NaN", "is no number that DynamoDB stores"),
        (float("inf"), "is no number that DynamoDB stores"),
        ("ten", "'ten' is no number"),
    ],
)
def test_what_dynamodb_cannot_store_is_no_number(value: Any, message: str) -> None:
    with pytest.raises(AttributeValueError) as caught:
        number(value)
    assert message in str(caught.value)


@given(st.integers(-(10**38) + 1, 10**38 - 1), st.integers(-90, 80))
def test_digits_say_the_same_number_without_an_exponent(digits: int, exponent: int) -> None:
    value = Decimal((int(digits < 0), Decimal(abs(digits)).as_tuple().digits, exponent))
    text = number(value)
    assert Decimal(text) == value
    assert set(text) <= set("-.0123456789")
    assert number(text) == text


INFERRED = [
    ("x", {"S": "x"}),
    (True, {"BOOL": True}),
    (1.5, {"N": "1.5"}),
    (None, {"NULL": True}),
    (b"\x00\x01", {"B": "AAE="}),
    ([1, "a", [False]], {"L": [{"N": "1"}, {"S": "a"}, {"L": [{"BOOL": False}]}]}),
    ({"a": {"b": 1}}, {"M": {"a": {"M": {"b": {"N": "1"}}}}}),
    ({"b", "a"}, {"SS": ["a", "b"]}),
    ({2, 1}, {"NS": ["1", "2"]}),
    (datetime.datetime(2024, 2, 29, 1, 2, 3), {"S": "2024-02-29T01:02:03"}),
    (datetime.date(2024, 2, 29), {"S": "2024-02-29"}),
    (uuid.UUID(int=1), {"S": "00000000-0000-0000-0000-000000000001"}),
]


@pytest.mark.parametrize(("value", "wire"), INFERRED)
def test_a_value_without_a_type_gets_the_one_it_looks_like(
    value: Any, wire: dict[str, Any]
) -> None:
    assert attribute(value) == wire


GIVEN = [
    (5, "S", {"S": "5"}),
    (True, "S", {"S": "true"}),
    ("12.50", "N", {"N": "12.5"}),
    (datetime.datetime(1970, 1, 2), "N", {"N": "86400"}),
    ("AAE=", "B", {"B": "AAE="}),
    (["b", "a", "b"], "SS", {"SS": ["b", "a"]}),
    (["1.0", 1], "NS", {"NS": ["1"]}),
    (["AAE="], "BS", {"BS": ["AAE="]}),
    ("whatever", "NULL", {"NULL": True}),
]


@pytest.mark.parametrize(("value", "kind", "wire"), GIVEN)
def test_a_value_is_stored_as_the_type_given(value: Any, kind: str, wire: dict[str, Any]) -> None:
    assert attribute(value, kind) == wire


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("x", "N"),
        (True, "N"),
        ("x", "BOOL"),
        ([], "SS"),
        ("a", "SS"),
        ("x", "L"),
        ([], "M"),
        ([], "S"),
    ],
)
def test_a_value_that_is_not_of_the_type_is_refused(value: Any, kind: str) -> None:
    with pytest.raises(AttributeValueError):
        attribute(value, kind)


def draws(provider: Provider | str, count: int, *, seed: int = 1) -> list[Any]:
    source = Template({"id": "uuid4", "x": provider}, ["id"], VirtualClock(seed=seed)).sources["x"]
    return [source.draw(n) for n in range(count)]


def test_a_slow_provider_repeats_its_pool_and_a_fast_one_does_not() -> None:
    names = [value["S"] for value in draws("name", 5 * POOL_SIZE)]
    assert set(names[POOL_SIZE:]) <= set(names[:POOL_SIZE])
    assert len(set(names[POOL_SIZE:])) > POOL_SIZE // 2
    assert len({value["S"] for value in draws("uuid4", 5000)}) == 5000


def test_shares_of_absent_and_null_are_kept() -> None:
    values = draws(Provider(faker="random_int", optional=0.3, null=0.2), 10_000)
    assert 0.28 < values.count(None) / 10_000 < 0.32
    assert 0.18 < values.count({"NULL": True}) / 10_000 < 0.22


def test_sets_have_distinct_members_within_their_length() -> None:
    provider = Provider(
        type="NS", items=Provider(faker="random_int", args={"max": 6}), length=[2, 5]
    )
    sizes = set()
    for value in draws(provider, 500):
        assert len(set(value["NS"])) == len(value["NS"])
        sizes.add(len(value["NS"]))
    assert sizes == {2, 3, 4, 5}


def test_dates_do_not_follow_the_calendar() -> None:
    for provider in ("date_time", "iso8601"):
        assert max(value["S"] for value in draws(provider, 300)) < "2025"


DRAW_ALL = """
from harness.clock import VirtualClock
from harness.workload.fakers import bind, provider_names
for name in sorted(provider_names()):
    for again in range(2):
        try:
            draw = bind(name, {}, VirtualClock(seed=3).substream(name))
            print(name, [draw() for _ in range(3)])
        except (ValueError, TypeError, ImportError) as error:
            print(name, type(error).__name__)
"""


def test_every_provider_gives_the_same_values_again_or_is_refused() -> None:
    """Each of Faker's providers twice from one seed, in two processes."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", DRAW_ALL],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone},
            stdout=subprocess.PIPE,
        )
        for hash_seed, zone in (("1", "UTC"), ("4242", "Asia/Tokyo"))
    ]
    one, other = (process.communicate()[0].decode().splitlines() for process in running)
    assert one == other
    assert one[::2] == one[1::2]
    for line in ("date_of_birth ProviderError", "color ProviderError", "xml ProviderError"):
        assert line in one
    assert "first_name ProviderError" not in one


def test_a_provider_whose_values_do_not_fit_the_type_is_named() -> None:
    with pytest.raises(TemplateError) as caught:
        draws(Provider(type="N", faker="first_name"), 1)
    assert caught.value.path == ("x", "faker")
    assert str(caught.value).startswith("expected N, found '")

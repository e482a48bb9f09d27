from __future__ import annotations

from typing import Any

import pytest

from harness.dynamodb.expressions import (
    ExpressionError,
    bind,
    compile_projection,
    legacy_projection,
)

ITEM: dict[str, Any] = {
    "a": {"S": "x"},
    "dots.in.name": {"N": "1"},
    "m": {"M": {"x": {"N": "1"}, "y": {"M": {"z": {"N": "2"}, "w": {"N": "3"}}}}},
    "l": {"L": [{"S": "0"}, {"M": {"k": {"S": "1"}, "j": {"S": "2"}}}, {"S": "2"}, {"S": "3"}]},
}


def projected(text: str, **names: str) -> dict[str, Any]:
    binding = bind({f"#{key}": name for key, name in names.items()} or None, None)
    projection = compile_projection(text, binding)
    binding.check_all_used()
    return projection.of(ITEM)


def refused(text: str, **names: str) -> str:
    with pytest.raises(ExpressionError) as error:
        projected(text, **names)
    return error.value.message


@pytest.mark.parametrize(
    ("text", "names", "parts"),
    [
        ("a", {}, {"a": {"S": "x"}}),
        (" a ,absent", {}, {"a": {"S": "x"}}),
        ("#d", {"d": "dots.in.name"}, {"dots.in.name": {"N": "1"}}),
        ("m.x", {}, {"m": {"M": {"x": {"N": "1"}}}}),
        ("m.y.z, m.x", {}, {"m": {"M": {"y": {"M": {"z": {"N": "2"}}}, "x": {"N": "1"}}}}),
        ("m.absent, m.x.deeper, a[0], l.x", {}, {}),
        ("l[2], l[0]", {}, {"l": {"L": [{"S": "0"}, {"S": "2"}]}}),
        ("l[3], l[1].k, l[99]", {}, {"l": {"L": [{"M": {"k": {"S": "1"}}}, {"S": "3"}]}}),
        ("l[1].k, l[1].j", {}, {"l": {"L": [{"M": {"k": {"S": "1"}, "j": {"S": "2"}}}]}}),
        ("absent[0].x", {}, {}),
    ],
)
def test_projection_holds_just_the_paths(
    text: str, names: dict[str, str], parts: dict[str, Any]
) -> None:
    assert projected(text, **names) == parts


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The expression can not be empty;"),
        ("!!! INVALID !!!", 'Syntax error; token: "!", near: "!!"'),
        ("a, ", 'Syntax error; token: "<EOF>", near: ","'),
        ("a[-1]", 'Syntax error; token: "-", near: "[-1"'),
        ("a[]", 'Syntax error; token: "]", near: "[]"'),
        (":a", 'Syntax error; token: ":a", near: ":a"'),
        ("a, Name", "Attribute name is a reserved keyword; reserved keyword: Name"),
        (
            "#a.#b",
            "An expression attribute name used in the document path is not defined; "
            "attribute name: #a",
        ),
        (
            "a" + ".b" * 32,
            "The document path has too many nesting levels; nesting levels: 33",
        ),
        (
            "a[99999999999999]",
            "List index is not within the allowable range; index: [99999999999999]",
        ),
        (
            "a, a.b",
            "Two document paths overlap with each other; must remove or rewrite one of these "
            "paths; path one: [a], path two: [a, b]",
        ),
        (
            "a.b, a[1]",
            "Two document paths conflict with each other; must remove or rewrite one of these "
            "paths; path one: [a, b], path two: [a, [1]]",
        ),
    ],
)
def test_faults_of_projections(text: str, sentence: str) -> None:
    assert refused(text) == f"Invalid ProjectionExpression: {sentence}"


@pytest.mark.parametrize("text", ["a.b, a.c", "a.b.d, a.b.e", "a[1], a[2]", "a.b, a.c[2]"])
def test_paths_side_by_side_are_apart(text: str) -> None:
    assert projected(text) == {}


def test_paths_of_32_levels_are_allowed() -> None:
    assert projected("a" + ".b" * 31) == {}


def test_attributes_to_get_are_whole_attributes() -> None:
    assert legacy_projection(["a", "dots.in.name", "absent"]).of(ITEM) == {
        "a": {"S": "x"},
        "dots.in.name": {"N": "1"},
    }
    with pytest.raises(ExpressionError) as error:
        legacy_projection(["a", "b", "a"])
    assert error.value.message == (
        "One or more parameter values were invalid: Duplicate value in attribute name: a"
    )

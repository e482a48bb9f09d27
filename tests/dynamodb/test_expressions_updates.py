from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.awsjson import AwsError
from harness.dynamodb.expressions import (
    ExpressionError,
    bind,
    check_scalar_keys,
    compile_update,
    updated_view,
)

INVALID_PATH = "The document path provided in the update expression is invalid for update"
WRONG_TYPE = "An operand in the update expression has an incorrect data type"
NO_ATTRIBUTE = "The provided expression refers to an attribute that does not exist in the item"

ITEM: dict[str, Any] = {
    "pk": {"S": "k"},
    "n": {"N": "5"},
    "s": {"S": "hello"},
    "ss": {"SS": ["cat", "dog"]},
    "l": {"L": [{"N": str(i)} for i in range(6)]},
    "m": {"M": {"x": {"N": "3"}, "c": {"M": {"y": {"N": "3"}}}, "l": {"L": [{"S": "a"}]}}},
}


def update(
    text: str, item: dict[str, Any] | None = None, names: dict[str, str] | None = None,
    exists: bool = True, **values: Any,
) -> dict[str, Any]:  # fmt: skip
    """What the update changes: attribute to its new value, None where it is gone."""
    before = ITEM if item is None else item
    untouched = copy.deepcopy(before)
    binding = bind(names, {f":{name}": value for name, value in values.items()} or None)
    compiled = compile_update(text, binding)
    binding.check_all_used()
    after, _ = compiled.apply(before, exists=exists)
    assert before == untouched
    names_touched = before.keys() | after.keys()
    return {n: after.get(n) for n in names_touched if before.get(n) != after.get(n)}


def refused(text: str, names: dict[str, str] | None = None, **values: Any) -> str:
    with pytest.raises(AwsError) as error:
        update(text, names=names, **values)
    assert error.value.code == "ValidationException"
    return error.value.message


@pytest.mark.parametrize(
    ("text", "values", "changes"),
    [
        ("SET a = :v", {"v": {"N": "1"}}, {"a": {"N": "1"}}),
        ("  set   n=:v  ", {"v": {"S": "x"}}, {"n": {"S": "x"}}),
        ("sEt a = s", {}, {"a": {"S": "hello"}}),
        ("SET s = s", {}, {}),
        ("SET a = m.c.y", {}, {"a": {"N": "3"}}),
        ("SET a = :v + :w", {"v": {"N": "4"}, "w": {"N": "3"}}, {"a": {"N": "7"}}),
        ("SET n = n - :v", {"v": {"N": "5.5"}}, {"n": {"N": "-0.5"}}),
        ("SET a = (n + n)", {}, {"a": {"N": "10"}}),
        ("SET a = ((n)+(m.x))", {}, {"a": {"N": "8"}}),
        ("SET a = if_not_exists(a, :v) + :v", {"v": {"N": "2"}}, {"a": {"N": "4"}}),
        ("SET n = if_not_exists(n, :v)", {"v": {"N": "2"}}, {}),
        ("SET a = if_not_exists(b, if_not_exists(c, n))", {}, {"a": {"N": "5"}}),
        ("SET a = list_append(:v, m.l)", {"v": {"L": [{"NULL": True}]}},
         {"a": {"L": [{"NULL": True}, {"S": "a"}]}}),
        ("SET a = list_append(if_not_exists(a, :v), :v)", {"v": {"L": [{"S": "z"}]}},
         {"a": {"L": [{"S": "z"}, {"S": "z"}]}}),
        ("REMOVE n, s", {}, {"n": None, "s": None}),
        ("REMOVE absent", {}, {}),
        ("REMOVE n SET a = n", {}, {"n": None, "a": {"N": "5"}}),
        ("SET n = s, s = n", {}, {"n": {"S": "hello"}, "s": {"N": "5"}}),
        ("ADD n :v", {"v": {"N": "-7"}}, {"n": {"N": "-2"}}),
        ("ADD a :v", {"v": {"N": "7"}}, {"a": {"N": "7"}}),
        ("ADD ss :v", {"v": {"SS": ["dog", "pig"]}}, {"ss": {"SS": ["cat", "dog", "pig"]}}),
        ("ADD ss :v", {"v": {"SS": ["dog"]}}, {}),
        ("ADD a :v", {"v": {"NS": ["1.0"]}}, {"a": {"NS": ["1"]}}),
        ("ADD m.c.y :v", {"v": {"N": "1"}},
         {"m": {"M": {**ITEM["m"]["M"], "c": {"M": {"y": {"N": "4"}}}}}}),
        ("DELETE ss :v", {"v": {"SS": ["cat", "pig"]}}, {"ss": {"SS": ["dog"]}}),
        ("DELETE ss :v", {"v": {"SS": ["cat", "dog"]}}, {"ss": None}),
        ("DELETE a :v", {"v": {"SS": ["cat"]}}, {}),
        ("SET m.x = :v", {"v": {"S": "new"}}, {"m": {"M": {**ITEM["m"]["M"], "x": {"S": "new"}}}}),
        ("SET m.c.z = :v REMOVE m.c.y", {"v": {"S": "new"}},
         {"m": {"M": {**ITEM["m"]["M"], "c": {"M": {"z": {"S": "new"}}}}}}),
        ("SET m.l[0] = :v, m.x = :v", {"v": {"BOOL": True}},
         {"m": {"M": {**ITEM["m"]["M"], "x": {"BOOL": True}, "l": {"L": [{"BOOL": True}]}}}}),
        ("REMOVE m.x", {}, {"m": {"M": {"c": ITEM["m"]["M"]["c"], "l": ITEM["m"]["M"]["l"]}}}),
        ("REMOVE m.l[0]", {}, {"m": {"M": {**ITEM["m"]["M"], "l": {"L": []}}}}),
        ("REMOVE m.absent, l[99]", {}, {}),
    ],
)  # fmt: skip
def test_update_changes_just_this(
    text: str, values: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert update(text, **values) == changes


def numbers(*values: int) -> dict[str, Any]:
    return {"L": [{"N": str(value)} for value in values]}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("REMOVE l[1] SET l[3] = :v", numbers(0, 2, 17, 4, 5)),
        ("SET l[3] = :v REMOVE l[1]", numbers(0, 2, 17, 4, 5)),
        ("REMOVE l[0], l[2], l[5]", numbers(1, 3, 4)),
        ("SET l[100] = :v", numbers(0, 1, 2, 3, 4, 5, 17)),
        ("SET l[84] = :w, l[37] = :v REMOVE l[0]", numbers(1, 2, 3, 4, 5, 17, 18)),
        ("SET l[6] = l[0], l[7] = l[1]", numbers(0, 1, 2, 3, 4, 5, 0, 1)),
    ],
)
def test_list_indexes_count_in_the_list_as_it_was(text: str, result: dict[str, Any]) -> None:
    values: dict[str, Any] = {"v": {"N": "17"}, "w": {"N": "18"}}
    used = {name: value for name, value in values.items() if f":{name}" in text}
    assert update(text, **used) == {"l": result}


def test_unchanged_parts_are_shared_with_the_old_item() -> None:
    compiled = compile_update("SET m.x = n", bind(None, None))
    after, _ = compiled.apply(ITEM)
    assert after["m"]["M"]["c"] is ITEM["m"]["M"]["c"]
    assert after["l"] is ITEM["l"]


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ("SET a = absent", {}, NO_ATTRIBUTE),
        ("SET a = absent + :v", {"v": {"N": "1"}}, NO_ATTRIBUTE),
        ("SET x = :v, y = x", {"v": {"N": "1"}}, NO_ATTRIBUTE),
        ("SET a = list_append(absent, :v)", {"v": {"L": []}}, NO_ATTRIBUTE),
        ("SET a = s + n", {}, WRONG_TYPE),
        ("SET a = n - s", {}, WRONG_TYPE),
        ("SET a = list_append(s, l)", {}, WRONG_TYPE),
        ("ADD s :v", {"v": {"N": "1"}}, WRONG_TYPE),
        ("ADD ss :v", {"v": {"NS": ["1"]}}, WRONG_TYPE),
        ("ADD l :v", {"v": {"NS": ["1"]}}, WRONG_TYPE),
        ("DELETE l :v", {"v": {"NS": ["1"]}}, WRONG_TYPE),
        ("SET s.c = :v", {"v": {"N": "1"}}, INVALID_PATH),
        ("SET l.c = :v", {"v": {"N": "1"}}, INVALID_PATH),
        ("SET m[0] = :v", {"v": {"N": "1"}}, INVALID_PATH),
        ("SET absent.c = :v", {"v": {"N": "1"}}, INVALID_PATH),
        ("SET m.absent.c = :v", {"v": {"N": "1"}}, INVALID_PATH),
        ("SET l[99].c = :v", {"v": {"N": "1"}}, INVALID_PATH),
        ("REMOVE s.c", {}, INVALID_PATH),
        ("REMOVE absent.c", {}, INVALID_PATH),
        ("REMOVE m[0]", {}, INVALID_PATH),
        ("ADD absent.c :v", {"v": {"N": "1"}}, INVALID_PATH),
        ("SET n = n + :v", {"v": {"N": "1e60"}}, "Number overflow. Attempting to store a number "
         "with magnitude larger than supported range"),
    ],
)  # fmt: skip
def test_updates_that_the_item_does_not_admit(
    text: str, values: dict[str, Any], message: str
) -> None:
    assert refused(text, **values) == message


def test_update_may_not_make_an_item_deeper_than_32_levels() -> None:
    deep: dict[str, Any] = {"S": "leaf"}
    for _ in range(30):
        deep = {"M": {"n": deep}}
    assert update("SET m.x = :v", v=deep)["m"]["M"]["x"] == deep
    assert refused("SET m.c.y = :v", v=deep).startswith("Nesting Levels have exceeded")
    assert refused("SET m.l[0] = :v, m.x = :v", v=deep).startswith("Nesting Levels")


def test_removing_inside_a_missing_item_is_ignored_and_setting_is_not() -> None:
    key = {"pk": {"S": "k"}}
    assert update("REMOVE x.y, z[0]", key, exists=False) == {}
    with pytest.raises(ExpressionError, match=INVALID_PATH):
        update("SET x.y = :v", key, exists=False, v={"N": "1"})


@pytest.mark.parametrize(
    "text",
    [
        "whatever", "set a", "add a", "delete a", "set a=set", "remove a = b", "add a = b",
        "delete a b", "delete a if_not_exist(b)", "add abort b", "remove a b", "set a b",
        "set :a = b", "add :a b", "delete :a b", "remove :a", "set a = b / c", "set a = b * c",
        'set a[1] = "eight"', "set a[1] = 1", "SET a = if_not_exist(a, 100)",
        "SET if_not_exist(a, b) = a", "set (a = (b + c))", "set a = (b.c).d + e",
        "set a = (b.c)[0] + e", "set a = b + c + d", "SET a = f(b + c)", "remove a,",
        "SET a[:v] = b", "SET a[#v] = b", "SET _abc = b", "SET 123a = b", "SET hi-there = b",
        "SET a = b,", "SET a = _f(b)",
    ],
)  # fmt: skip
def test_syntax_errors(text: str) -> None:
    assert refused(text).startswith("Invalid UpdateExpression: Syntax error; token: ")


@pytest.mark.parametrize(
    ("text", "token", "near"),
    [
        ("INVALID SYNTAX HERE", "INVALID", "INVALID SYNTAX"),
        ("ADD hits : incr", ":", "hits : incr"),
        ("SET _123 = :v", "_", "SET _123"),
        ("SET a = VALUE 1", "1", "VALUE 1"),
        ("REMOVE a,", "<EOF>", ","),
        ("SET", "<EOF>", "SET"),
    ],
)
def test_syntax_error_shows_the_token_and_its_neighbours(text: str, token: str, near: str) -> None:
    assert refused(text) == (
        f'Invalid UpdateExpression: Syntax error; token: "{token}", near: "{near}"'
    )


NAMES = {"#c": "c", "#d": "[3]"}


@pytest.mark.parametrize(
    ("text", "names", "values", "sentence"),
    [
        ("", None, {}, "The expression can not be empty;"),
        (" set #c = :c set abOrt = true ", None, {},
         "Attribute name is a reserved keyword; reserved keyword: abOrt"),
        ("set #c = if_not_exist(:c) set c = d", None, {},
         "Invalid function name; function: if_not_exist"),
        ("set a = size(b)", None, {},
         "The function is not allowed in an update expression; function: size"),
        ("set a = list_append(list_append(:v, :v), :v)", None, {"v": {"L": []}},
         "The function is not allowed to be used this way in an expression; "
         "function: list_append"),
        ("set a = #c set c = :d", None, {},
         'The "SET" section can only be used once in an update expression;'),
        ("delete #d :e set a = b delete #e :f", None, {},
         'The "DELETE" section can only be used once in an update expression;'),
        ("SET #c = if_not_exists(:c)", None, {},
         "An expression attribute name used in the document path is not defined; "
         "attribute name: #c"),
        ("SET a = if_not_exists(:c)", None, {},
         "An expression attribute value used in expression is not defined; "
         "attribute value: :c"),
        ("set d[1] = a, d.b = a, c[1].a = a, #c = if_not_exists(a)", {"#c": "c"}, {},
         "Two document paths overlap with each other; must remove or rewrite one of these "
         "paths; path one: [c, [1], a], path two: [c]"),
        ("set #c[3].#d = a, #c[3] = a", NAMES, {},
         "Two document paths overlap with each other; must remove or rewrite one of these "
         "paths; path one: [c, [3], [3]], path two: [c, [3]]"),
        ("SET a = :v REMOVE a", None, {"v": {"S": "x"}},
         "Two document paths overlap with each other; must remove or rewrite one of these "
         "paths; path one: [a], path two: [a]"),
        ("set #c[3].#d = a, #c.#d[3] = if_not_exists(a)", NAMES, {},
         "Two document paths conflict with each other; must remove or rewrite one of these "
         "paths; path one: [c, [3], [3]], path two: [c, [3], [3]]"),
        ("remove a.#c set a[1] = #c", {"#c": "c"}, {},
         "Two document paths conflict with each other; must remove or rewrite one of these "
         "paths; path one: [a, c], path two: [a, [1]]"),
        ("set b = list_append(:a, a), c = if_not_exists(a) add a.b :a", None, {"a": {"S": "a"}},
         "Incorrect operand type for operator or function; operator: ADD, operand type: STRING"),
        ("delete a.b :a", None, {"a": {"N": "1"}},
         "Incorrect operand type for operator or function; "
         "operator: DELETE, operand type: NUMBER"),
        ("add a.b :a", None, {"a": {"L": []}},
         "Incorrect operand type for operator or function; operator: ADD, operand type: LIST"),
        ("set a = list_append(c)", None, {},
         "Incorrect number of operands for operator or function; "
         "operator or function: list_append, number of operands: 1"),
        ("set a = if_not_exists(:a, c)", None, {"a": {"S": "a"}},
         "Operator or function requires a document path; operator or function: if_not_exists"),
        ("set a = if_not_exists(if_not_exists(a, b), c)", None, {},
         "Operator or function requires a document path; operator or function: if_not_exists"),
        ("set a = list_append(a, :b)", None, {"b": {"N": "1"}},
         "Incorrect operand type for operator or function; "
         "operator or function: list_append, operand type: N"),
        ("set a = :a - b", None, {"a": {"BOOL": "no"}},
         "Incorrect operand type for operator or function; "
         "operator or function: -, operand type: BOOL"),
        ("set a = b + :a", None, {"a": {"SS": ["a"]}},
         "Incorrect operand type for operator or function; "
         "operator or function: +, operand type: SS"),
    ],
)  # fmt: skip
def test_faults_of_the_expression_itself(
    text: str, names: dict[str, str] | None, values: dict[str, Any], sentence: str
) -> None:
    assert refused(text, names, **values) == f"Invalid UpdateExpression: {sentence}"


def test_update_of_more_than_4096_bytes() -> None:
    text = "SET " + ", ".join(f"a{number} = :v" for number in range(500))
    assert refused(text, v={"S": "x"}) == (
        "Invalid UpdateExpression: Expression size has exceeded the maximum allowed size;"
    )


def test_unused_names_and_values_are_refused() -> None:
    assert refused("REMOVE a", {"#a": "x", "#b": "y"}) == (
        "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}"
    )
    assert refused("SET a = :v", v={"N": "1"}, w={"N": "1"}) == (
        "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"
    )


def test_references_name_attributes_of_any_characters() -> None:
    name = "3can include any.character!#="
    assert update("SET #1_a = :v", names={"#1_a": name}, v={"N": "1"}) == {name: {"N": "1"}}


def test_updating_a_key_attribute_is_refused() -> None:
    compiled = compile_update("SET a = b REMOVE pk.x", bind(None, None))
    compiled.check_without(["sk", "a.b"])
    with pytest.raises(ExpressionError) as error:
        compiled.check_without(["pk"])
    assert error.value.message == (
        "One or more parameter values were invalid: Cannot update attribute pk. "
        "This attribute is part of the key"
    )


def test_paths_into_keys_are_refused() -> None:
    nested = compile_update("SET a = b REMOVE gsi.x", bind(None, None)).inner
    check_scalar_keys(nested, ["a"], ["b"])
    with pytest.raises(ExpressionError) as error:
        check_scalar_keys(nested, ["a"], ["b", "gsi"])
    assert error.value.message == (
        "Key attributes must be scalars; list random access '[]' and map lookup '.' are not "
        "allowed: IndexKey: gsi"
    )


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("SET n = :v, a = :v", {"n": {"N": "5"}}, {"n": {"N": "9"}, "a": {"N": "9"}}),
        ("SET a = :v REMOVE n", {"n": {"N": "5"}}, {"a": {"N": "9"}}),
        ("SET m.x = :v", {"m": {"M": {"x": {"N": "3"}}}}, {"m": {"M": {"x": {"N": "9"}}}}),
        ("SET l[1] = :v", {"l": numbers(1)}, {"l": numbers(9)}),
        ("SET l[4] = :v, l[2] = :v", {"l": numbers(2, 4)}, {"l": numbers(9, 9)}),
        ("SET l[100] = :v", {}, {}),
        ("SET a = :v REMOVE l[1], l[99]", {"l": numbers(1)}, {"a": {"N": "9"}, "l": numbers(2)}),
        ("SET m.fresh = :v", {}, {"m": {"M": {"fresh": {"N": "9"}}}}),
        ("SET m.l[0] = :v, m.c.y = :v",
         {"m": {"M": {"l": {"L": [{"S": "a"}]}, "c": {"M": {"y": {"N": "3"}}}}}},
         {"m": {"M": {"l": numbers(9), "c": {"M": {"y": {"N": "9"}}}}}}),
    ],
)  # fmt: skip
def test_updated_views_hold_the_written_paths_alone(
    text: str, old: dict[str, Any], new: dict[str, Any]
) -> None:
    compiled = compile_update(text, bind(None, {":v": {"N": "9"}}))
    after, paths = compiled.apply(ITEM)
    assert updated_view(paths, ITEM) == old
    assert updated_view(paths, after) == new
    assert updated_view(paths, None) == {}


STEPS = st.sampled_from(
    ["n", "s", "absent", "m.x", "m.c.y", "m.l[0]", "m.l[3]", "l[0]", "l[4]", "l[9]", "ss"]
)


@given(
    st.lists(STEPS, min_size=1, max_size=4, unique=True),
    st.lists(STEPS, min_size=1, max_size=4, unique=True),
)
def test_no_update_mutates_its_input(assigned: list[str], removed: list[str]) -> None:
    removed = [path for path in removed if path not in assigned]
    text = "SET " + ", ".join(f"{path} = :v" for path in assigned)
    if removed:
        text += " REMOVE " + ", ".join(removed)
    changes = update(text, v={"S": "new"})
    heads = {path.split(".")[0].split("[")[0] for path in assigned + removed}
    assert changes.keys() <= heads

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.dynamodb.expressions import ExpressionError, bind, compile_condition
from harness.dynamodb.expressions.reserved import RESERVED_WORDS

KIND = "FilterExpression"
ITEM: dict[str, Any] = {
    "n": {"N": "5"},
    "s": {"S": "hello"},
    "b": {"B": "aGkgdGhlcmU="},
    "t": {"BOOL": True},
    "z": {"NULL": True},
    "ss": {"SS": ["cat", "dog"]},
    "ns": {"NS": ["2", "4"]},
    "bs": {"BS": ["YQ==", "Yg=="]},
    "l": {"L": [{"N": "3"}, {"NS": ["1", "2"]}, {"L": [{"S": "x"}]}]},
    "m": {"M": {"a": {"N": "1"}, "b": {"L": [{"S": "deep"}]}}},
    "five": {"N": "5"},
    "he": {"S": "he"},
}


def holds(text: str, names: dict[str, str] | None = None, **values: Any) -> bool:
    binding = bind(names, {f":{name}": value for name, value in values.items()} or None)
    condition = compile_condition(text, binding, KIND)
    binding.check_all_used()
    return condition.holds(ITEM)


def refused(text: str, names: dict[str, str] | None = None, **values: Any) -> str:
    with pytest.raises(ExpressionError) as error:
        holds(text, names, **values)
    return error.value.message


@pytest.mark.parametrize(
    "text",
    [
        "n = :five",
        "n = five",
        "n <> he",
        "gone <> :five",
        "gone <> absent",
        "ss = :set",
        "n < :six",
        "n <= five",
        "n >= five",
        "s > :hell",
        ":hell < s",
        "n between :five and :six",
        "n BeTwEeN five AnD five",
        "n IN (:six, s, :five)",
        "attribute_exists (n)",
        "attribute_exists(m.b[0])",
        "attribute_not_exists(m.b[1])",
        "attribute_not_exists(s.x)",
        "attribute_not_exists(l.x)",
        "attribute_type(z, :null)",
        "attribute_type(:five, :number)",
        "begins_with(s, :hell)",
        "begins_with(s, he)",
        "begins_with(b, :hi)",
        "contains(s, :ell)",
        "contains(b, :here)",
        "contains(ns, :four)",
        "contains(bs, :a)",
        "contains(l, :three)",
        "contains(l, :twelve)",
        "size(s) = five",
        "size(b) = :eight",
        "size(ss) < size(l)",
        "size(m) = :two",
        "size(:hell) = :four",
        "(size(l)) > :two",
        "((m).b)[0] = :deep",
        "NOT n = :six",
        "not not not n = :six",
        "NOT (n = :six OR s = :hell)",
        "n = :six AND n = :five OR s = :hello",
        "n = :five OR s = :hell AND n = :six",
        "NOT n = :six AND s = :hello",
        "n = :five and (n = :five and (n = :five))",
        "m.b[0] = :deep",
    ],
)
def test_condition_holds(text: str) -> None:
    constants: dict[str, Any] = {
        "five": {"N": "5.0"},
        "six": {"N": "6"},
        "set": {"SS": ["dog", "cat"]},
        "hell": {"S": "hell"},
        "hello": {"S": "hello"},
        "null": {"S": "NULL"},
        "number": {"S": "N"},
        "hi": {"B": "aGk="},
        "ell": {"S": "ell"},
        "here": {"B": "aGVyZQ=="},
        "four": {"N": "4"},
        "a": {"B": "YQ=="},
        "three": {"N": "3"},
        "twelve": {"NS": ["2", "1"]},
        "eight": {"N": "8"},
        "two": {"N": "2"},
        "deep": {"S": "deep"},
    }
    used = {name: value for name, value in constants.items() if f":{name}" in _words(text)}
    assert holds(text, **used)


@pytest.mark.parametrize(
    "text",
    [
        "n = he",
        "gone = absent",
        "gone = n",
        "n <> five",
        "gone < n",
        "gone > n",
        "gone <= absent",
        "n < s",
        "n >= l",
        "l > n",
        "n between l and l",
        "n between gone and five",
        "n between five and gone",
        "gone between n and five",
        "n IN (s, l)",
        "gone IN (absent, n)",
        "attribute_exists(gone)",
        "attribute_exists(l[3])",
        "attribute_exists(n[0])",
        "attribute_not_exists(n)",
        "begins_with(he, s)",
        "begins_with(n, s)",
        "begins_with(gone, s)",
        "contains(he, s)",
        "contains(n, five)",
        "contains(ss, n)",
        "contains(gone, n)",
        "contains(s, gone)",
        "size(n) = five",
        "size(t) = five",
        "size(z) = five",
        "size(gone) < n",
        "NOT n = five",
        "n = five AND s = he",
        "NOT (n = five OR s = he)",
    ],
)
def test_condition_fails_without_error(text: str) -> None:
    assert not holds(text)


def test_a_missing_item_has_no_attributes() -> None:
    binding = bind(None, {":v": {"S": "x"}})
    assert compile_condition("pk <> :v", binding).holds(None)
    assert compile_condition("attribute_not_exists(pk)", binding).holds({})
    assert not compile_condition("pk = :v", binding).holds(None)


def test_binaries_order_as_unsigned_bytes() -> None:
    low, high = {"B": "fw=="}, {"B": "gA=="}
    assert holds(":low < :high", low=low, high=high)
    assert holds(":high between :low and :high", low=low, high=high)


def test_strings_order_by_their_utf_8_bytes() -> None:
    assert holds(":bmp < :astral", bmp={"S": "\uffff"}, astral={"S": "\U00010000"})


@given(st.integers(-(10**20), 10**20), st.integers(-(10**20), 10**20))
def test_numbers_compare_by_value(left: int, right: int) -> None:
    values = {"l": {"N": f"{left}.0"}, "r": {"N": f"{right}e0"}}
    assert holds(":l < :r", **values) is (left < right)
    assert holds(":l >= :r", **values) is (left >= right)
    assert holds(":l = :r", **values) is (left == right)


def test_one_compiled_text_serves_different_values() -> None:
    assert holds("n = :v", v={"N": "5"})
    assert not holds("n = :v", v={"N": "6"})
    assert not holds("n = :v", v={"S": "5"})
    assert holds("#a = :v", {"#a": "n"}, v={"N": "5"})
    assert not holds("#a = :v", {"#a": "s"}, v={"N": "5"})


@pytest.mark.parametrize(
    "text",
    [
        "things are not gonna be ok",
        "a > 4",
        "attribute_exists(Pictures-RearView)",
        'attribute_exists("Pictures.RearView")',
        "attribute_exists(Pictures..RearView)",
        "attribute_exists(Pi#ctures.RearView)",
        "attribute_exists(asdf[a])",
        "attribute_exists()",
        "a in b, c",
        "a > between",
        "a in b",
        "a in ()",
        "a in (b,c,)",
        "(a)between(b.(c.d))and(c)",
        "(a)between(b.c.d)and((c)",
        "#$.b > a",
        "a > :things.stuff",
        "b[:a] > a",
        "b[#_] > a",
        "ü > a",
        "(a)between(b.c[4.5].#d)and(:a)",
        "size(a).b > a",
        "(size(a)).b > a",
        "size(a)[0] > a",
        "(size(a))[0] > a",
        "a",
        ":a",
        "NOT a",
        "a AND :a",
        "a OR NOT :a",
        "a = :a OR NOT :a",
        "a != :a",
        "_a = :a",
        "a = b = c",
        "(a = b",
        "a = b)",
    ],
)
def test_syntax_errors(text: str) -> None:
    assert refused(text).startswith(f"Invalid {KIND}: Syntax error; token: ")


@pytest.mark.parametrize(
    ("text", "token", "near"),
    [
        ("a-b", "-", "a-b"),
        ("#articleId attribute_not_exists :ckpst", "attribute_not_exists", None),
        ("tenantAgent:abc123-x", ":abc123", "tenantAgent:abc123-"),
        ("contains(a, :v1", "<EOF>", ":v1"),
        ("contains()", ")", "()"),
        ("!!! INVALID !!!", "!", "!!"),
        ("_123 = a", "_", "_123"),
    ],
)
def test_syntax_error_shows_the_token_and_its_neighbours(
    text: str, token: str, near: str | None
) -> None:
    assert refused(text) == (
        f'Invalid {KIND}: Syntax error; token: "{token}", near: "{near or text}"'
    )


def test_empty_expression() -> None:
    assert refused("") == f"Invalid {KIND}: The expression can not be empty;"


@pytest.mark.parametrize(
    "text",
    [
        "a=a and a > ((views))",
        "(a)between(((b.c)).d)and(c)",
        "a > whatever((:things), ((a)))",
        "a=a AND ((a=a AND a=a)) AND a=a",
        "a=a OR ((a=a OR (a=a OR a=a)))",
        "((a <> b))",
        "(" * 2046 + "a<b" + ")" * 2046,
    ],
)
def test_two_pairs_of_parentheses_around_one_thing_are_redundant(text: str) -> None:
    assert refused(text) == f"Invalid {KIND}: The expression has redundant parentheses;"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a=a and whatever((:things)) > a", "Invalid function name; function: whatever"),
        ("attRIbute_exIsts((views), #a)", "Invalid function name; function: attRIbute_exIsts"),
        ("a < " + "f(" * 1355 + "b" + ")" * 1355, "Invalid function name; function: f"),
        (
            "if_not_exists(a, a) = b",
            "The function is not allowed in a condition expression; function: if_not_exists",
        ),
        ("attribute_exists(views, #a)", "Attribute name is a reserved keyword; "
         "reserved keyword: views"),
        (":a < abOrT", "Attribute name is a reserved keyword; reserved keyword: abOrT"),
        (
            "a.#b = :v",
            "An expression attribute name used in the document path is not defined; "
            "attribute name: #b",
        ),
        (
            "begins_with(:hello, #a, #b)",
            "An expression attribute value used in expression is not defined; "
            "attribute value: :hello",
        ),
        ("a = b or a" + ".b" * 32 + " = b", "The document path has too many nesting levels; "
         "nesting levels: 33"),
        ("a[99999999999999] = b", "List index is not within the allowable range; "
         "index: [99999999999999]"),
        ("a IN (" + ", ".join(["b"] * 101) + ")", "The IN operator is provided with too many "
         "operands; number of operands: 101"),
        ("a<b" + " or a<b" * 150, "The expression contains too many operators; "
         "operator count: 301"),
        ("not " * 1000 + "a<b", "The expression contains too many operators; "
         "operator count: 301"),
    ],
)  # fmt: skip
def test_faults_of_names_and_limits(text: str, sentence: str) -> None:
    assert refused(text) == f"Invalid {KIND}: {sentence}"


def test_three_hundred_operators_are_allowed_however_nested() -> None:
    assert holds("n = five " + "and (n = five " * 149 + ")" * 149)
    assert not holds("n = five " + "and (n = five " * 148 + "and (n = he" + ")" * 149)


def test_expression_of_more_than_4096_bytes() -> None:
    assert refused("(" * 15000) == (
        f"Invalid {KIND}: Expression size has exceeded the maximum allowed size; "
        "expression size: 15000"
    )


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("a=a and attribute_exists((views), (#a)) > b", "attribute_exists"),
        ("attribute_not_exists(things) > b", "attribute_not_exists"),
        ("begins_with(things, a) > b", "begins_with"),
        ("contains(:things, c) > b", "contains"),
        ("size(contains(a, b)) > a", "contains"),
        ("size(things)", "size"),
        ("size(things) and a = b", "size"),
        ("not size(things)", "size"),
        ("a between b and attribute_exists(things)", "attribute_exists"),
        ("a in (b, attribute_exists(things))", "attribute_exists"),
    ],
)
def test_functions_where_they_do_not_belong(text: str, function: str) -> None:
    assert refused(text) == (
        f"Invalid {KIND}: The function is not allowed to be used this way in an expression; "
        f"function: {function}"
    )


@pytest.mark.parametrize(
    ("text", "function", "count"),
    [
        ("attribute_exists(things, a) and a=b", "attribute_exists", 2),
        ("attribute_type(things)", "attribute_type", 1),
        ("begins_with(things, size(a), b)", "begins_with", 3),
        ("contains(things)", "contains", 1),
        ("size(things, a) > b", "size", 2),
    ],
)
def test_wrong_number_of_operands(text: str, function: str, count: int) -> None:
    assert refused(text) == (
        f"Invalid {KIND}: Incorrect number of operands for operator or function; "
        f"operator or function: {function}, number of operands: {count}"
    )


@pytest.mark.parametrize(
    ("text", "value", "function", "kind"),
    [
        ("attribute_type(a, size(a)) and a=b and a=:a", {"N": "1"}, "attribute_type", "N"),
        ("attribute_type(a, :a)", {"B": "YQ=="}, "attribute_type", "B"),
        ("begins_with(a, :a)", {"N": "1"}, "begins_with", "N"),
        ("begins_with(:a, a)", {"NULL": True}, "begins_with", "NULL"),
        ("size(size(a)) > :a", {"N": "1"}, "size", "N"),
        ("attribute_not_exists(size(:a))", {"N": "1"}, "size", "N"),
        ("size(:a) > a", {"BOOL": True}, "size", "BOOL"),
        ("a < :a", {"L": []}, "<", "L"),
        (":a >= a", {"BOOL": True}, ">=", "BOOL"),
        ("a between :a and b", {"SS": ["a"]}, "BETWEEN", "SS"),
    ],
)
def test_constants_of_wrong_types(
    text: str, value: dict[str, Any], function: str, kind: str
) -> None:
    assert refused(text, a=value) == (
        f"Invalid {KIND}: Incorrect operand type for operator or function; "
        f"operator or function: {function}, operand type: {kind}"
    )


def test_operands_that_must_be_paths() -> None:
    for text, function in (
        ("attribute_exists(:a) and a=b", "attribute_exists"),
        ("attribute_not_exists(size(:a))", "attribute_not_exists"),
    ):
        assert refused(text, a={"S": "1"}) == (
            f"Invalid {KIND}: Operator or function requires a document path; "
            f"operator or function: {function}"
        )


def test_attribute_type_takes_the_name_of_a_type() -> None:
    assert refused("attribute_type(a, :a)", a={"S": "DOG"}) == (
        f"Invalid {KIND}: Invalid attribute type name found; type: DOG, "
        "valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"
    )


@pytest.mark.parametrize(
    ("text", "operator", "path"),
    [
        ("a = a AND #a = b AND :views > a", "=", "[a]"),
        ("#a <> a", "<>", "[a]"),
        ("a > #a", ">", "[a]"),
        ("((a=a) OR (a=a))", "=", "[a]"),
        ("contains(ab.bc[1].a, ab.bc[1].#a)", "contains", "[ab, bc, [1], a]"),
        ("attribute_type(ab.bc[1].#a, ab.bc[1].a)", "attribute_type", "[ab, bc, [1], a]"),
    ],
)
def test_an_attribute_is_not_compared_with_itself(text: str, operator: str, path: str) -> None:
    assert refused(text, {"#a": "a"}) == (
        f"Invalid {KIND}: The first operand must be distinct from the remaining operands for "
        f"this operator or function; operator: {operator}, first operand: {path}"
    )


def test_between_wants_its_constant_bounds_of_one_type_and_in_order() -> None:
    assert refused("a between :b and :a", a={"S": "a"}, b={"N": "1"}) == (
        f"Invalid {KIND}: The BETWEEN operator requires same data type for lower and upper "
        "bounds; lower bound operand: AttributeValue: {N:1}, "
        "upper bound operand: AttributeValue: {S:a}"
    )
    assert refused("a between :b and :a", a={"N": "1e1"}, b={"N": "11"}) == (
        f"Invalid {KIND}: The BETWEEN operator requires upper bound to be greater than or equal "
        "to lower bound; lower bound operand: AttributeValue: {N:11}, "
        "upper bound operand: AttributeValue: {N:10}"
    )


def test_faults_rank_before_others_that_stand_further_left() -> None:
    undefined = "#undefined = :undefined and a = a"
    assert "reserved keyword: abort" in refused(f"{undefined} and abort = b")
    assert "function: size" in refused(f"{undefined} and abort = b and size(a)")
    assert "Invalid function name" in refused(f"{undefined} and size(a) and nope(abort)")
    assert "redundant" in refused(f"{undefined} and nope(a) and ((abort)) = a")
    assert "Syntax error" in refused(f"{undefined} and ((abort)) = a = b")


def test_all_573_reserved_words_need_a_reference() -> None:
    assert len(RESERVED_WORDS) == 573
    keywords = {"AND", "OR", "NOT", "BETWEEN", "IN"}
    for word in sorted(RESERVED_WORDS - keywords):
        name = word.capitalize()
        assert refused(f"attribute_exists({name})") == (
            f"Invalid {KIND}: Attribute name is a reserved keyword; reserved keyword: {name}"
        )
    assert holds("attribute_exists(#s.#t)", {"#s": "m", "#t": "a"})


def test_condition_tells_the_attributes_it_reads() -> None:
    condition = compile_condition("a.b = c OR size((d)[1]) > e", bind(None, None))
    assert condition.heads == {"a", "c", "d", "e"}
    assert condition.nested == {"a", "d"}


def test_filter_on_key_attributes_is_refused() -> None:
    condition = compile_condition("a = pk", bind(None, None), KIND)
    condition.check_without(["sk"])
    with pytest.raises(ExpressionError) as error:
        condition.check_without(["sk", "pk"])
    assert error.value.message == (
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: pk"
    )


def test_message_can_be_prefixed_as_writes_do() -> None:
    with pytest.raises(ExpressionError) as error:
        compile_condition("", bind(None, None))
    assert error.value.prefixed().message == (
        "1 validation error detected: Invalid ConditionExpression: The expression can not be empty;"
    )


def _words(text: str) -> set[str]:
    return set(text.replace("(", " ").replace(")", " ").replace(",", " ").split())

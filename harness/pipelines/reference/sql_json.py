"""SQL that turns DynamoDB JSON text into plain JSON text, at any depth, inside ClickHouse.

The text is cut into tokens. In DynamoDB JSON every value is wrapped (`{"S": "x"}`) and only maps
and lists hold further values, so brackets alternate: those at odd depth are wrappers and go, those
at even depth are containers and stay. The parity of the running depth therefore tells both apart,
even where an attribute is itself called `M` or `S`. Linear in the length of the text.
"""

from __future__ import annotations

from harness.pipelines.reference.plain_json import FLOAT_WHOLE_MAX

TOKENS = '\'"(?:[^"\\\\\\\\]|\\\\\\\\.)*"|[{}\\\\[\\\\]:,]|[^\\\\s{}\\\\[\\\\]:,"]+\''
"""A SQL literal: JSON strings, brackets and marks, and bare words."""


def plain_json(raw: str, *, exact: bool) -> str:
    """Plain JSON text of one attribute value.

    Args:
        raw: SQL expression of the value's DynamoDB JSON text.
        exact: numbers that neither Int64 nor Float64 spell exactly become strings of digits, in
            lists and sets whole ones that Float64 does not (beside a fraction they become floats).
    """
    digits = "substring(t, 2, length(t) - 2)"
    number = exact_number(digits, "b != ':'") if exact else digits
    member = exact_number(digits, "true") if exact else digits
    # Before a number stand `{"N":`, and before that a member's name and its colon, or a list's mark.
    holder = "arrayResize(arrayConcat(['', '', '', ''], tk), length(tk))" if exact else "tk"
    depth = "arrayCumSum(arrayMap(t -> multiIf(t IN ('{', '['), 1, t IN ('}', ']'), -1, 0), tk))"
    before = "arrayPushFront(arrayPopBack(tk), '')"
    after = "arrayPushBack(arrayPopFront(tk), '')"
    tag = (
        "arrayFill(t -> t != '', arrayMap((t, d, p, n) -> "
        "if(d % 2 = 1 AND p = '{' AND n = ':', t, ''), tk, dp, pv, nx))"
    )
    out = (
        "arrayMap((t, d, p, n, y, b) -> multiIf("
        "t = '{', if(d % 2 = 1, '', t), "
        "t = '}', if(d % 2 = 0, '', t), "
        "t IN ('[', ']'), t, "
        f"d % 2 = 1, multiIf(p != ':', '', y = '\"N\"', {number}, y = '\"NULL\"', 'null', t), "
        f"y = '\"NS\"' AND startsWith(t, '\"') AND n != ':', {member}, "
        "t), tk, dp, pv, nx, ty, hd)"
    )
    text = f"arrayStringConcat({out})"
    text = _bind("ty", tag, _bind("hd", holder, text))
    text = _bind("dp", depth, _bind("pv", before, _bind("nx", after, text)))
    return _bind("tk", f"extractAll({raw}, {TOKENS})", text)


def exact_number(digits: str, listed: str) -> str:
    """The digits, quoted unless Int64 (Float64, where it is `listed`) or Float64 spell the same.

    A fraction below 0.0001 is quoted as well: its float is written with an exponent.
    """
    judged = (
        f"if(toString(toInt64OrZero(g)) = g AND (NOT ({listed}) "
        f"OR toInt64OrZero(g) BETWEEN -{FLOAT_WHOLE_MAX} AND {FLOAT_WHOLE_MAX}) "
        "OR (position(g, '.') > 0 "
        "AND position(g, '0.0000') = 0 AND toString(toFloat64OrZero(g)) = g), "
        "g, concat('\"', g, '\"'))"
    )
    return _bind("g", digits, judged)


def _bind(name: str, value: str, body: str) -> str:
    """`let name = value in body`: SQL has no such thing inside lambdas, a one-element map is."""
    return f"arrayMap({name} -> {body}, [{value}])[1]"

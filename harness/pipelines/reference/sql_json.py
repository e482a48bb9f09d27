"""SQL that turns DynamoDB JSON text into plain JSON text, at any depth, inside ClickHouse.

The text is cut into tokens. In DynamoDB JSON every value is wrapped (`{"S": "x"}`) and only maps
and lists hold further values, so brackets alternate: those at odd depth are wrappers and go, those
at even depth are containers and stay. The parity of the running depth therefore tells both apart,
even where an attribute is itself called `M` or `S`. Linear in the length of the text.
"""

from __future__ import annotations

TOKENS = '\'"(?:[^"\\\\\\\\]|\\\\\\\\.)*"|[{}\\\\[\\\\]:,]|[^\\\\s{}\\\\[\\\\]:,"]+\''
"""A SQL literal: JSON strings, brackets and marks, and bare words."""


def plain_json(raw: str, *, exact: bool) -> str:
    """Plain JSON text of one attribute value.

    Args:
        raw: SQL expression of the value's DynamoDB JSON text.
        exact: numbers that neither Int64 nor Float64 spell exactly become strings of digits.
    """
    digits = "substring(t, 2, length(t) - 2)"
    number = exact_number(digits) if exact else digits
    depth = "arrayCumSum(arrayMap(t -> multiIf(t IN ('{', '['), 1, t IN ('}', ']'), -1, 0), tk))"
    before = "arrayPushFront(arrayPopBack(tk), '')"
    after = "arrayPushBack(arrayPopFront(tk), '')"
    tag = (
        "arrayFill(t -> t != '', arrayMap((t, d, p, n) -> "
        "if(d % 2 = 1 AND p = '{' AND n = ':', t, ''), tk, dp, pv, nx))"
    )
    out = (
        "arrayMap((t, d, p, n, y) -> multiIf("
        "t = '{', if(d % 2 = 1, '', t), "
        "t = '}', if(d % 2 = 0, '', t), "
        "t IN ('[', ']'), t, "
        f"d % 2 = 1, multiIf(p != ':', '', y = '\"N\"', {number}, y = '\"NULL\"', 'null', t), "
        f"y = '\"NS\"' AND startsWith(t, '\"') AND n != ':', {number}, "
        "t), tk, dp, pv, nx, ty)"
    )
    text = f"arrayStringConcat({out})"
    text = _bind("ty", tag, text)
    text = _bind("dp", depth, _bind("pv", before, _bind("nx", after, text)))
    return _bind("tk", f"extractAll({raw}, {TOKENS})", text)


def exact_number(digits: str) -> str:
    """The digits, quoted unless Int64 or Float64 spell the same.

    A fraction below 0.0001 is quoted as well: its float is written with an exponent.
    """
    judged = (
        "if(toString(toInt64OrZero(g)) = g OR (position(g, '.') > 0 "
        "AND position(g, '0.0000') = 0 AND toString(toFloat64OrZero(g)) = g), "
        "g, concat('\"', g, '\"'))"
    )
    return _bind("g", digits, judged)


def _bind(name: str, value: str, body: str) -> str:
    """`let name = value in body`: SQL has no such thing inside lambdas, a one-element map is."""
    return f"arrayMap({name} -> {body}, [{value}])[1]"

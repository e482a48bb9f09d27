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
    number = exact_number(digits) if exact else normalised(digits)
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


def normalised(digits: str) -> str:
    """Plain digits of a number: DynamoDB writes them so; an exponent is written out."""
    is_plain = f"ifNull(positionCaseInsensitive({digits}, 'e'), 0) = 0"
    return f"if({is_plain}, {digits}, {_expanded(digits)})"


def exact_number(digits: str) -> str:
    """The digits, quoted unless Int64 or Float64 spell the same."""
    plain = normalised(digits)
    nearest = normalised("toString(toFloat64OrZero(g))")
    judged = (
        "if(toString(toInt64OrZero(g)) = g OR "
        f"(position(g, '.') > 0 AND {nearest} = g), g, concat('\"', g, '\"'))"
    )
    return _bind("g", plain, judged)


def _expanded(digits: str) -> str:
    """A number with an exponent, written out in full by moving the point in its text."""
    groups = f"extractGroups(ifNull({digits}, ''), '^(-?)([0-9]+)\\\\.?([0-9]*)[eE]([-+]?[0-9]+)$')"
    whole = (
        "if(pt <= 0, '0', concat(substring(ds, 1, toUInt32(greatest(pt, 0))), "
        "repeat('0', toUInt32(greatest(pt - toInt32(length(ds)), 0)))))"
    )
    fraction = (
        "if(pt <= 0, concat(repeat('0', toUInt32(greatest(-pt, 0))), ds), "
        "substring(ds, toUInt32(greatest(pt, 0)) + 1))"
    )
    joined = (
        "concat(mt[1], replaceRegexpOne(wh, '^0+(.)', '\\\\1'), if(fr = '', '', concat('.', fr)))"
    )
    joined = _bind("wh", whole, joined)
    joined = _bind("fr", f"replaceRegexpOne({fraction}, '0+$', '')", joined)
    joined = _bind("pt", "toInt32(length(mt[2])) + toInt32OrZero(mt[4])", joined)
    joined = _bind("ds", "concat(mt[2], mt[3])", joined)
    return _bind("mt", groups, joined)


def _bind(name: str, value: str, body: str) -> str:
    """`let name = value in body`: SQL has no such thing inside lambdas, a one-element map is."""
    return f"arrayMap({name} -> {body}, [{value}])[1]"

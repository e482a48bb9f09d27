"""Text and numbers that denote a day or a moment, as epoch seconds that any column's zone reads.

Text is ISO 8601 in UTC unless it names an offset; a fraction finer than the column is refused.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

DATE = re.compile(r"\d{4}-\d\d-\d\d")
MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?(Z|z|[+-]\d\d:?\d\d)?)?"
)
DAY_RANGE = ("1970-01-01", "2149-06-06")
WIDE_DAY_RANGE = ("1900-01-01", "2299-12-31")
SECONDS_END = 1 << 32
WIDE_SECONDS = (-2_208_988_800, 10_413_792_000)
NANOSECOND_SECONDS = (-2_208_988_800, 9_223_372_036)
NANOSECONDS = 9


def date_text(text: str, *, wide: bool) -> str | None:
    """The day as Date (wide: Date32) reads it, or None when there is no such day in its range."""
    if DATE.fullmatch(text) is None:
        return None
    datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    least, most = WIDE_DAY_RANGE if wide else DAY_RANGE
    return text if least <= text <= most else None


def moment_text(text: str, precision: int, *, wide: bool) -> str | None:
    """Epoch seconds, with a fraction if the text has one, or None when the column has no room."""
    match = MOMENT.fullmatch(text)
    if match is None:
        return None
    day, time, fraction, zone = match.groups()
    zone = {None: "+00:00", "Z": "+00:00", "z": "+00:00"}.get(zone, zone)
    moment = datetime.fromisoformat(f"{day}T{time or '00:00'}{zone}")
    seconds = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return _fit(seconds, (fraction or "").rstrip("0"), precision, wide=wide)


def number_moment(digits: str, precision: int, *, wide: bool) -> str | None:
    """Epoch seconds from a DynamoDB number, or None when the column has no room."""
    whole, _, fraction = digits.partition(".")
    if digits.startswith("-") and fraction:
        # −1.5 s is the second −2 and half a second after it.
        size = len(fraction)
        ticks = int(whole + fraction)
        return _fit(ticks // 10**size, f"{ticks % 10**size:0{size}d}", precision, wide=wide)
    return _fit(int(whole), fraction, precision, wide=wide)


def _fit(seconds: int, fraction: str, precision: int, *, wide: bool) -> str | None:
    if len(fraction) > precision:
        return None
    if not wide:
        return str(seconds) if 0 <= seconds < SECONDS_END else None
    least, end = NANOSECOND_SECONDS if precision == NANOSECONDS else WIDE_SECONDS
    if not least <= seconds < end:
        return None
    if seconds >= 0 or not fraction:
        return f"{seconds}.{fraction}" if fraction else str(seconds)
    ticks = seconds * 10 ** len(fraction) + int(fraction)
    sign, ticks = ("-", -ticks) if ticks < 0 else ("", ticks)
    scale = 10 ** len(fraction)
    return f"{sign}{ticks // scale}.{ticks % scale:0{len(fraction)}d}"

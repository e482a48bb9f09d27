"""Moments as requests give them and as manifests write them; inside they are epoch µs."""

from __future__ import annotations

from datetime import UTC, datetime

from harness.clock import SECOND_US

CALENDAR_SECONDS = 7000 * 366 * 86_400


def epoch_us(seconds: float) -> int:
    """A time of a request; one that is beyond all calendars becomes the end of them."""
    return round(max(-CALENDAR_SECONDS, min(seconds, CALENDAR_SECONDS)) * SECOND_US)


def iso_time(time_us: int) -> str:
    """`2020-11-04T07:28:34.028Z`."""
    moment = datetime.fromtimestamp(time_us // SECOND_US, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_us // 1000 % 1000:03d}Z"

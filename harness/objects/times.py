"""Times as S3 writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate

SECOND_US = 1_000_000


def http_date(time_us: int) -> str:
    """As Last-Modified shows it."""
    return formatdate(time_us // SECOND_US, usegmt=True)


def iso_date(time_us: int) -> str:
    """As listings show it: whole seconds with three zeros."""
    moment = datetime.fromtimestamp(time_us // SECOND_US, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")

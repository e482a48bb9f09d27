"""On what a bench ran: without it a figure says nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.clock import WallClock

GIGABYTE = 1_000_000_000


def describe(versions: dict[str, str] | None = None) -> dict[str, Any]:
    """Processor, cores, memory, system, date and versions.

    Args:
        versions: of the endpoints that took part.
    """
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(pages / GIGABYTE, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "boto3": version("boto3"),
        "date": WallClock().datetime().strftime("%Y-%m-%d"),
        "load_average": round(os.getloadavg()[0], 1),
        "versions": versions or {},
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    for line in text.splitlines():
        if line.startswith("model name"):
            return " ".join(line.partition(":")[2].split())
    return platform.machine()

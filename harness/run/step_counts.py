"""What has happened in a stepped example so far, in numbers, and the pipeline's present life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.run.step_threads import Activity


@dataclass(slots=True)
class Counts:
    """How much has happened, against the scenario's bounds."""

    faults: int = 0
    kills: int = 0
    zombies: int = 0
    reshards: int = 0
    exports: int = 0
    lost_checkpoints: int = 0
    outages: int = 0
    stops: int = 0
    rollbacks: int = 0
    alters: int = 0
    truncates: int = 0
    incremental_exports: int = 0
    destination_outages: int = 0
    gaps: int = 0
    precision_changes: int = 0
    clock_steps: int = 0
    storms: int = 0
    copies: int = 0
    requests: int = 0
    inserts: int = 0
    deliveries: int = 0


@dataclass(slots=True)
class Incarnation:
    """One life of the pipeline."""

    number: int
    main: Activity
    stopping: bool = False

"""The gates of a live run: what the scenario wants of them, and what they have seen."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import UsageError
from harness.faults.sightings import SightingCounter
from harness.history import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from harness.backends.world import Backends
    from harness.scenario.model import Scenario

HISTORY = "history.jsonl"
KINDS = ("aws", "clickhouse")


def gates_of(scenario: Scenario, backends: Backends, run_dir: Path) -> dict[str, dict[str, Any]]:
    """For each server its gate: what passes it is what the checks know of the pipeline's reads.

    Raises:
        UsageError: the scenario wants relay disorder of a server that is foreign.
    """
    if not backends.is_embedded("aws") and relay_settings(scenario):
        raise UsageError(
            f"{scenario.name} sets [relay], but aws is not embedded", hint="leave out --aws"
        )
    shared = {
        "faults": scenario.faults.model_dump(),
        "seed": scenario.seed,
        "holds": [
            {"number": number, **planned.on_request.model_dump()}
            for number, planned in enumerate(scenario.operator)
            if planned.on_request is not None
        ],
    }
    return {kind: {**shared, "events": str(_events(run_dir, kind))} for kind in KINDS}


def relay_settings(scenario: Scenario) -> dict[str, Any]:
    """The relay's behaviour as far as the scenario sets it; empty when it is calm."""
    return scenario.relay.model_dump(exclude_defaults=True)


def endpoint_settings(scenario: Scenario) -> dict[str, dict[str, Any]]:
    """The embedded endpoint for a run: nobody gains by waiting for a stream to become active."""
    states = ("create_seconds", "update_seconds", "delete_seconds", "consumer_seconds")
    return {
        "kinesis": dict.fromkeys(states, 0.0),
        "destination": {"enabling": 0.0},
        "export": {"data_files": scenario.snapshot.data_files, "seconds": 0.0},
        "relay": relay_settings(scenario),
    }


def merge_events(run_dir: Path) -> None:
    """Put what the servers wrote into the history, by time; the servers must have gone quiet."""
    parts = [run_dir / HISTORY, *(_events(run_dir, kind) for kind in KINDS)]
    present = [part for part in parts if part.exists()]
    merged = run_dir / f"{HISTORY}.merged"
    with merged.open("wb") as out:
        for event in heapq.merge(*(_by_time(part) for part in present), key=_at):
            out.write(orjson.dumps(event) + b"\n")
    merged.replace(run_dir / HISTORY)
    for part in present[1:]:
        part.unlink()


def sightings_of(scenario: Scenario, run_dir: Path) -> dict[str, int]:
    """What a run has met, from its history and from what its servers have written so far."""
    counter = SightingCounter(scenario.target.table)
    return dict(sorted(counter.feed_all(events_so_far(run_dir)).items()))


def events_so_far(run_dir: Path) -> Iterator[dict[str, Any]]:
    """The history with what the servers have written so far, by time; the latter still go on."""
    parts = [run_dir / HISTORY, *(_events(run_dir, kind) for kind in KINDS)]
    return heapq.merge(*(_by_time(part) for part in parts if part.exists()), key=_at)


def missing_sightings(scenario: Scenario, seen: dict[str, int]) -> list[str]:
    """Those without which the scenario proves nothing."""
    return [name for name in scenario.sightings if not seen.get(name)]


def _by_time(path: Path) -> Iterator[dict[str, Any]]:
    """A file's events; each is stamped as it is written, so the file is in order but for threads."""
    events: Iterable[dict[str, Any]] = read(path)
    last = 0
    for event in events:
        # Two threads may write their lines in the other order than they took their stamps.
        last = event["at"] = max(last, event["at"])
        yield event


def _at(event: Mapping[str, Any]) -> int:
    return int(event["at"])


def _events(run_dir: Path, kind: str) -> Path:
    return (run_dir / f"{kind}.events.jsonl").resolve()

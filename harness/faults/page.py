"""`docs/faults.md`, written from the faults' own docstrings and settings.

python -m harness.faults.page > docs/faults.md
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from harness.faults.acts import acts
from harness.faults.fault import known_faults
from harness.faults.sightings import SIGHTINGS

if TYPE_CHECKING:
    from harness.faults.acts import Act
    from harness.faults.fault import Fault

HEAD = """# Faults

Every request that a pipeline makes, to AWS or to ClickHouse, passes a gate.
A fault is what may happen to it there.
No fault breaks what the service promises, except those marked so, which a scenario must allow by `breaks_promises = true`.

This page is written from the faults' own docstrings: `python -m harness.faults.page > docs/faults.md`.

## In a live run

```toml
[[faults.plan]]
fault = "error-after"        # its name below
service = "clickhouse"       # dynamodb, streams, kinesis, s3 or clickhouse; empty for any
operation = "INSERT"         # AWS's name of the operation, S3's HTTP method, ClickHouse's first word
subject = "orders"           # shard, stream, table or bucket/key, with * and ?
at = [0, 3]                  # which of such requests; leave out for all
probability = 1.0            # or a share of them, drawn from the seed
attempts = 1                 # how many tries of the same request are hit
times_max = 10               # at most so many in a run

[faults.plan.settings]       # of the fault, where it has any
```

A request is numbered by what it is, never by its time.
Requests of one service, operation and subject are numbered from 0; one that is tried again keeps its number.
Polls that find nothing number nothing: the next page with records does.
So the same seed and scenario give the same plan, however fast the machine is.

Faults last until the target equals the source.
If it does not come to that, they end, and the target must converge without them.

## In a stepped run

`[stepped] faults = [...]` names those that the scheduler may choose for a held request, `faults_max` how many.

## The faults
"""

ACTS_HEAD = """
## The operator

What an operator does while a live run goes on: kills, deployments, reshards, exports, mistakes.

```toml
[[operator]]
act = "kill"                 # its name below
on_request = { service = "clickhouse", operation = "INSERT", subject = "orders", at = 3 }

[[operator]]
act = "split"
after_changes = 500          # when so many changes of the workload have been answered

[[operator]]
act = "lose-checkpoints"
phase = "settled"            # snapshot, changes, settle: as it begins; settled: the target is at rest
```

No moment is a time, so a plan does the same on any machine.
A request that an act waits for is held at the gate until the act has happened: `effect = "after"` (the default) when it has taken effect and is not yet answered, `"before"` when it has not taken effect.
The workload waits at `after_changes` in the same way.
After `settled` the target must come to rest once more.
An act whose moment never comes is told in the run's notes.

A plan may hold an act that leaves a loss which no pipeline can repair by itself only with `breaks_promises = true` in `[faults]`; or, where a new export brings back what was lost, with a `second-export` further down in the plan.
Stepped runs do not read this list: `[stepped]` bounds what their scheduler may do, and it chooses the moments.

A gap of the streaming destination (`destination-off`, writes, `destination-on`) is such a loss: no record tells of those writes, so the run fails, its notes count them, and `harness explain` names the gap.
What closes it is a new export, and three things make that sure: the pipeline has first read what is left on the stream, the export is taken some minutes after the last change before the gap, as its cut is not sharp, and the pipeline loads it over what it has and deletes what is not in it.
The scenario `destination-gap` does so.

### The acts
"""

SIGHTING_HEAD = """
## Sightings

What a run has met, counted.
A scenario lists in `sightings` those without which its pass proves nothing; a run that misses one is `unknown`.

| name | what was met |
|---|---|
"""


def page() -> str:
    """The page as Markdown."""
    told = [*(_section(kind) for kind in known_faults()), ACTS_HEAD.lstrip("\n")]
    parts = [HEAD, *told, *(_section(kind, "####") for kind in acts), SIGHTING_HEAD]
    return "\n".join(parts[:-1]) + parts[-1] + _sightings()


def _section(kind: type[Fault] | type[Act], level: str = "###") -> str:
    what: Any = kind
    text = inspect.cleandoc(what.__doc__ or "")
    told, _, settings = text.partition("Attributes:")
    source = ""
    if "Source:" in told:
        told, _, source = told.partition("Source:")
    if "Source:" in settings:
        settings, _, source = settings.partition("Source:")
    lines = [f"{level} `{what.name}`", "", told.strip(), ""]
    names = (*getattr(what, "services", ()), *getattr(what, "operations", ()))
    where = [f"`{name}`" for name in names]
    if where:
        lines += [f"Meets {', '.join(where)} alone.", ""]
    if what.breaks_promise:
        repaired = getattr(what, "export_repairs", False)
        unless = ", unless a later `second-export` is planned" if repaired else ""
        lines += [f"Must be allowed by `breaks_promises`{unless}.", ""]
    if fields(what):
        lines += ["| setting | default | |", "|---|---|---|"]
        meanings = _meanings(settings)
        lines += [f"| `{f.name}` | `{f.default!r}` | {meanings[f.name]} |" for f in fields(what)]
        lines.append("")
    if source:
        lines += [f"Source: {' '.join(source.split())}", ""]
    return "\n".join(lines)


def _meanings(settings: str) -> dict[str, str]:
    """Setting to its sentence, from the docstring's list of attributes."""
    found: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(settings).splitlines():
        head, colon, rest = line.partition(":")
        if colon and head.isidentifier():
            name, found[head] = head, rest.strip()
        elif name and line.strip():
            found[name] += " " + line.strip()
    return found


def _sightings() -> str:
    return "".join(f"| `{name}` | {what} |\n" for name, what in SIGHTINGS.items())


if __name__ == "__main__":
    sys.stdout.write(page())
